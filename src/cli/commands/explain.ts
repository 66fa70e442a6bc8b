import type { Explanation } from '../../node/status.ts'
import { clientOf } from '../client.ts'
import type { Call } from '../command.ts'
import { EXIT } from '../exit-code.ts'
import { sheet, table } from '../table.ts'
import { taskTable } from '../task-view.ts'

export async function run(call: Call): Promise<number> {
  const key = call.args[0] ?? ''
  const explanation = await clientOf(call).get<Explanation>(`/v1/explain/${encodeURIComponent(key)}`)
  call.terminal.out.write(
    call.json ? `${JSON.stringify(explanation)}\n` : describe(explanation, call.terminal.out.columns),
  )
  return EXIT.ok
}

function describe(found: Explanation, columns: number): string {
  const head = sheet([
    ['key', found.key],
    ['hash', found.hash],
    ['next token', found.token],
    ['owner', `${found.owner}${found.mine ? ' (the node asked)' : ''}`],
    ['preference list', found.preferenceList.join(', ')],
    ['ring', found.ringChecksum],
  ])
  const beliefs = table(found.beliefs, [
    { title: 'NODE', cell: belief => belief.id },
    { title: 'RING', cell: belief => belief.ringChecksum },
    {
      title: 'AGREES',
      cell: belief => (belief.agrees === undefined ? 'unknown' : belief.agrees ? 'yes' : 'no'),
    },
  ])
  const tasks =
    found.tasks.length === 0 ? 'no task of this key is known here\n' : taskTable(found.tasks, columns)
  return `${head}\n${beliefs}\n${tasks}`
}
