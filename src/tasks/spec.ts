/**
 * From whatever somebody sent to a task with every default filled in. Written by hand: the room imports nothing, and
 * all problems are told at once, each with what was expected and what came.
 */
import type { Failure, Problem } from '../base/errors.ts'
import { asTaskId, KEY_BYTES_MAX, TASK_ID_PATTERN } from '../base/ids.ts'
import { wallOf } from '../base/time.ts'
import { unknownNames } from '../base/unknown-names.ts'
import type { TasksConfig } from './config.ts'
import { jsonBytes, PAYLOAD_DEPTH_MAX, problemOfJson, sameJson, utf8Bytes } from './json.ts'
import { isSlotId } from './schedules/state.ts'
import { shown } from './shown.ts'
import {
  BACKOFFS,
  type Backoff,
  type Dedupe,
  type Json,
  PLACEMENTS,
  type Placement,
  type Priority,
  type TaskSpec,
} from './task.ts'

export type ParsedSpec =
  | { readonly ok: true; readonly spec: TaskSpec }
  | { readonly ok: false; readonly problems: readonly Problem[] }

/** Attempts a task may ask for. */
export const ATTEMPTS_ALLOWED_MAX = 100
/** Longest pause and longest attempt, in ms: a day. */
export const TASK_MS_MAX = 24 * 60 * 60 * 1_000
/** Longest time that a dedupe key is remembered, in ms, and what it is unless the task says: a week, a day. */
export const DEDUPE_MS_MAX = 7 * TASK_MS_MAX
export const DEDUPE_MS = TASK_MS_MAX
/** A group that may run more at one time needs no limit. */
export const GROUP_LIMIT_MAX = 10_000
/** The end of the year 9999, in ms. */
const WALL_MS_MAX = 253_402_300_799_999
const GROUP_PATTERN = /^[\x21-\x7e]{1,128}$/
const TYPE_PATTERN = /^[A-Za-z][A-Za-z0-9._-]{0,63}$/

const FIELDS = [
  'id',
  'key',
  'type',
  'payload',
  'priority',
  'maxAttempts',
  'backoffMs',
  'backoffMsMax',
  'timeoutMs',
  'dedupe',
  'backoff',
  'concurrent',
  'group',
  'groupLimit',
  'runAt',
  'expiresAt',
  'placement',
] as const

/** What an id is wanted for: a task without a key is owned by whom the ring gives its id to. */
export interface Wish {
  readonly type: string
  readonly placement: Placement
}

/** Of tasks of a group with a limit that have no key of their own: one owner counts the group. */
export const groupKey = (group: string): string => `group/${group}`

/**
 * @param newId makes an id for a task without one, of a node that suits the wish where the id decides the owner; undefined
 *   where ids must not be made up (shared lists)
 * @param placed its id was made for its placement, on the node that passed it on
 */
export function parseTaskSpec(
  value: unknown,
  defaults: TasksConfig,
  newId: ((wish?: Wish) => string) | undefined,
  placed = false,
): ParsedSpec {
  const fields = new Fields(value)
  const given = fields.text('id', TASK_ID_PATTERN, '1 to 256 printable ASCII characters without spaces')
  const dedupe = fields.dedupe()
  const own = fields.key() ?? dedupe?.key
  const type = fields.required(
    'type',
    TYPE_PATTERN,
    'the name of an executor: a letter, then up to 63 of A-Z a-z 0-9 . _ -',
  )
  fields.reserved(given ?? (newId === undefined ? own : undefined), type)
  const payload = fields.payload(defaults.payloadBytesMax)
  const priority = fields.whole('priority', 0, 3, 1) as Priority
  const maxAttempts = fields.whole('maxAttempts', 1, ATTEMPTS_ALLOWED_MAX, defaults.maxAttempts)
  const backoffMs = fields.whole('backoffMs', 0, TASK_MS_MAX, defaults.backoffMs)
  const ceiling = Math.min(TASK_MS_MAX, Math.max(backoffMs, defaults.backoffMsMax))
  const backoffMsMax = fields.whole(
    'backoffMsMax',
    Math.max(0, Math.min(backoffMs, TASK_MS_MAX)),
    TASK_MS_MAX,
    ceiling,
  )
  const timeoutMs = fields.whole('timeoutMs', 1, TASK_MS_MAX, defaults.timeoutMs)
  const limits = limitsOf(fields, own !== undefined)
  const key = own ?? limits.key
  const times = timesOf(fields)
  const mayPlace = placed || (key === undefined && given === undefined && newId !== undefined)
  const placement = fields.placement(mayPlace) ?? (mayPlace && !placed ? defaults.placement : 'ring')
  const wish = key === undefined ? { type, placement } : undefined
  const id = given ?? (newId === undefined ? fields.idOfKey(key) : newId(wish))
  if (fields.problems.length > 0) return { ok: false, problems: fields.problems }
  const spec: TaskSpec = {
    id: asTaskId(id),
    key: key ?? id,
    type,
    payload,
    priority,
    maxAttempts,
    backoffMs,
    backoffMsMax,
    timeoutMs,
    ...(dedupe && { dedupe }),
    ...times,
    ...limits.spec,
    ...(placement !== 'ring' && { placement }),
  }
  return { ok: true, spec }
}

