/**
 * A schedule as it is stored and copied: a record beside the tasks, with id `schedule:NAME` and its name as key. So it is held,
 * taken over and handed on by what does that for tasks, by the same nodes that hold the tasks it makes.
 *
 * Two parts, since two kinds of change meet when copies do. What was ordered (definition, paused, deleted) goes by a version that each
 * order raises: the highest is right. How far the slots are decided only ever rises: the furthest is right, of what began anew
 * last, and of those that know of any slot. Each part is a maximum of a total order, so copies can meet in any order and as often as they like.
 */
import { asTaskId, type NodeId, type TaskId } from '../../base/ids.ts'
import { isoOf, msOfIso } from '../../base/iso.ts'
import type { WallMs } from '../../base/time.ts'
import type { Json, TaskRecord, TaskSpec } from '../task.ts'
import type { Timing } from './timing.ts'

/** What a schedule makes of slots that nobody was there for. */
export type CatchUp = 'none' | 'last' | 'all'
/** What it does with a slot while the task of the one before is unfinished. */
export type Overlap = 'allow' | 'skip'

/** What the tasks of a schedule have in common: all but the id; the key is the schedule's name. */
export type TaskTemplate = Omit<TaskSpec, 'id' | 'key'>

/** What somebody asks for, with every default filled in. */
export interface ScheduleDefinition {
  readonly name: string
  readonly timing: Timing
  readonly task: TaskTemplate
  /** Default `last`: a daily slot that falls into a takeover still runs. */
  readonly catchUp: CatchUp
  /** Default `allow`: the task is made and waits until the one before has ended. */
  readonly overlap: Overlap
  /** Begins paused. */
  readonly paused: boolean
}

/** Why a slot was not made. */
export type MissReason = 'late' | 'overlap' | 'queue-full'

/** Slots in a row that were not made, by one reason. */
export interface Missed {
  /** The first and the last of them, in ms since 1970. */
  readonly from: number
  readonly to: number
  readonly count: number
  /** There were more than `count`: a gap of that length is not counted to its end. */
  readonly more?: true
  readonly reason: MissReason
  /** When that was decided. */
  readonly at: WallMs
  /** In quorum mode, under which term: whoever has it knows of all that counted under those before. */
  readonly term?: number
}

/** What was ordered. */
export interface Ordered {
  /**
   * Rises with every order. The first that people give is the time of it, in ms since 1970: so it stands above the end of one of
   * that name that was deleted, and dropped here, and that somebody who was away still has. What the configuration says begins with
   * 1: where anybody knows better that counts, and where that is such an end the next comparison puts it above.
   */
  readonly version: number
  readonly definition: ScheduleDefinition
  /** `config`: from the configuration of the nodes; only that changes and removes it. */
  readonly source: 'api' | 'config'
  readonly paused: boolean
  readonly deleted: boolean
  /** When it was ordered. */
  readonly at: WallMs
}

/** How far the slots are decided. */
export interface Decided {
  /** Every slot up to here is made, or listed as missed, or was never due. In ms since 1970; only rises, as long as `anew` stays. */
  readonly to: number
  /**
   * The version of the order with which all of this began anew: it was put after it had been deleted, and slots were decided, by
   * a clock that was ahead, up to a time that had not come.
   */
  readonly anew?: number
  /** The newest slot that was made. */
  readonly lastMade?: number
  /** Since it was first put. */
  readonly made: number
  readonly missed: number
  /** The newest ones, at most `MISSED_KEPT`; oldest first. */
  readonly lately: readonly Missed[]
}

export interface ScheduleState {
  readonly ordered: Ordered
  readonly decided: Decided
}

/** A record that is a schedule. */
export type ScheduleRecord = TaskRecord & { readonly schedule: ScheduleState }

/** One line of a list of schedules, as told by the owner of its name. */
export interface ScheduleSummary {
  readonly name: string
  readonly timing: Timing
  /** Of its tasks. */
  readonly type: string
  readonly source: Ordered['source']
  readonly paused: boolean
  readonly decidedTo: number
  readonly lastMade?: number
  readonly made: number
  readonly missed: number
  /** Why nothing is made of it now. */
  readonly waits?: string
}

/** Summaries on a page. */
export const SCHEDULE_PAGE_MAX = 500

/** The type that no executor has: a record, or an order, for a schedule. */
export const SCHEDULE_TYPE = 'schedule'
export const MISSED_KEPT = 64

/** Names are parts of task ids: `NAME@SLOT`. */
export const SCHEDULE_NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/

export const isSchedule = (record: TaskRecord): record is ScheduleRecord => record.schedule !== undefined

export const scheduleIdOf = (name: string): TaskId => asTaskId(`${SCHEDULE_TYPE}:${name}`)

/** The id of the one task of this slot, the same whoever makes it: `backup@2026-11-22T02:00:00Z`. */
export const slotTaskId = (name: string, slot: number): TaskId => asTaskId(`${name}@${isoOf(slot)}`)

/** Is it the id of a slot of some schedule, whether there is one of that name or not? Nobody else may take it: the slot would be lost. */
export function isSlotId(id: string): boolean {
  const at = id.indexOf('@')
  return at > 0 && SCHEDULE_NAME_PATTERN.test(id.slice(0, at)) && msOfIso(id.slice(at + 1)) !== undefined
}

/** Was this task made for a slot of the schedule that is its key? */
export const isOfSlot = ({ spec, source }: TaskRecord): boolean => source === `${SCHEDULE_TYPE}:${spec.key}`

