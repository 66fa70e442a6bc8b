import type { Problem } from '../../base/errors.ts'
import type { TaskPage } from '../../node/status.ts'
import type { TaskState } from '../../tasks/task.ts'
import { usage } from '../arguments.ts'
import { clientOf, type DaemonClient } from '../client.ts'
import { type Call, flag, text, wholeNumber } from '../command.ts'
import { EXIT } from '../exit-code.ts'
import { taskTable } from '../task-view.ts'

const STATES = {
  scheduled: true,
  ready: true,
  running: true,
  succeeded: true,
  retrying: true,
  dead: true,
  cancelled: true,
} satisfies Record<TaskState, true>

const SCOPES = ['owned', 'held', 'ran', 'all']

/** The API's largest page. */
const PAGE_MAX = 1_000

export async function run(call: Call): Promise<number> {
  const query = queryOf(call)
  const client = clientOf(call)
  const { out, err } = call.terminal
  if (!flag(call.values, 'all')) {
    const page = await pageOf(client, query)
    if (call.json) out.write(`${JSON.stringify(page)}\n`)
    else out.write(page.tasks.length === 0 ? 'no tasks\n' : taskTable(page.tasks, out.columns))
    if (!call.json && page.next !== undefined) err.write(`more: --after ${page.next}, or --all\n`)
    return EXIT.ok
  }
  query.set('limit', String(PAGE_MAX))
  for await (const page of allPages(client, query)) {
    if (call.json) out.write(page.tasks.map(task => `${JSON.stringify(task)}\n`).join(''))
    else out.write(taskTable(page.tasks, out.columns))
    if (out.closed) break
  }
  return EXIT.ok
}

/** Every page from the query's start to the last. */
async function* allPages(client: DaemonClient, query: URLSearchParams): AsyncGenerator<TaskPage> {
  for (;;) {
    const page = await pageOf(client, query)
    if (page.tasks.length > 0) yield page
    if (page.next === undefined) return
    query.set('after', page.next)
  }
}

const pageOf = (client: DaemonClient, query: URLSearchParams): Promise<TaskPage> =>
  client.get<TaskPage>(`/v1/tasks?${query}`)

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
  choose('state', Object.keys(STATES))
  choose('scope', SCOPES)
  const limit = wholeNumber(call.values, 'limit', { min: 1, max: PAGE_MAX }, problems)
  if (limit !== undefined) query.set('limit', String(limit))
  const after = text(call.values, 'after')
  if (after !== undefined) query.set('after', after)
  if (problems.length > 0) throw usage('tasks', problems)
  return query
}
