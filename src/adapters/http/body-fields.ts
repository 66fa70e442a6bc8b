/** Reads the few fields of an operator's request. Everything that is wrong with it is said at once. */
import { CodedError, type Problem } from '../../base/errors.ts'
import { unknownNames } from '../../base/unknown-names.ts'

/** One field: what it must be, in words, and how it is read; undefined when it is not that. */
export interface BodyField<T, Required extends boolean = boolean> {
  readonly expected: string
  readonly read: (value: unknown) => T | undefined
  readonly required: Required
}

type Fields = Readonly<Record<string, BodyField<unknown>>>
type ValueOf<F> =
  F extends BodyField<infer T, true> ? T : F extends BodyField<infer T> ? T | undefined : never
export type BodyOf<F extends Fields> = { readonly [K in keyof F]: ValueOf<F[K]> }

const shown = (value: unknown): string => (JSON.stringify(value) ?? 'nothing').slice(0, 80)

/** @throws CodedError BAD_REQUEST for unknown, missing and wrong fields; no body is a body without fields */
export function readBody<F extends Fields>(body: unknown, fields: F): BodyOf<F> {
  const problems: Problem[] = []
  const given = entriesOf(body, problems)
  const names = Object.keys(fields)
  const only = names.length === 0 ? 'no fields' : `only ${names.join(', ')}`
  problems.push(...unknownNames(given.keys(), names, only, 'field'))
  const found: Record<string, unknown> = {}
  for (const [name, { expected, read, required }] of Object.entries(fields)) {
    const value = given.get(name)
    if (value === undefined && !required) continue
    found[name] = value === undefined ? undefined : read(value)
    if (found[name] === undefined) problems.push({ at: name, expected, got: shown(value) })
  }
  if (problems.length === 0) return found as BodyOf<F>
  const detail = problems.map(each => `${each.at}: expected ${each.expected}, got ${each.got}`).join('; ')
  throw new CodedError('BAD_REQUEST', `${detail}.`, { problems })
}

function entriesOf(body: unknown, problems: Problem[]): ReadonlyMap<string, unknown> {
  if (body === undefined || body === null) return new Map()
  if (typeof body === 'object' && !Array.isArray(body)) return new Map(Object.entries(body))
  const got = Array.isArray(body) ? 'a list' : `a ${typeof body}`
  problems.push({ at: 'body', expected: 'an object', got })
  return new Map()
}

export const DEADLINE_MS_MAX = 600_000

/** How long an operator is ready to wait, in ms. */
export const deadlineField: BodyField<number, false> = {
  expected: `a whole number from 0 to ${DEADLINE_MS_MAX}`,
  read: value =>
    typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= DEADLINE_MS_MAX
      ? value
      : undefined,
  required: false,
}
