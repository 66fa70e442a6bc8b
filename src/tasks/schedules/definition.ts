/**
 * From whatever somebody sent to the definition of a schedule with every default filled in. All problems are told at once,
 * each with what was expected and what came.
 */
import type { Problem } from '../../base/errors.ts'
import { unknownNames } from '../../base/unknown-names.ts'
import type { TasksConfig } from '../config.ts'
import { shown } from '../shown.ts'
import { parseTaskSpec } from '../spec.ts'
import {
  type CatchUp,
  type Overlap,
  SCHEDULE_NAME_PATTERN,
  type ScheduleDefinition,
  type TaskTemplate,
} from './state.ts'
import { INTERVAL_MS_MAX, INTERVAL_MS_MIN, type NextSlot, slotAfter, type Timing } from './timing.ts'

export type ParsedDefinition =
  | { readonly ok: true; readonly definition: ScheduleDefinition }
  | { readonly ok: false; readonly problems: readonly Problem[] }

const FIELDS = ['name', 'cron', 'timeZone', 'everyMs', 'task', 'catchUp', 'overlap', 'paused'] as const
const CATCH_UPS: readonly CatchUp[] = ['none', 'last', 'all']
const OVERLAPS: readonly Overlap[] = ['allow', 'skip']
/** Characters of an expression and of the name of a zone. */
export const EXPRESSION_CHARS_MAX = 256
export const ZONE_CHARS_MAX = 64

/** What a task may say and one of a schedule may not. */
const NOT_OF_TASKS = {
  id: 'the slot gives it',
  key: 'the name of the schedule is the key',
  dedupe: 'the slot is what there is one task for',
  runAt: 'the slot says when',
  expiresAt: 'one instant cannot fit all slots',
  placement: 'they run where the schedule is owned',
} as const

type Given = Readonly<Record<string, unknown>>

/** What reading a definition needs to know. */
export interface DefinitionRules {
  /** What a task gets that does not say. */
  readonly defaults: TasksConfig
  readonly nextSlot: NextSlot
}

/**
 * @param name where the name stands elsewhere (in a path); else the field `name` is needed
 * @param value `{ name, cron, timeZone | everyMs, task, catchUp, overlap, paused }`
 */
export function parseDefinition(
  value: unknown,
  rules: DefinitionRules,
  name: string | undefined = undefined,
): ParsedDefinition {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { ok: false, problems: [{ at: 'schedule', expected: 'an object', got: shown(value) }] }
  }
  const given = value as Given
  const problems = unknownNames(Object.keys(given), FIELDS, `one of ${FIELDS.join(', ')}`, 'field')
  const found = nameOf(given, name, problems)
  const timing = timingOf(given, rules.nextSlot, problems)
  const task = templateOf(given, found, rules.defaults, problems)
  const catchUp = oneOf(given, 'catchUp', CATCH_UPS, 'last', problems)
  const overlap = oneOf(given, 'overlap', OVERLAPS, 'allow', problems)
  const paused = flagOf(given, 'paused', problems)
  if (problems.length > 0 || timing === undefined || task === undefined) return { ok: false, problems }
  return { ok: true, definition: { name: found, timing, task, catchUp, overlap, paused } }
}

function nameOf(given: Given, known: string | undefined, problems: Problem[]): string {
  const said = fieldOf(given, 'name')
  const value = said === undefined ? known : said
  const expected = 'a name: a letter or digit, then up to 127 of A-Z a-z 0-9 . _ -'
  if (typeof value !== 'string' || !SCHEDULE_NAME_PATTERN.test(value)) {
    problems.push({ at: 'name', expected, got: shown(value) })
    return ''
  }
  if (known !== undefined && value !== known) {
    problems.push({ at: 'name', expected: `${known}, as in the path`, got: shown(value) })
  }
  return value
}

