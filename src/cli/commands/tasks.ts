import type { ClusterPage } from '../../adapters/http/cluster-page.ts'
import type { Problem } from '../../base/errors.ts'
import type { TaskPage } from '../../node/status.ts'
import { TASK_STATES } from '../../tasks/task.ts'
import { usage } from '../arguments.ts'
import { clientOf, type DaemonClient } from '../client.ts'
import { type Call, flag, text, type Values, wholeNumber } from '../command.ts'
import { EXIT } from '../exit-code.ts'
import { sayMissing } from '../missing-nodes.ts'
import { showStats } from '../stats-view.ts'
import { taskTable } from '../task-view.ts'

const SCOPES = ['cluster', 'owned', 'held', 'ran', 'all']

/** The API's largest page. */
const PAGE_MAX = 1_000

/** Of a node there is no more than `TaskPage`. */
type Page = TaskPage & Partial<Pick<ClusterPage, 'silent' | 'settling'>>

export async function run(call: Call): Promise<number> {
  if (flag(call.values, 'stats')) return await showStats(call)
  const scope = text(call.values, 'scope')
  const ofNode = scope !== undefined && scope !== 'cluster'
  return await listTasks(call, '/v1/tasks', queryOf(call), ofNode ? 'after' : 'cursor')
}

/** Prints one page, or all of them, and says what may be missing. */
export async function listTasks(
  call: Call,
  path: string,
  query: URLSearchParams,
  cursor: 'after' | 'cursor',
): Promise<number> {
  const client = clientOf(call)
  const { out, err } = call.terminal
  if (!flag(call.values, 'all')) {
    const page = await client.get<Page>(`${path}?${query}`)
    if (call.json) out.write(`${JSON.stringify(page)}\n`)
    else out.write(page.tasks.length === 0 ? 'no tasks\n' : taskTable(page.tasks, out.columns))
    if (!call.json && page.next !== undefined) err.write(`more: --${cursor} ${page.next}, or --all\n`)
    sayMissing(err, [page])
    return EXIT.ok
  }
  query.set('limit', String(PAGE_MAX))
  const incomplete: Page[] = []
  for await (const page of allPages(client, path, query, cursor)) {
    if (isIncomplete(page)) incomplete.push({ ...page, tasks: [] })
    if (page.tasks.length === 0) continue
    if (call.json) out.write(page.tasks.map(task => `${JSON.stringify(task)}\n`).join(''))
    else out.write(taskTable(page.tasks, out.columns))
    if (out.closed) break
  }
  sayMissing(err, incomplete)
  return EXIT.ok
}

const isIncomplete = ({ silent = [], settling = [] }: Page): boolean => silent.length + settling.length > 0

/** Every page from the query's start to the last; one of all nodes may be empty though more follow. */
async function* allPages(
  client: DaemonClient,
  path: string,
  query: URLSearchParams,
  cursor: 'after' | 'cursor',
): AsyncGenerator<Page> {
  for (;;) {
    const page = await client.get<Page>(`${path}?${query}`)
    yield page
    if (page.next === undefined) return
    query.set(cursor, page.next)
  }
}

function queryOf(call: Call): URLSearchParams {
  const problems: Problem[] = []
  const query = new URLSearchParams()
  const choose = (name: string, from: readonly string[]) => {
    const given = text(call.values, name)
    if (given === undefined) return
    if (!from.includes(given))
      problems.push({ at: `--${name}`, expected: `one of ${from.join(', ')}`, got: JSON.stringify(given) })
    query.set(name, given)
  }
  choose('state', TASK_STATES)
  choose('scope', SCOPES)
  addFilters(call.values, query, problems)
  const after = text(call.values, 'after')
  if (after !== undefined) query.set('after', after)
  if (problems.length > 0) throw usage('tasks', problems)
  return query
}

/** What all lists of tasks of all nodes take. */
export function addFilters(values: Values, query: URLSearchParams, problems: Problem[]): void {
  for (const name of ['type', 'key', 'group', 'q']) {
    const given = text(values, name)
    if (given !== undefined) query.set(name, given)
  }
  const limit = wholeNumber(values, 'limit', { min: 1, max: PAGE_MAX }, problems)
  if (limit !== undefined) query.set('limit', String(limit))
  const cursor = text(values, 'cursor')
  if (cursor !== undefined) query.set('cursor', cursor)
}
