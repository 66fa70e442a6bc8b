import type { Problem } from '../../base/errors.ts'
import { asTaskId, KEY_BYTES_MAX, TASK_ID_PATTERN, type TaskId } from '../../base/ids.ts'
import type { TaskQuery } from '../../node/status.ts'
import type { TaskFilter } from '../../tasks/survey.ts'
import { TASK_STATES } from '../../tasks/task.ts'
import type { ClusterQuery } from './cluster-page.ts'
import { parametersOf, refuseQuery, unknownAmong } from './query.ts'
import type { Route } from './route.ts'

/** Of one node. */
const NODE_SCOPES = ['owned', 'held', 'ran', 'all'] as const
export const TASK_SCOPES = ['cluster', ...NODE_SCOPES] as const
export const TASK_PAGE_MAX = 1_000
export const TASK_PAGE_DEFAULT = 100
/** Characters of a text that is looked for. */
const SOUGHT_MAX = 128
/** Longest wait for the end of a task, in ms. */
export const WAIT_MS_MAX = 300_000

const FILTERS = ['type', 'key', 'group', 'q'] as const

export type TaskListQuery =
  | { readonly scope: 'cluster'; readonly query: ClusterQuery }
  | { readonly scope: 'node'; readonly query: TaskQuery }

type Documented = NonNullable<Route['query']>

export const FILTER_PARAMETERS: Documented = {
  type: { schema: { type: 'string' }, doc: 'Only tasks of this type.' },
  key: { schema: { type: 'string' }, doc: 'Only tasks of this key.' },
  group: { schema: { type: 'string' }, doc: 'Only tasks of this group.' },
  q: {
    schema: { type: 'string', maxLength: SOUGHT_MAX },
    doc: 'Only tasks with this somewhere in their id, key, type or error, in whatever case.',
  },
}
export const PAGE_PARAMETERS: Documented = {
  cursor: { schema: { type: 'string' }, doc: 'The `next` of the page before.' },
  limit: {
    schema: { type: 'integer', minimum: 1, maximum: TASK_PAGE_MAX, default: TASK_PAGE_DEFAULT },
    doc: 'Tasks on a page. There may be fewer, none even, and more to come: go on while there is a `next`.',
  },
}

/** Reads parameters and gathers what is wrong with them. */
class Parameters {
  readonly problems: Problem[]
  readonly #given: ReadonlyMap<string, unknown>

  constructor(query: unknown, known: readonly string[]) {
    this.#given = parametersOf(query)
    this.problems = unknownAmong(this.#given, known)
  }

  has(name: string): boolean {
    return this.#given.has(name)
  }

  pick<T>(name: string, expected: string, read: (text: string) => T | undefined): T | undefined {
    const value = this.#given.get(name)
    if (value === undefined) return undefined
    const found = typeof value === 'string' ? read(value) : undefined
    const got = typeof value === 'string' ? JSON.stringify(value.slice(0, 80)) : 'it several times'
    if (found === undefined) this.problems.push({ at: name, expected, got })
    return found
  }

  limit(): number {
    return this.pick('limit', `a whole number from 1 to ${TASK_PAGE_MAX}`, limitOf) ?? TASK_PAGE_DEFAULT
  }

  id(name: string): TaskId | undefined {
    return this.pick(name, 'a task id', text => (TASK_ID_PATTERN.test(text) ? asTaskId(text) : undefined))
  }

  filter(): TaskFilter {
    const text = (name: string, max: number): string | undefined =>
      this.pick(name, `text of 1 to ${max} characters`, given =>
        given.length > 0 && given.length <= max ? given : undefined,
      )
    const type = text('type', SOUGHT_MAX)
    const key = text('key', KEY_BYTES_MAX)
    const group = text('group', KEY_BYTES_MAX)
    const q = text('q', SOUGHT_MAX)
    return {
      ...(type !== undefined && { type }),
      ...(key !== undefined && { key }),
      ...(group !== undefined && { group }),
      ...(q !== undefined && { q }),
    }
  }
}

const choice = <T extends string>(from: readonly T[]) => `one of ${from.join(', ')}`

/** The query of `GET /v1/tasks`. Throws BAD_REQUEST with everything that is wrong with it. */
export function parseTaskQuery(query: unknown): TaskListQuery {
  const given = new Parameters(query, ['state', 'scope', ...FILTERS, 'cursor', 'after', 'limit'])
  const state = given.pick('state', choice(TASK_STATES), text => TASK_STATES.find(each => each === text))
  const scope = given.pick('scope', choice(TASK_SCOPES), text => TASK_SCOPES.find(each => each === text))
  const after = given.id('after')
  const cursor = given.id('cursor')
  const limit = given.limit()
  const filter = given.filter()
  const ofNode = scope !== undefined && scope !== 'cluster'
  const misread = given.has('scope') && scope === undefined
  for (const name of misread ? [] : ofNode ? [...FILTERS, 'cursor'] : ['after']) {
    const expected = ofNode
      ? 'it with the scope cluster only'
      : 'it with the scope of a node only, or `cursor`'
    if (given.has(name)) given.problems.push({ at: name, expected, got: `scope ${scope ?? 'cluster'}` })
  }
  refuseQuery(given.problems)
  if (ofNode)
    return { scope: 'node', query: { limit, scope, ...(state && { state }), ...(after && { after }) } }
  const whole = { filter: { ...filter, ...(state && { state }) }, limit, ...(cursor && { cursor }) }
  return { scope: 'cluster', query: whole }
}

/** The query of `GET /v1/dead`. Throws BAD_REQUEST. */
export function parseDeadQuery(query: unknown): ClusterQuery {
  const given = new Parameters(query, [...FILTERS, 'cursor', 'limit'])
  const filter = given.filter()
  const cursor = given.id('cursor')
  const limit = given.limit()
  refuseQuery(given.problems)
  return { filter: { ...filter, state: 'dead' }, limit, ...(cursor && { cursor }) }
}

/** How long `GET /v1/tasks/{id}` may wait, in ms. Throws BAD_REQUEST. */
export function parseWait(query: unknown): number {
  const given = new Parameters(query, ['waitMs'])
  const waitMs = given.pick('waitMs', `a whole number from 0 to ${WAIT_MS_MAX}`, text => {
    const ms = /^\d{1,6}$/.test(text) ? Number(text) : WAIT_MS_MAX + 1
    return ms <= WAIT_MS_MAX ? ms : undefined
  })
  refuseQuery(given.problems)
  return waitMs ?? 0
}

function limitOf(text: string): number | undefined {
  const limit = /^[1-9]\d{0,3}$/.test(text) ? Number(text) : 0
  return limit >= 1 && limit <= TASK_PAGE_MAX ? limit : undefined
}
