import type { Problem } from '../../base/errors.ts'
import { usage } from '../arguments.ts'
import { clientOf } from '../client.ts'
import { type Call, wholeNumber } from '../command.ts'
import { EXIT } from '../exit-code.ts'

const DEADLINE_MS_MAX = 600_000

export async function run(call: Call): Promise<number> {
  const problems: Problem[] = []
  const deadlineMs = wholeNumber(call.values, 'deadline-ms', { min: 0, max: DEADLINE_MS_MAX }, problems)
  if (problems.length > 0) throw usage('leave', problems)
  const body = deadlineMs === undefined ? {} : { deadlineMs }
  const answer = await clientOf(call).post<object>('/v1/leave', body)
  call.terminal.out.write(
    call.json ? `${JSON.stringify(answer)}\n` : 'It leaves: it drains, hands over, and then ends.\n',
  )
  return EXIT.ok
}
