/**
 * From whatever somebody sent to a task with every default filled in. Written by hand: the room imports nothing, and
 * all problems are told at once, each with what was expected and what came.
 */
import type { Failure, Problem } from '../base/errors.ts'
import { asTaskId, KEY_BYTES_MAX, TASK_ID_PATTERN } from '../base/ids.ts'
import type { TasksConfig } from './config.ts'
import { jsonBytes, PAYLOAD_DEPTH_MAX, problemOfJson, sameJson, utf8Bytes } from './json.ts'
import type { Json, Priority, TaskSpec } from './task.ts'

export type ParsedSpec =
  | { readonly ok: true; readonly spec: TaskSpec }
  | { readonly ok: false; readonly problems: readonly Problem[] }

/** Attempts a task may ask for. */
export const ATTEMPTS_ALLOWED_MAX = 100
/** Longest pause and longest attempt, in ms: a day. */
export const TASK_MS_MAX = 24 * 60 * 60 * 1_000
const TYPE_PATTERN = /^[A-Za-z][A-Za-z0-9._-]{0,63}$/
/** Characters of a value shown in a problem. */
const SHOWN_MAX = 80

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
] as const

/** @param newId makes an id for a task without one; undefined where ids must not be made up (shared lists) */
export function parseTaskSpec(
  value: unknown,
  defaults: TasksConfig,
  newId: (() => string) | undefined,
): ParsedSpec {
  const fields = new Fields(value)
  const given = fields.text('id', TASK_ID_PATTERN, '1 to 256 printable ASCII characters without spaces')
  const key = fields.key()
  const type = fields.required(
    'type',
    TYPE_PATTERN,
    'the name of an executor: a letter, then up to 63 of A-Z a-z 0-9 . _ -',
  )
  fields.reserved(given, type)
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
  const id = given ?? (newId === undefined ? fields.idOfKey(key) : newId())
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
  }
  return { ok: true, spec }
}

/** Why this node would not take such a task from anybody; undefined when it would. For specs that other nodes pass on. */
export function refusalOfSpec(spec: TaskSpec, limits: TasksConfig): Failure | undefined {
  const parsed = parseTaskSpec(spec, limits, undefined)
  if (parsed.ok) return undefined
  const { problems } = parsed
  const detail = problems.map(({ at, expected, got }) => `${at}: expected ${expected}, got ${got}`).join('; ')
  return { code: 'TASK_INVALID', detail: `${detail}.`, problems }
}

/** The same task, field by field. */
export function sameSpec(a: TaskSpec, b: TaskSpec): boolean {
  if (a === b) return true
  return FIELDS.every(field => sameJson(a[field], b[field]))
}

/** A value as it is shown in a problem. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing'
  const text = typeof value === 'bigint' ? `${value}n` : safeText(value)
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX).toWellFormed()}...` : text
}

function safeText(value: unknown): string {
  if (typeof value === 'object' && value !== null) {
    return problemOfJson(value) === undefined
      ? JSON.stringify(value)
      : Array.isArray(value)
        ? 'a list'
        : 'an object'
  }
  return JSON.stringify(value) ?? String(value)
}

/** Reads the fields of one document and gathers what is wrong with them. */
class Fields {
  readonly problems: Problem[] = []
  readonly #fields: Readonly<Record<string, unknown>>
  readonly #readable: boolean

  constructor(value: unknown) {
    this.#readable = typeof value === 'object' && value !== null && !Array.isArray(value)
    this.#fields = this.#readable ? (value as Readonly<Record<string, unknown>>) : {}
    if (!this.#readable) this.#refuse('task', 'an object with the fields of a task', value)
    const known: readonly string[] = FIELDS
    for (const field of Object.keys(this.#fields)) {
      if (known.includes(field)) continue
      const at = shown(field).slice(1, -1)
      this.problems.push({ at, expected: `one of ${FIELDS.join(', ')}`, got: 'an unknown field' })
    }
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

  /** Records and orders of schedules travel as tasks of such a type and id; see `schedules/state.ts`. */
  reserved(id: string | undefined, type: string): void {
    if (type === 'schedule') this.#refuse('type', 'an executor; schedules are put under /v1/schedules', type)
    if (id?.startsWith('schedule:')) this.#refuse('id', 'another beginning: that is of schedules', id)
  }

  key(): string | undefined {
    const value = this.#get('key')
    if (value === undefined) return undefined
    const fits =
      typeof value === 'string' &&
      value.length > 0 &&
      value.isWellFormed() &&
      utf8Bytes(value) <= KEY_BYTES_MAX
    if (fits) return value
    this.#refuse('key', `text of 1 to ${KEY_BYTES_MAX} bytes of UTF-8`, value)
    return undefined
  }

  whole(field: string, min: number, max: number, otherwise: number): number {
    const value = this.#get(field)
    if (value === undefined) return otherwise
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value
    this.#refuse(field, `a whole number from ${min} to ${max}`, value)
    return otherwise
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
