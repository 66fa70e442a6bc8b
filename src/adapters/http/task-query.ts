import { TASK_ID_PATTERN } from '../../base/ids.ts'
import type { TaskQuery } from '../../node/status.ts'
import { type TaskState, TRANSITIONS } from '../../tasks/task.ts'
import { parametersOf, refuseQuery, unknownAmong } from './query.ts'

export const TASK_STATES = Object.keys(TRANSITIONS) as readonly TaskState[]
export const TASK_SCOPES = ['owned', 'held', 'ran', 'all'] as const
export const TASK_PAGE_MAX = 1_000
export const TASK_PAGE_DEFAULT = 100

const KNOWN = ['state', 'scope', 'after', 'limit']

/** The query of `GET /v1/tasks`. Throws BAD_REQUEST with everything that is wrong with it. */
export function parseTaskQuery(query: unknown): TaskQuery {
  const given = parametersOf(query)
  const problems = unknownAmong(given, KNOWN)
  const pick = <T>(name: string, expected: string, read: (text: string) => T | undefined): T | undefined => {
    const value = given.get(name)
    if (value === undefined) return undefined
    const found = typeof value === 'string' ? read(value) : undefined
    if (found === undefined)
      problems.push({
        at: name,
        expected,
        got: typeof value === 'string' ? JSON.stringify(value.slice(0, 80)) : 'it several times',
      })
    return found
  }
  const state = pick('state', `one of ${TASK_STATES.join(', ')}`, text =>
    TASK_STATES.find(each => each === text),
  )
  const scope = pick('scope', `one of ${TASK_SCOPES.join(', ')}`, text =>
    TASK_SCOPES.find(each => each === text),
  )
  const after = pick('after', 'a task id', text => (TASK_ID_PATTERN.test(text) ? text : undefined))
  const limit = pick('limit', `a whole number from 1 to ${TASK_PAGE_MAX}`, limitOf) ?? TASK_PAGE_DEFAULT
  refuseQuery(problems)
  return { limit, ...(state && { state }), ...(scope && { scope }), ...(after && { after }) }
}

function limitOf(text: string): number | undefined {
  const limit = /^[1-9]\d{0,3}$/.test(text) ? Number(text) : 0
  return limit >= 1 && limit <= TASK_PAGE_MAX ? limit : undefined
}
