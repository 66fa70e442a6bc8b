import type { TaskExplanation } from '../../adapters/http/explain-task.ts'
import type { Explanation } from '../../node/status.ts'
import { usage } from '../arguments.ts'
import { clientOf } from '../client.ts'
import { type Call, text } from '../command.ts'
import { EXIT } from '../exit-code.ts'
import { historyText, ownerAt, ownerThenText, timeOf } from '../history-view.ts'
import { sheet, table } from '../table.ts'
import { taskTable } from '../task-view.ts'
import { showMember } from './members.ts'

/** `explain KEY`, `explain key KEY`, `explain member NODE`, `explain task ID`: the second form is for keys with such a name. */
export async function run(call: Call): Promise<number> {
  const [first = '', second] = call.args
  const at = atOf(call)
  if (second === undefined) return await showKey(call, first, at)
  if (first === 'key') return await showKey(call, second, at)
  if (first === 'member' && at === undefined) return await showMember(call, second)
  if (first === 'task' && at === undefined) return await showTask(call, second)
  const expected = 'KEY, key KEY, member NODE or task ID'
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

async function showTask(call: Call, id: string): Promise<number> {
  const { json, terminal } = call
  const found = await clientOf(call).get<TaskExplanation>(`/v1/explain-task/${encodeURIComponent(id)}`)
  terminal.out.write(json ? `${JSON.stringify(found)}\n` : describeTask(id, found))
  return EXIT.ok
}

function describeTask(id: string, found: TaskExplanation): string {
  const { task, refused, placement, why, next, nodes, silent } = found
  const head = sheet([
    ['task', id],
    ['state', task?.state ?? `not to be told now: ${refused?.code}: ${refused?.detail}`],
    ['key', task?.spec.key ?? nodes[0]?.key],
    ['owner', placement?.owner],
    ['preference list', placement?.preferenceList.join(', ')],
    ['why', why.map(({ text, code }) => `${text} (${code})`).join('; ')],
    ['next', next],
    ...(silent.length > 0 ? [['did not answer', silent.join(', ')] as const] : []),
  ])
  const standings = table(nodes, [
    { title: 'NODE', cell: each => each.node },
    { title: 'STATE', cell: each => each.state },
    { title: 'REVISION', cell: each => each.revision, right: true },
    { title: 'PLACE', cell: each => each.place },
    { title: 'WHY', cell: each => each.why.map(({ code }) => code).join(', ') },
  ])
  return `${head}\n${standings}`
}

function describe(found: Explanation, columns: number): string {
  const head = sheet([
    ['key', found.key],
    ['hash', found.hash],
    ['ring token', found.token],
    ['owner', ownerText(found)],
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
  const tasks = found.tasks.length === 0 ? noTasksText(found) : taskTable(found.tasks, columns)
  const waits = found.waiting.map(({ task, code, detail }) => `${task} waits: ${code}: ${detail}\n`).join('')
  return `${head}\n${beliefs}\n${historyText(found.history)}\n${tasks}${waits && `\n${waits}`}`
}

function ownerText({ owner, unowned, mine }: Explanation): string {
  if (unowned !== undefined) return `nobody: ${unowned}`
  return `${owner}${mine ? ' (the node asked)' : ''}`
}

/** A node knows the tasks of the keys whose records it holds: who has nothing says who may. */
function noTasksText({ owner, unowned, mine, preferenceList }: Explanation): string {
  const holders = preferenceList.filter(node => node !== owner)
  const copies = holders.length > 0 ? `, copies are on ${holders.join(', ')}` : ''
  const elsewhere = unowned === undefined ? `: its owner is ${owner}${copies}` : ''
  const place = mine ? ', at its owner' : elsewhere
  return `no task of this key is known here${place}; "tasks --key KEY" asks all nodes\n`
}

function takeoverRows({ takeover, mode, mine, owner, unowned }: Explanation): [string, string][] {
  if (takeover === undefined) {
    const isElsewhere = mode === 'quorum' && !mine && unowned === undefined
    return isElsewhere ? [['takeover', `only ${owner} knows: ask it, with --url`]] : []
  }
  const { complete, waitsFor, mayHaveLost } = takeover
  const rows: [string, string][] = [['takeover', complete ? 'complete' : `not complete: ${waitsFor}`]]
  if (mayHaveLost.length > 0)
    rows.push(['may have lost', `what only ${mayHaveLost.join(', ')} had, now given up`])
  return rows
}
