/** Commands that ask one thing of a node and print what it says. */
import { clientOf } from './client.ts'
import type { Call } from './command.ts'
import { EXIT } from './exit-code.ts'

interface Done {
  readonly nodeId: string
  readonly detail: string
}

/** Posts, and prints the one sentence that the node answers. */
export async function order(call: Call, path: string, body: object = {}): Promise<number> {
  const answer = await clientOf(call).post<Done>(path, body)
  call.terminal.out.write(call.json ? `${JSON.stringify(answer)}\n` : `${answer.detail}\n`)
  return EXIT.ok
}
