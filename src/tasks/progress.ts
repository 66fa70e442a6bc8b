/**
 * How far an attempt is, as it says itself: for whoever looks, never for a decision. It is kept in the memory of the node
 * that runs the attempt, the newest word only, and is gone with that process: to write it down each time would cost more
 * than most tasks. What may be said is bounded here, how often at each way in (`adapters/executors`).
 */
import type { Problem } from '../base/errors.ts'
import type { WallMs } from '../base/time.ts'
import { shown } from './shown.ts'

/** What an attempt says. At least one of the fields is there. */
export interface ProgressReport {
  /** From 0 to 1. Made from `done` and `total` where it is not given. */
  readonly fraction?: number
  /** Of what it counts, so many are done. */
  readonly done?: number
  /** Of how many; above 0. */
  readonly total?: number
  /** For people; at most `NOTE_CHARS_MAX` characters, longer ones are cut. */
  readonly note?: string
}

/** The same with the wall clock time at which it was heard. */
export interface Progress extends ProgressReport {
  readonly at: WallMs
}

/** Characters of a note that are kept: one line of a terminal, and some. */
export const NOTE_CHARS_MAX = 200

const FIELDS = ['fraction', 'done', 'total', 'note']

/** Reads what an attempt says. Everything that is wrong with it is said at once, and nothing of it is taken then. */
export function readProgress(
  value: unknown,
):
  | { readonly ok: true; readonly report: ProgressReport }
  | { readonly ok: false; readonly problems: Problem[] } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return {
      ok: false,
      problems: [{ at: 'progress', expected: `an object with ${FIELDS.join(', ')}`, got: shown(value) }],
    }
  }
  const given = new Map<string, unknown>(Object.entries(value).filter(([, field]) => field !== undefined))
  const problems = [...strange(given), ...wrong(given)]
  if (problems.length === 0 && given.size === 0) {
    problems.push({ at: 'progress', expected: `one of ${FIELDS.join(', ')}`, got: 'none' })
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, report: reportOf(given) }
}

/** The first problem as one sentence, for those who have no list to show. */
export const progressFault = ([first]: readonly Problem[]): string =>
  first === undefined ? '' : `${first.at}: expected ${first.expected}, got ${first.got}`

function strange(given: ReadonlyMap<string, unknown>): Problem[] {
  const unknown = [...given.keys()].find(name => !FIELDS.includes(name))
  if (unknown === undefined) return []
  return [{ at: unknown.slice(0, 80), expected: `only ${FIELDS.join(', ')}`, got: 'an unknown field' }]
}

function wrong(given: ReadonlyMap<string, unknown>): Problem[] {
  const problems: Problem[] = []
  const check = (at: string, expected: string, holds: (field: unknown) => boolean): void => {
    const field = given.get(at)
    if (field !== undefined && !holds(field)) problems.push({ at, expected, got: shown(field) })
  }
  check('fraction', 'a number from 0 to 1', field => isNumber(field) && field >= 0 && field <= 1)
  check('done', 'a number, 0 or more', field => isNumber(field) && field >= 0)
  check('total', 'a number above 0', field => isNumber(field) && field > 0)
  check('note', 'a text', field => typeof field === 'string')
  return problems
}

function reportOf(given: ReadonlyMap<string, unknown>): ProgressReport {
  const [fraction, done, total] = ['fraction', 'done', 'total'].map(
    name => given.get(name) as number | undefined,
  )
  const note = given.get('note') as string | undefined
  const made = done === undefined || total === undefined ? undefined : Math.min(1, done / total)
  const part = fraction ?? made
  return {
    ...(part !== undefined && { fraction: part }),
    ...(done !== undefined && { done }),
    ...(total !== undefined && { total }),
    ...(note !== undefined && { note: note.slice(0, NOTE_CHARS_MAX).toWellFormed() }),
  }
}

const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value)
