import { clientOf } from '../client.ts'
import type { Call } from '../command.ts'
import { EXIT } from '../exit-code.ts'

export async function run(call: Call): Promise<number> {
  const answer = await clientOf(call).post<object>('/v1/leave')
  call.terminal.out.write(
    call.json ? `${JSON.stringify(answer)}\n` : 'It leaves: it drains, hands over, and then ends.\n',
  )
  return EXIT.ok
}
