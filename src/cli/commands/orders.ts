/** What is ordered of single tasks: to end, or to be tried again. */
import { CodedError } from '../../base/errors.ts'
import type { TaskRecord } from '../../tasks/task.ts'
import { clientOf } from '../client.ts'
import type { Call } from '../command.ts'
import { EXIT } from '../exit-code.ts'

/** One after the other; what fails does not keep the others back, and is said. */
export async function orderEach(call: Call, kind: 'cancel' | 'retry'): Promise<number> {
  const client = clientOf(call)
  const { out, err } = call.terminal
  let failed = 0
  for (const id of call.args) {
    try {
      const record = await client.post<TaskRecord>(`/v1/tasks/${encodeURIComponent(id)}/${kind}`, {})
      out.write(call.json ? `${JSON.stringify(record)}\n` : `${id}: ${record.state}\n`)
    } catch (error) {
      // A single one fails as any command does; so does a daemon that is not there.
      if (!(error instanceof CodedError) || call.args.length === 1 || error.code === 'DAEMON_UNREACHABLE')
        throw error
      failed++
      err.write(`${id}: ${error.code}: ${error.detail}\n`)
    }
  }
  return failed === 0 ? EXIT.ok : EXIT.failed
}