function timingOf(given: Given, nextSlot: NextSlot, problems: Problem[]): Timing | undefined {
  const [cron, everyMs, timeZone] = ['cron', 'everyMs', 'timeZone'].map(name => fieldOf(given, name))
  if ((cron === undefined) === (everyMs === undefined)) {
    const got = cron === undefined ? 'neither' : 'both'
    problems.push({ at: 'cron', expected: 'either cron or everyMs', got })
    return undefined
  }
  if (cron === undefined) return intervalOf(everyMs, timeZone, problems)
  const zone = timeZone === undefined ? 'UTC' : timeZone
  if (typeof cron !== 'string' || cron.length > EXPRESSION_CHARS_MAX) {
    problems.push({
      at: 'cron',
      expected: `a text of at most ${EXPRESSION_CHARS_MAX} characters`,
      got: shown(cron),
    })
    return undefined
  }
  if (typeof zone !== 'string' || zone.length > ZONE_CHARS_MAX) {
    problems.push({ at: 'timeZone', expected: 'the name of a time zone', got: shown(zone) })
    return undefined
  }
  return checkedCron({ cron, timeZone: zone }, nextSlot, problems)
}

/** Slots in the past say nothing: what matters is whether there can be one at all. */
function checkedCron(
  timing: { readonly cron: string; readonly timeZone: string },
  nextSlot: NextSlot,
  problems: Problem[],
): Timing | undefined {
  const { cron, timeZone } = timing
  const first = nextSlot(cron, timeZone, 0)
  if (typeof first === 'string') {
    const ofZone = first.includes('time zone')
    problems.push({ at: ofZone ? 'timeZone' : 'cron', expected: first, got: shown(ofZone ? timeZone : cron) })
    return undefined
  }
  if (slotAfter(timing, 0, nextSlot) !== undefined) return timing
  problems.push({ at: 'cron', expected: 'an expression that some day fits', got: shown(cron) })
  return undefined
}

function intervalOf(everyMs: unknown, timeZone: unknown, problems: Problem[]): Timing | undefined {
  if (timeZone !== undefined) {
    problems.push({ at: 'timeZone', expected: 'none beside everyMs', got: shown(timeZone) })
  }
  const fits =
    typeof everyMs === 'number' &&
    Number.isInteger(everyMs) &&
    everyMs >= INTERVAL_MS_MIN &&
    everyMs <= INTERVAL_MS_MAX
  if (fits) return { everyMs }
  const expected = `a whole number of ms from ${INTERVAL_MS_MIN} to ${INTERVAL_MS_MAX}`
  problems.push({ at: 'everyMs', expected, got: shown(everyMs) })
  return undefined
}

function templateOf(
  given: Given,
  name: string,
  defaults: TasksConfig,
  problems: Problem[],
): TaskTemplate | undefined {
  const value = fieldOf(given, 'task')
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    problems.push({ at: 'task', expected: 'an object with type and payload of the tasks', got: shown(value) })
    return undefined
  }
  for (const [field, why] of Object.entries(NOT_OF_TASKS)) {
    if (!Object.hasOwn(value, field)) continue
    const expected = `no ${field}: ${why}`
    problems.push({ at: `task.${field}`, expected, got: shown((value as Given)[field]) })
  }
  const key = name === '' ? 'none' : name
  const parsed = parseTaskSpec({ ...value, id: key, key }, defaults, undefined)
  if (!parsed.ok) {
    for (const problem of parsed.problems) problems.push({ ...problem, at: `task.${problem.at}` })
    return undefined
  }
  const { id: _, key: __, ...template } = parsed.spec
  return template
}

function oneOf<T extends string>(
  given: Given,
  name: string,
  values: readonly T[],
  otherwise: T,
  problems: Problem[],
): T {
  const value = fieldOf(given, name)
  if (value === undefined) return otherwise
  const found = values.find(each => each === value)
  if (found === undefined)
    problems.push({ at: name, expected: `one of ${values.join(', ')}`, got: shown(value) })
  return found ?? otherwise
}

function flagOf(given: Given, name: string, problems: Problem[]): boolean {
  const value = fieldOf(given, name)
  if (value === undefined || typeof value === 'boolean') return value ?? false
  problems.push({ at: name, expected: 'true or false', got: shown(value) })
  return false
}

const fieldOf = (given: Given, name: string): unknown =>
  Object.hasOwn(given, name) ? given[name] : undefined
