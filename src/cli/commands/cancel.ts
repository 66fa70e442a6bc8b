import type { TaskRecord } from '../../tasks/task.ts'
import { clientOf } from '../client.ts'
import type { Call } from '../command.ts'
import { EXIT } from '../exit-code.ts'
import { taskSheet } from '../task-view.ts'

export async function run(call: Call): Promise<number> {
  const path = `/v1/tasks/${encodeURIComponent(call.args[0] ?? '')}/cancel`
  const task = await clientOf(call).post<TaskRecord>(path, {})
  call.terminal.out.write(call.json ? `${JSON.stringify(task)}\n` : taskSheet(task))
  return EXIT.ok
}
