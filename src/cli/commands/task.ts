import type { Problem } from '../../base/errors.ts'
import type { TaskRecord } from '../../tasks/task.ts'
import { usage } from '../arguments.ts'
import { logText, type TaskLog } from '../attempt-view.ts'
import { clientOf } from '../client.ts'
import { type Call, flag, text, wholeNumber } from '../command.ts'
import { EXIT } from '../exit-code.ts'
import { taskSheet } from '../task-view.ts'

const ATTEMPT_MAX = 1_000_000
/** The API's most. */
const BYTES_MAX = 16_384

export async function run(call: Call): Promise<number> {
  const query = queryOf(call)
  const path = `/v1/tasks/${encodeURIComponent(call.args[0] ?? '')}`
  const { out } = call.terminal
  if (flag(call.values, 'log')) {
    const log = await clientOf(call).get<TaskLog>(`${path}/log${query === '' ? '' : `?${query}`}`)
    out.write(call.json ? `${JSON.stringify(log)}\n` : logText(log))
  } else {
    const task = await clientOf(call).get<TaskRecord>(path)
    out.write(call.json ? `${JSON.stringify(task)}\n` : taskSheet(task))
  }
  return EXIT.ok
}

function queryOf({ values }: Call): string {
  const problems: Problem[] = []
  const query = new URLSearchParams()
  for (const [name, max] of [
    ['attempt', ATTEMPT_MAX],
    ['bytes', BYTES_MAX],
  ] as const) {
    const given = wholeNumber(values, name, { min: 1, max }, problems)
    if (given !== undefined) query.set(name, String(given))
    if (text(values, name) !== undefined && !flag(values, 'log'))
      problems.push({ at: `--${name}`, expected: '--log beside it', got: 'none' })
  }
  if (problems.length > 0) throw usage('task', problems)
  return query.toString()
}