/** What may run beside it. The tasks of a group that is the key run side by side unless they say otherwise. */
function limitsOf(fields: Fields, hasKey: boolean) {
  const group = fields.text('group', GROUP_PATTERN, '1 to 128 printable ASCII characters without spaces')
  const groupLimit = fields.optional('groupLimit', 1, GROUP_LIMIT_MAX)
  if (groupLimit !== undefined && group === undefined) fields.miss('group', 'a group beside groupLimit')
  const key = hasKey || group === undefined || groupLimit === undefined ? undefined : groupKey(group)
  const concurrent = fields.flag('concurrent') ?? key !== undefined
  return {
    key,
    spec: {
      ...(concurrent && { concurrent }),
      ...(group !== undefined && { group }),
      ...(groupLimit !== undefined && { groupLimit }),
    },
  }
}

/** When it may run, and how retries are spaced. */
function timesOf(fields: Fields): Pick<TaskSpec, 'backoff' | 'runAt' | 'expiresAt'> {
  const backoff: Backoff = fields.choice('backoff', BACKOFFS) ?? 'exponential'
  const runAt = fields.optional('runAt', 0, WALL_MS_MAX)
  const expiresAt = fields.optional('expiresAt', (runAt ?? 0) + 1, WALL_MS_MAX)
  return {
    ...(backoff !== 'exponential' && { backoff }),
    ...(runAt !== undefined && { runAt: wallOf(runAt) }),
    ...(expiresAt !== undefined && { expiresAt: wallOf(expiresAt) }),
  }
}

/** Why this node would not take such a task from anybody; undefined when it would. For specs that other nodes pass on. */
export function refusalOfSpec(spec: TaskSpec, limits: TasksConfig): Failure | undefined {
  const parsed = parseTaskSpec(spec, limits, undefined, true)
  if (parsed.ok) return undefined
  const { problems } = parsed
  const detail = problems.map(({ at, expected, got }) => `${at}: expected ${expected}, got ${got}`).join('; ')
  return { code: 'TASK_INVALID', detail: `${detail}.`, problems }
}

/** The same task, field by field. */
export const sameSpec = (a: TaskSpec, b: TaskSpec): boolean => a === b || (a.id === b.id && sameWork(a, b))

/**
 * The same work under whatever id: what two submissions with one dedupe key must be. Asked for each copy of each version, so
 * the fields are named one by one, the payload last. Not the placement: that chose the id, and is not said again with it.
 */
export const sameWork = (a: TaskSpec, b: TaskSpec): boolean =>
  a.key === b.key &&
  a.type === b.type &&
  a.priority === b.priority &&
  a.maxAttempts === b.maxAttempts &&
  a.backoffMs === b.backoffMs &&
  a.backoffMsMax === b.backoffMsMax &&
  a.timeoutMs === b.timeoutMs &&
  a.dedupe?.key === b.dedupe?.key &&
  a.dedupe?.ttlMs === b.dedupe?.ttlMs &&
  a.backoff === b.backoff &&
  a.concurrent === b.concurrent &&
  a.group === b.group &&
  a.groupLimit === b.groupLimit &&
  a.runAt === b.runAt &&
  a.expiresAt === b.expiresAt &&
  sameJson(a.payload, b.payload)

/** Reads the fields of one document and gathers what is wrong with them. */
class Fields {
  readonly problems: Problem[] = []
  readonly #fields: Readonly<Record<string, unknown>>
  readonly #readable: boolean

