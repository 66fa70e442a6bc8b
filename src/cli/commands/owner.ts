import type { OwnerAnswer } from '../../node/status.ts'
import { clientOf } from '../client.ts'
import { type Call, flag } from '../command.ts'
import { EXIT } from '../exit-code.ts'

/** Prints the owner's name and nothing else, so that it can be used in `$(...)`. */
export async function run(call: Call): Promise<number> {
  const key = call.args[0] ?? ''
  const answer = await clientOf(call).get<OwnerAnswer>(`/v1/owner/${encodeURIComponent(key)}`)
  call.terminal.out.write(call.json ? `${JSON.stringify(answer)}\n` : `${answer.owner ?? ''}\n`)
  if (flag(call.values, 'acting')) return answer.acting ? EXIT.ok : EXIT.failed
  if (flag(call.values, 'mine')) return answer.mine ? EXIT.ok : EXIT.failed
  return answer.owner == null ? EXIT.failed : EXIT.ok
}
