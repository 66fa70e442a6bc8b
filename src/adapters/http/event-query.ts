import type { Problem } from '../../base/errors.ts'
import { EVENT_TYPES, type EventType } from '../../runtime/events.ts'
import { keyOf } from './path-parameter.ts'
import { parametersOf, refuseQuery, unknownAmong } from './query.ts'

/** `3.8f02ac-17`: which life of which node, by boot number and a random part, and which of its events. */
export interface EventId {
  readonly life: string
  readonly number: number
}

/** What a follower of events wants. */
export interface EventQuery {
  /** Undefined: all types. */
  readonly types: ReadonlySet<EventType> | undefined
  /** Keys whose owner is followed. */
  readonly keys: readonly string[]
  /** The last event it has seen; `start`: all that is kept; undefined: only what comes. */
  readonly after: EventId | 'start' | undefined
  /** False: what is kept, and then the end. */
  readonly follow: boolean
}

const KNOWN = ['types', 'key', 'after', 'follow']
/** The random part may be missing: whoever comes back with an id of an earlier version is told of a gap, not refused. */
const ID_PATTERN = /^(\d{1,15}(?:\.[0-9a-f]{1,16})?)-(\d{1,15})$/

/**
 * @param lastEventId the header that browsers send when they come back; wins over `after`, which stays in the URL
 * @throws CodedError BAD_REQUEST with everything that is wrong
 */
export function parseEventQuery(
  query: unknown,
  lastEventId: string | undefined,
  keysMax: number,
): EventQuery {
  const given = parametersOf(query)
  const problems = unknownAmong(given, KNOWN)
  const keys = [...new Set(listOf(given.get('key')))]
  if (keys.length > keysMax)
    problems.push({ at: 'key', expected: `at most ${keysMax} keys`, got: `${keys.length}` })
  const types = typesOf(listOf(given.get('types')), keys, problems)
  const follow = followOf(given.get('follow'), problems)
  const id = lastEventId ?? listOf(given.get('after')).at(-1)
  const after = afterOf(id, lastEventId === undefined ? 'after' : 'Last-Event-ID', problems)
  refuseQuery(problems)
  return { types, keys: keys.map(keyOf), after: after ?? (follow ? undefined : 'start'), follow }
}

const listOf = (value: unknown): readonly string[] =>
  value === undefined ? [] : (Array.isArray(value) ? value : [value]).map(String)

function typesOf(
  given: readonly string[],
  keys: readonly string[],
  problems: Problem[],
): ReadonlySet<EventType> | undefined {
  if (given.length === 0) return undefined
  const types = new Set<EventType>()
  let unknown: string | undefined
  for (const word of given.flatMap(each => each.split(','))) {
    const type = EVENT_TYPES.find(each => each === word)
    if (type !== undefined) types.add(type)
    else unknown ??= word
  }
  // The first says enough: so many fit into one URL that all of them would be an answer of megabytes.
  if (unknown !== undefined) {
    const expected = `some of ${EVENT_TYPES.join(', ')}`
    problems.push({ at: 'types', expected, got: JSON.stringify(unknown.slice(0, 80)) })
  }
  if (types.has('owner') && keys.length === 0)
    problems.push({ at: 'types', expected: '`key` beside the type owner', got: 'no key' })
  return types
}

function followOf(value: unknown, problems: Problem[]): boolean {
  if (value === undefined || value === 'true') return true
  if (value !== 'false')
    problems.push({
      at: 'follow',
      expected: 'true or false',
      got: JSON.stringify(String(value).slice(0, 80)),
    })
  return false
}

function afterOf(id: string | undefined, at: string, problems: Problem[]): EventQuery['after'] {
  if (id === undefined || id === '') return undefined
  if (id === 'start') return 'start'
  const [, life, number] = ID_PATTERN.exec(id) ?? []
  if (life !== undefined && number !== undefined) return { life, number: Number(number) }
  problems.push({ at, expected: 'the id of an event, or start', got: JSON.stringify(id.slice(0, 80)) })
  return undefined
}
