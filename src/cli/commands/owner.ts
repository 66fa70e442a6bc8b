import { CodedError } from '../../base/errors.ts'
import type { NodeStatus, OwnerAnswer } from '../../node/status.ts'
import { clientOf, type DaemonClient } from '../client.ts'
import { type Call, flag } from '../command.ts'
import { EXIT } from '../exit-code.ts'

/** Prints the owner's name and nothing else, so that it can be used in `$(...)`. */
export async function run(call: Call): Promise<number> {
  const key = call.args[0] ?? ''
  const client = clientOf(call)
  const answer = await client.get<OwnerAnswer>(`/v1/owner/${encodeURIComponent(key)}`)
  if (answer.owner == null && !call.json) throw await nobodyOwns(client)
  call.terminal.out.write(call.json ? `${JSON.stringify(answer)}\n` : `${answer.owner}\n`)
  if (flag(call.values, 'acting')) return answer.acting ? EXIT.ok : EXIT.failed
  if (flag(call.values, 'mine')) return answer.mine ? EXIT.ok : EXIT.failed
  return answer.owner == null ? EXIT.failed : EXIT.ok
}

/** The answer itself does not say why the ring is empty; the phase of the node does. */
async function nobodyOwns(client: DaemonClient): Promise<CodedError> {
  const { phase } = await client.get<NodeStatus>('/v1/status')
  return phase === 'joining'
    ? new CodedError('NOT_READY', 'It has not joined the cluster, and knows no owner.')
    : new CodedError('NO_OWNER', 'Uncordon one, or start another.')
}
