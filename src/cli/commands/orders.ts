/** What is ordered of single tasks: to end, or to be tried again. */
import { CodedError } from '../../base/errors.ts'
import type { TaskRecord } from '../../tasks/task.ts'
import { clientOf } from '../client.ts'
import type { Call } from '../command.ts'
import { errorDocument } from '../errors.ts'
import { EXIT, exitCodeOf } from '../exit-code.ts'

/** One after the other; what fails does not keep the others back, and is said. */
export async function orderEach(call: Call, kind: 'cancel' | 'retry'): Promise<number> {
  const client = clientOf(call)
  let code: number = EXIT.ok
  for (const [index, id] of call.args.entries()) {
    try {
      const record = await client.post<TaskRecord>(`/v1/tasks/${encodeURIComponent(id)}/${kind}`, {})
      call.terminal.out.write(call.json ? `${JSON.stringify(record)}\n` : `${id}: ${record.state}\n`)
    } catch (error) {
      // A single one fails as any command does.
      if (!(error instanceof CodedError) || call.args.length === 1) throw error
      code = EXIT.failed
      if (error.code !== 'DAEMON_UNREACHABLE') sayFailed(call, id, error)
      else {
        // Nobody is there to be asked for the rest.
        for (const left of call.args.slice(index)) sayFailed(call, left, error)
        return exitCodeOf(error)
      }
    }
  }
  return code
}

function sayFailed({ json, terminal }: Call, id: string, error: CodedError): void {
  if (json) terminal.out.write(`${JSON.stringify({ id, ...errorDocument(error) })}\n`)
  else terminal.err.write(`${id}: ${error.code}: ${error.detail} (${error.state})\n`)
}
