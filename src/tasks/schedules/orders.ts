/**
 * What people ask of a schedule, and what that makes of its state. An order travels to the owner of the name as a submission of type
 * `schedule` does: by the same way, under the same right, with the same answers; see `Requests`.
 */
import type { Failure, Problem } from '../../base/errors.ts'
import { type WallMs, wallOf } from '../../base/time.ts'
import { sameJson } from '../json.ts'
import { shown } from '../shown.ts'
import type { Json, TaskSpec } from '../task.ts'
import { CLOCK_APART_MS } from './clocks.ts'
import { type DefinitionRules, parseDefinition } from './definition.ts'
import {
  type Decided,
  type Ordered,
  SCHEDULE_NAME_PATTERN,
  SCHEDULE_TYPE,
  type ScheduleDefinition,
  type ScheduleState,
  scheduleIdOf,
  specOf,
} from './state.ts'
import { sameTiming } from './timing.ts'

export type ScheduleOrder =
  | { readonly op: 'put'; readonly definition: ScheduleDefinition }
  | { readonly op: 'delete' | 'pause' | 'resume' }

/** The order as it travels. */
export function orderSpec(name: string, order: ScheduleOrder): TaskSpec {
  const payload =
    order.op === 'put' ? { op: order.op, schedule: givenOf(order.definition) } : { op: order.op }
  return specOf(name, payload)
}

export const isOrder = ({ type }: TaskSpec): boolean => type === SCHEDULE_TYPE

/** The definition as one would write it. */
export function givenOf({ timing, name, ...rest }: ScheduleDefinition): { readonly [key: string]: Json } {
  return { name, ...timing, ...(rest as unknown as { readonly [key: string]: Json }) }
}

/** Reads an order that came from somewhere; checked again here, since the owner may be of another version than who passed it on. */
export function readOrder(spec: TaskSpec, rules: DefinitionRules): ScheduleOrder | Failure {
  const { payload, key: name } = spec
  const fields = typeof payload === 'object' && payload !== null && !Array.isArray(payload) ? payload : {}
  const { op, schedule } = fields as { readonly op?: Json; readonly schedule?: Json }
  if (spec.id !== scheduleIdOf(name) || !SCHEDULE_NAME_PATTERN.test(name)) {
    return invalid([
      { at: 'name', expected: 'the name of a schedule as key, and its id', got: shown(spec.id) },
    ])
  }
  if (op === 'delete' || op === 'pause' || op === 'resume') return { op }
  if (op !== 'put') {
    return invalid([{ at: 'op', expected: 'put, delete, pause or resume', got: shown(op) }])
  }
  const parsed = parseDefinition(schedule, rules, name)
  return parsed.ok ? { op: 'put', definition: parsed.definition } : invalid(parsed.problems)
}

/** What is wrong with a definition, as an error. */
export function invalid(problems: readonly Problem[]): Failure {
  const detail = problems.map(({ at, expected, got }) => `${at}: expected ${expected}, got ${got}`).join('; ')
  return { code: 'SCHEDULE_INVALID', detail: `${detail}.`, problems }
}

export const isFailure = (value: ScheduleOrder | ScheduleState | Failure): value is Failure => 'code' in value

/**
 * The state after an order; the very same one where it changes nothing.
 * @param source who orders: `config` is a node whose configuration says so
 */
export function obey(
  before: ScheduleState | undefined,
  name: string,
  order: ScheduleOrder,
  source: Ordered['source'],
  wall: WallMs,
): ScheduleState | Failure {
  const alive = before !== undefined && !before.ordered.deleted
  if (order.op === 'put') return put(before, order.definition, source, wall)
  if (before === undefined || !alive) {
    return { code: 'SCHEDULE_UNKNOWN', detail: `there is no schedule ${name}` }
  }
  if (order.op === 'delete') return remove(before, source, wall)
  const paused = order.op === 'pause'
  if (before.ordered.paused === paused) return before
  const decided = paused ? before.decided : from(before.decided, wall)
  return { ordered: next(before.ordered, { paused }, wall), decided }
}

/** With other slots than before it begins anew: those that lie behind are not due under it. */
function put(
  before: ScheduleState | undefined,
  definition: ScheduleDefinition,
  source: Ordered['source'],
  wall: WallMs,
): ScheduleState | Failure {
  const { paused } = definition
  if (before === undefined) {
    const at = Math.max(0, Math.floor(wall))
    const version = source === 'api' ? Math.max(1, at) : 1
    const ordered: Ordered = { version, definition, source, paused, deleted: false, at: wall }
    return { ordered, decided: { to: at, made: 0, missed: 0, lately: [] } }
  }
  const { ordered, decided } = before
  if (!ordered.deleted) {
    if (source === 'api' && ordered.source === 'config') return refusedOfConfig(definition.name)
    const unchanged = ordered.source === source && sameDefinition(ordered.definition, definition)
    if (unchanged && (source === 'config' || ordered.paused === paused)) return before
  }
  const fromConfig = source === 'config' && ordered.source === 'config' && !ordered.deleted
  // Paused or resumed by hand it stays so where only what stands beside the definition has changed.
  const kept = fromConfig && sameButDefaults(ordered.definition, definition) ? ordered.paused : paused
  const put = next(ordered, { definition, source, paused: kept, deleted: false }, wall)
  if (ordered.deleted && decided.to > wall + CLOCK_APART_MS) return { ordered: put, decided: anew(put, wall) }
  const begins =
    ordered.deleted || ordered.paused || !sameTiming(ordered.definition.timing, definition.timing)
  return { ordered: put, decided: begins ? from(decided, wall) : decided }
}

/** Nothing is decided: by a clock that was ahead no slot would be due for as long as it was ahead. Tasks that are there stay known. */
const anew = ({ version }: Ordered, wall: WallMs): Decided => ({
  ...{ to: Math.max(0, Math.floor(wall)), anew: version },
  ...{ made: 0, missed: 0, lately: [] },
})

function remove(before: ScheduleState, source: Ordered['source'], wall: WallMs): ScheduleState | Failure {
  const { ordered, decided } = before
  if (source === 'api' && ordered.source === 'config') return refusedOfConfig(ordered.definition.name)
  return { ordered: next(ordered, { deleted: true }, wall), decided }
}

const next = (ordered: Ordered, changes: Partial<Ordered>, wall: WallMs): Ordered => ({
  ...ordered,
  ...changes,
  version: ordered.version + 1,
  at: wallOf(Math.max(0, Math.floor(wall))),
})

/** Slots up to now are not due. */
const from = (decided: Decided, wall: WallMs): Decided => ({
  ...decided,
  to: Math.max(decided.to, Math.floor(wall)),
})

const refusedOfConfig = (name: string): Failure => ({
  code: 'SCHEDULE_FROM_CONFIG',
  detail: `schedule ${name} stands in the configuration of its owner; it can be paused and resumed`,
})

export const sameDefinition = (a: ScheduleDefinition, b: ScheduleDefinition): boolean =>
  sameJson(a as unknown as Json, b as unknown as Json)

/** The same but for what a node fills in from its own configuration where the definition says nothing. */
function sameButDefaults(a: ScheduleDefinition, b: ScheduleDefinition): boolean {
  const { maxAttempts, backoffMs, backoffMsMax, timeoutMs } = b.task
  return sameDefinition({ ...a, task: { ...a.task, maxAttempts, backoffMs, backoffMsMax, timeoutMs } }, b)
}
