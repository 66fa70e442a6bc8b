import type { Explanation } from '../../node/status.ts'
import { usage } from '../arguments.ts'
import { clientOf } from '../client.ts'
import { type Call, text } from '../command.ts'
import { EXIT } from '../exit-code.ts'
import { historyText, ownerAt, ownerThenText, timeOf } from '../history-view.ts'
import { sheet, table } from '../table.ts'
import { taskTable } from '../task-view.ts'
import { showMember } from './members.ts'

/** `explain KEY`, `explain key KEY`, `explain member NODE`: the second form is for keys named `member` or `key`. */
export async function run(call: Call): Promise<number> {
  const [first = '', second] = call.args
  const at = atOf(call)
  if (second === undefined) return await showKey(call, first, at)
  if (first === 'key') return await showKey(call, second, at)
  if (first === 'member' && at === undefined) return await showMember(call, second)
  const expected = 'KEY, key KEY or member NODE'
  throw usage('explain', [{ at: 'explain', expected, got: JSON.stringify(call.args.join(' ')) }])
}

function atOf(call: Call): number | undefined {
  const given = text(call.values, 'at')
  if (given === undefined) return undefined
  const at = timeOf(given, Date.now())
  if (at !== undefined) return at
  throw usage('explain', [
    { at: '--at', expected: 'HH:MM, HH:MM:SS or a full time', got: JSON.stringify(given) },
  ])
}

async function showKey(call: Call, key: string, at: number | undefined): Promise<number> {
  const { json, terminal } = call
  const found = await clientOf(call).get<Explanation>(`/v1/explain/${encodeURIComponent(key)}`)
  if (at === undefined) {
    terminal.out.write(json ? `${JSON.stringify(found)}\n` : describe(found, terminal.out.columns))
    return EXIT.ok
  }
  const then = ownerAt(found, at)
  terminal.out.write(
    json ? `${JSON.stringify({ key, ...then })}\n` : ownerThenText(key, then, found.history.since),
  )
  return then.known && then.owner !== undefined ? EXIT.ok : EXIT.failed
}

function describe(found: Explanation, columns: number): string {
  const head = sheet([
    ['key', found.key],
    ['hash', found.hash],
    ['ring token', found.token],
    ['owner', `${found.owner}${found.mine ? ' (the node asked)' : ''}`],
    ['preference list', found.preferenceList.join(', ')],
    ['ring', found.ringChecksum],
    ...takeoverRows(found),
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
  return `${head}\n${beliefs}\n${historyText(found.history)}\n${tasks}`
}

function takeoverRows({ takeover }: Explanation): [string, string][] {
  if (takeover === undefined) return []
  const { complete, missing, mayHaveLost } = takeover
  const asked = missing.length === 0 ? 'the others are asked' : `no answer yet from ${missing.join(', ')}`
  const rows: [string, string][] = [['takeover', complete ? 'complete' : `not complete, ${asked}`]]
  if (mayHaveLost.length > 0)
    rows.push(['may have lost', `what only ${mayHaveLost.join(', ')} had, now forgotten`])
  return rows
}
