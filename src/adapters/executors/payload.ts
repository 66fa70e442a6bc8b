/** Judging payloads: each problem says where it is, what was expected there and what came. */
import type { Failure } from '../../base/errors.ts'

/** Longest quote of a wrong value inside an error. */
const QUOTE_LENGTH_MAX = 80

/** A wrong value as an error may show it: short, and on one line. */
export function quote(value: unknown): string {
  const text = value === undefined ? 'nothing' : (JSON.stringify(value) ?? typeof value)
  return text.length <= QUOTE_LENGTH_MAX ? text : `${text.slice(0, QUOTE_LENGTH_MAX)}...`
}

/** @param at path inside the task, such as `payload.args`; @param why what else is to say about `got` */
export function invalid(at: string, expected: string, got: unknown, why = ''): Failure {
  const shown = `${quote(got)}${why}`
  return {
    code: 'TASK_INVALID',
    detail: `${at}: expected ${expected}, got ${shown}.`,
    problems: [{ at, expected, got: shown }],
  }
}

export type Fields = Readonly<Record<string, unknown>>

export const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The failure when `payload` is no object or has a field that is not among `known`: a typo must not pass silently. */
export function strangeFields(payload: unknown, known: readonly string[]): Failure | undefined {
  if (!isObject(payload)) return invalid('payload', `an object with ${known.join(', ')}`, payload)
  const strange = Object.keys(payload).find(name => !known.includes(name))
  if (strange === undefined) return undefined
  return invalid(`payload.${strange}`, `only the fields ${known.join(', ')}`, payload[strange])
}