/** The slot that the id of such a task names; undefined where it names none of the schedule that is its key. */
export function slotOf({ spec: { id, key } }: TaskRecord): number | undefined {
  return id.startsWith(`${key}@`) ? msOfIso(id.slice(key.length + 1)) : undefined
}

/** Is the slot of such a task decided? Texts of times stand in the order of the times, but for the `Z` at their end. */
export const isSlotDecided = ({ spec: { id, key } }: TaskRecord, { decided }: ScheduleState): boolean =>
  id.slice(key.length + 1, -1) <= isoOf(decided.to).slice(0, -1)

/** Is it of a slot that this node's copy of the schedule does not call decided yet? */
export function isOfOpenSlot(task: TaskRecord, recordOfId: (id: TaskId) => TaskRecord | undefined): boolean {
  const schedule = isOfSlot(task) ? recordOfId(scheduleIdOf(task.spec.key))?.schedule : undefined
  return schedule !== undefined && !isSlotDecided(task, schedule)
}

/**
 * Does this node's copy of the schedule list the slot of such a task as missed, by somebody who had a later term? Then the task never
 * counted: it would have been known, unless it was given up with members that were forgotten. And nobody was told that it ran.
 */
export function isOfMissedSlot(
  task: TaskRecord,
  recordOfId: (id: TaskId) => TaskRecord | undefined,
): boolean {
  const schedule = isOfSlot(task) ? recordOfId(scheduleIdOf(task.spec.key))?.schedule : undefined
  const slot = schedule && slotOf(task)
  const { term: written } = task
  if (schedule === undefined || slot === undefined || written === undefined) return false
  return schedule.decided.lately.some(
    ({ from, to, term = 0 }) => from <= slot && slot <= to && term > written,
  )
}

export function summaryOf({ schedule }: ScheduleRecord, waits: string | undefined): ScheduleSummary {
  const { definition, source, paused } = schedule.ordered
  const { name, timing, task } = definition
  const { to, lastMade, made, missed } = schedule.decided
  return {
    ...{ name, timing, type: task.type, source, paused, decidedTo: to, made, missed },
    ...(lastMade !== undefined && { lastMade }),
    ...(waits !== undefined && { waits }),
  }
}

/** The record of a schedule: everything in it follows from its state. */
export function recordOf(
  { ordered, decided }: ScheduleState,
  holders: readonly NodeId[],
  revision: number,
): ScheduleRecord {
  const { definition, deleted, at } = ordered
  return {
    spec: specOf(definition.name, null),
    source: 'api',
    state: deleted ? 'cancelled' : 'scheduled',
    acceptedAt: at,
    ...(deleted && { settledAt: at }),
    attempts: [],
    holders,
    revision,
    schedule: { ordered, decided },
  }
}

/** What a record of, or an order for, a schedule looks like to those who do not know schedules. */
export const specOf = (name: string, payload: Json): TaskSpec => ({
  id: scheduleIdOf(name),
  key: name,
  type: SCHEDULE_TYPE,
  payload,
  priority: 1,
  maxAttempts: 1,
  backoffMs: 0,
  backoffMsMax: 0,
  timeoutMs: 1,
})

/**
 * Of both copies, of one term, the newer order and the further decision. Commutative, associative, idempotent; `a` itself when
 * `b` adds nothing. Of the numbers of disks on which they counted the lower one: by a higher one more would be dropped.
 */
export function mergeSchedules(a: ScheduleRecord, b: ScheduleRecord): ScheduleRecord {
  const ordered = greater(a.schedule.ordered, b.schedule.ordered, (x, y) => x.version - y.version)
  const decided = further(a.schedule, b.schedule)
  const newest = greater(heldOf(a), heldOf(b), (x, y) => x.revision - y.revision)
  const { term } = a
  const copies = Math.min(a.copies ?? 0, b.copies ?? 0)
  const merged = {
    ...recordOf({ ordered, decided }, newest.holders, newest.revision),
    ...(term !== undefined && { term }),
    ...(copies > 0 && { copies }),
  }
  if (same(merged, a)) return a
  return same(merged, b) ? b : merged
}

interface Held {
  readonly holders: readonly NodeId[]
  readonly revision: number
}

const heldOf = ({ holders, revision }: ScheduleRecord): Held => ({ holders, revision })

/**
 * Whoever never held a schedule of the configuration begins it now, where nobody answers who did (in available mode). As long as
 * that is all, it says nothing of the slots before: those who come back know more, and would else miss them unsaid.
 */
const knowsSlots = ({ ordered: { version }, decided: { anew, made, missed } }: ScheduleState): boolean =>
  version > 1 || anew !== undefined || made + missed > 0

function further(x: ScheduleState, y: ScheduleState): Decided {
  const known = knowsSlots(x)
  if (known !== knowsSlots(y)) return known ? x.decided : y.decided
  return greater(x.decided, y.decided, byReach)
}

const byReach = (x: Decided, y: Decided): number =>
  (x.anew ?? 0) - (y.anew ?? 0) || x.to - y.to || x.made + x.missed - (y.made + y.missed)
const same = (a: ScheduleRecord, b: ScheduleRecord): boolean => sortedText(a) === sortedText(b)

/** The greater of two parts; those that the order does not tell apart go by their text, so that everybody decides alike. */
function greater<T>(x: T, y: T, compare: (x: T, y: T) => number): T {
  const order = compare(x, y)
  if (order !== 0) return order > 0 ? x : y
  return sortedText(x) >= sortedText(y) ? x : y
}

/** Independent of the order in which the fields were set. */
function sortedText(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) =>
    typeof each === 'object' && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([x], [y]) => (x < y ? -1 : 1)))
      : each,
  )
}
