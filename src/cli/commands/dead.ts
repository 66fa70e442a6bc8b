/** Dead letters: listing them, trying many again, dropping many. */
import type { Outcome } from '../../adapters/http/dead-letters.ts'
import type { Problem } from '../../base/errors.ts'
import { usage } from '../arguments.ts'
import { clientOf } from '../client.ts'
import { type Call, flag, text, wholeNumber } from '../command.ts'
import { afterSome } from '../errors.ts'
import { EXIT } from '../exit-code.ts'
import { addFilters, listTasks } from './tasks.ts'

/** What one request acts on. */
const ACT_MAX = 10_000

export async function run(call: Call): Promise<number> {
  const [action = 'list', ...ids] = call.args
  if (action === 'list' && ids.length === 0) return await list(call)
  if (action === 'redrive' || action === 'purge') return await act(call, action, ids)
  const got = JSON.stringify(call.args.join(' '))
  throw usage('dead', [{ at: 'dead', expected: 'list, redrive [ID...] or purge [ID...]', got }])
}

async function list(call: Call): Promise<number> {
  const problems: Problem[] = []
  const query = new URLSearchParams()
  addFilters(call.values, query, problems)
  if (problems.length > 0) throw usage('dead', problems)
  return await listTasks(call, '/v1/dead', query, 'cursor')
}

/** Of those that are selected by filters all, request by request. */
async function act(call: Call, action: 'redrive' | 'purge', ids: readonly string[]): Promise<number> {
  const body = selectionOf(call, action, ids)
  const client = clientOf(call)
  const { out, err } = call.terminal
  const done = action === 'redrive' ? 'tried again' : 'dropped'
  let total = 0
  let failed = 0
  let complete = true
  let cursor = body.cursor
  do {
    const outcome = await client
      .post<Outcome>(`/v1/dead/${action}`, { ...body, ...(cursor && { cursor }) })
      .catch(error => {
        if (total + failed === 0) throw error
        // What went before stays done.
        err.write(`${total} dead letters ${done} so far\n`)
        throw afterSome(error)
      })
    total += outcome.done
    failed += outcome.failed
    complete &&= outcome.complete
    if (call.json) out.write(`${JSON.stringify(outcome)}\n`)
    for (const { id, code, detail } of call.json ? [] : outcome.failures)
      err.write(`${id}: ${code}: ${detail}\n`)
    if (!outcome.complete) err.write(`incomplete: ${missing(outcome)}\n`)
    cursor = outcome.next
    // From there on: what is a dead letter again, or still, would else come first for ever.
  } while (cursor !== undefined && body.limit === undefined)
  if (!call.json) out.write(`${total} dead letters ${done}${failed > 0 ? `, ${failed} not` : ''}\n`)
  if (!call.json && cursor !== undefined) err.write(`more: --cursor ${cursor}\n`)
  return failed === 0 && complete ? EXIT.ok : EXIT.failed
}

const missing = ({ silent }: Outcome): string =>
  silent.length > 0
    ? `${silent.join(', ')} did not answer, or not for all that it owns`
    : 'the nodes could not be asked for the rest'

interface Selection {
  readonly ids?: readonly string[]
  readonly all?: true
  readonly cursor?: string
  readonly limit?: number
  readonly [filter: string]: unknown
}

function selectionOf(call: Call, action: 'redrive' | 'purge', ids: readonly string[]): Selection {
  const problems: Problem[] = []
  const { values } = call
  const limit = wholeNumber(values, 'limit', { min: 1, max: ACT_MAX }, problems)
  const filters = Object.fromEntries(
    ['type', 'key', 'group', 'q'].flatMap(name => {
      const given = text(values, name)
      return given === undefined ? [] : [[name, given]]
    }),
  )
  const all = flag(values, 'all')
  const cursor = text(values, 'cursor')
  const ways = Number(ids.length > 0) + Number(all) + Number(Object.keys(filters).length > 0)
  if (ways !== 1) {
    const got = ways === 0 ? 'nothing' : 'several of these'
    problems.push({ at: `dead ${action}`, expected: 'IDs, or filters, or --all', got })
  }
  if (ids.length > 0 && cursor !== undefined)
    problems.push({ at: '--cursor', expected: 'it with filters or --all only', got: 'IDs' })
  if (action === 'purge' && !flag(values, 'yes'))
    problems.push({ at: '--yes', expected: 'it, since what is purged is gone for good', got: 'nothing' })
  if (problems.length > 0) throw usage('dead', problems)
  return {
    ...filters,
    ...(ids.length > 0 && { ids }),
    ...(all && { all: true as const }),
    ...(cursor !== undefined && { cursor }),
    ...(limit !== undefined && { limit }),
  }
}