  constructor(value: unknown) {
    this.#readable = typeof value === 'object' && value !== null && !Array.isArray(value)
    this.#fields = this.#readable ? (value as Readonly<Record<string, unknown>>) : {}
    if (!this.#readable) this.#refuse('task', 'an object with the fields of a task', value)
    const expected = `one of ${FIELDS.join(', ')}`
    this.problems.push(...unknownNames(Object.keys(this.#fields), FIELDS, expected, 'field'))
  }

  text(field: string, pattern: RegExp, expected: string): string | undefined {
    const value = this.#get(field)
    if (value === undefined) return undefined
    if (typeof value === 'string' && pattern.test(value)) return value
    this.#refuse(field, expected, value)
    return undefined
  }

  required(field: string, pattern: RegExp, expected: string): string {
    if (this.#readable && this.#get(field) === undefined) this.#refuse(field, expected, undefined)
    return this.text(field, pattern, expected) ?? ''
  }

  /** Records and orders of schedules travel as tasks of such a type and id, and each slot has an id; see `schedules/state.ts`. */
  reserved(id: string | undefined, type: string): void {
    if (type === 'schedule') this.#refuse('type', 'an executor; schedules are put under /v1/schedules', type)
    if (id?.startsWith('schedule:')) this.#refuse('id', 'another beginning: that is of schedules', id)
    if (id !== undefined && isSlotId(id))
      this.#refuse('id', 'another form: NAME@TIME is of the slots of schedules', id)
  }

  key(): string | undefined {
    const value = this.#get('key')
    if (value === undefined) return undefined
    const fits =
      typeof value === 'string' &&
      value.length > 0 &&
      value.isWellFormed() &&
      !value.includes('\0') &&
      utf8Bytes(value) <= KEY_BYTES_MAX
    if (fits) return value
    this.#refuse('key', `text of 1 to ${KEY_BYTES_MAX} bytes of UTF-8 without NUL`, value)
    return undefined
  }

  whole(field: string, min: number, max: number, otherwise: number): number {
    return this.optional(field, min, max) ?? otherwise
  }

  optional(field: string, min: number, max: number): number | undefined {
    const value = this.#get(field)
    if (value === undefined) return undefined
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value
    this.#refuse(field, `a whole number from ${min} to ${max}`, value)
    return undefined
  }

  choice<T extends string>(field: string, choices: readonly T[]): T | undefined {
    const value = this.#get(field)
    if (value === undefined) return undefined
    const found = choices.find(choice => choice === value)
    if (found === undefined) this.#refuse(field, `one of ${choices.join(', ')}`, value)
    return found
  }

  flag(field: string): boolean | undefined {
    const value = this.#get(field)
    if (value === undefined || typeof value === 'boolean') return value
    this.#refuse(field, 'true or false', value)
    return undefined
  }

  /** @param free neither id nor key is given, so a node can be chosen */
  placement(free: boolean): Placement | undefined {
    const found = this.choice('placement', PLACEMENTS)
    if (found === undefined || found === 'ring' || free) return found
    const expected = 'ring, or a task without id and key: the node is chosen by giving it an id that it owns'
    this.#refuse('placement', expected, found)
    return undefined
  }

  miss(at: string, expected: string): void {
    this.#refuse(at, expected, this.#get(at))
  }

  payload(bytesMax: number): Json {
    const value = this.#get('payload')
    if (value === undefined) return null
    const problem = problemOfJson(value)
    if (problem !== undefined) {
      this.problems.push({
        at: 'payload',
        expected: `JSON, nested at most ${PAYLOAD_DEPTH_MAX} deep`,
        got: problem,
      })
      return null
    }
    const bytes = jsonBytes(value)
    if (bytes > bytesMax) {
      this.problems.push({
        at: 'payload',
        expected: `at most ${bytesMax} bytes as JSON`,
        got: `${bytes} bytes`,
      })
    }
    return value as Json
  }

  dedupe(): Dedupe | undefined {
    const value = this.#get('dedupe')
    if (value === undefined) return undefined
    const plain = typeof value === 'object' && value !== null && !Array.isArray(value)
    const { key, ttlMs = DEDUPE_MS, ...rest } = (plain ? value : {}) as Readonly<Record<string, unknown>>
    const unknown = Object.keys(rest)[0]
    if (!plain) this.#refuse('dedupe', 'an object with key and ttlMs', value)
    else if (unknown !== undefined)
      this.#refuse(`dedupe.${shown(unknown).slice(1, -1)}`, 'only key and ttlMs', rest[unknown])
    else if (typeof key !== 'string' || !TASK_ID_PATTERN.test(key))
      this.#refuse('dedupe.key', '1 to 256 printable ASCII characters without spaces', key)
    else if (typeof ttlMs !== 'number' || !Number.isInteger(ttlMs) || ttlMs < 1 || ttlMs > DEDUPE_MS_MAX)
      this.#refuse('dedupe.ttlMs', `a whole number from 1 to ${DEDUPE_MS_MAX}`, ttlMs)
    else return { key, ttlMs }
    return undefined
  }

  /** Where no id may be made up the key serves as one, if it can. */
  idOfKey(key: string | undefined): string {
    if (key !== undefined && TASK_ID_PATTERN.test(key)) return key
    if (!this.#readable || this.#get('id') !== undefined) return ''
    if (key !== undefined) {
      const expected =
        'an id, because the key cannot be one (1 to 256 printable ASCII characters without spaces)'
      this.problems.push({ at: 'id', expected, got: 'nothing' })
    } else if (this.#get('key') === undefined) {
      this.problems.push({ at: 'id', expected: 'an id or a key', got: 'neither' })
    }
    return ''
  }

  #get(field: string): unknown {
    return Object.hasOwn(this.#fields, field) ? this.#fields[field] : undefined
  }

  #refuse(at: string, expected: string, value: unknown): void {
    this.problems.push({ at, expected, got: shown(value) })
  }
}
