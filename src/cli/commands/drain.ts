import type { Problem } from '../../base/errors.ts'
import { usage } from '../arguments.ts'
import { clientOf } from '../client.ts'
import { type Call, wholeNumber } from '../command.ts'
import { EXIT } from '../exit-code.ts'

const DEADLINE_MS = 60_000
const DEADLINE_MS_MAX = 600_000
/** The daemon keeps the deadline; this is for its answer to come. */
const GRACE_MS = 15_000

interface Drained {
  readonly nodeId: string
  readonly drained: boolean
  readonly running: number
  readonly unsafe: number
  readonly tasks: readonly string[]
}

export async function run(call: Call): Promise<number> {
  const problems: Problem[] = []
  const range = { min: 0, max: DEADLINE_MS_MAX }
  const deadlineMs = wholeNumber(call.values, 'deadline-ms', range, problems) ?? DEADLINE_MS
  if (problems.length > 0) throw usage('drain', problems)
  const client = clientOf(call, deadlineMs + GRACE_MS)
  const found = await client.post<Drained>('/v1/drain', { deadlineMs })
  call.terminal.out.write(call.json ? `${JSON.stringify(found)}\n` : describe(found))
  return found.drained ? EXIT.ok : EXIT.deadline
}

function describe({ nodeId, drained, running, unsafe, tasks }: Drained): string {
  if (drained) return `${nodeId} owns no keys, runs nothing, and holds nothing that no other node has\n`
  const named = tasks.length === 0 ? '' : `: ${tasks.join(', ')}`
  const attempts = `${running} ${running === 1 ? 'attempt runs' : 'attempts run'} on it still${named}`
  return `${nodeId} owns no keys, but is not drained yet: ${attempts}; ${unsafe} records are on its disk alone\n`
}
