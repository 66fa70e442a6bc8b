/**
 * What becomes of the slots that are due: the tasks that are made, and what the schedule's record says once these are durable.
 *
 * The tasks come first, so that no copy of the schedule can say "made" of a task that nobody has. What is missed is said when the
 * record says it: as long as the tasks are not durable all of it is tried again, and would be said and counted at each try.
 */
import { isoOf } from '../../base/iso.ts'
import type { Step } from '../effects.ts'
import type { TaskSpec } from '../task.ts'
import type { Verdict } from './backlog.ts'
import type { Tally } from './metrics.ts'
import type { ScheduleHost } from './schedules.ts'
import {
  type Decided,
  MISSED_KEPT,
  type Missed,
  type MissReason,
  type ScheduleDefinition,
  type ScheduleState,
  slotTaskId,
} from './state.ts'

export interface Decision {
  /** What the record said before. */
  readonly base: Decided
  /** What it is to say. */
  readonly whole: Decided
  /** Tasks that have to be durable first. */
  readonly made: readonly TaskSpec['id'][]
  /** Ranges that `whole` counts and `base` does not; oldest first. */
  readonly missed: readonly Missed[]
}

type Host = Pick<ScheduleHost, 'isKnown' | 'isUnfinished' | 'full' | 'make' | 'termOf'>

/** Makes tasks of the slots that are to be made and that nothing hinders. */
export function decide(
  { ordered, decided: base }: ScheduleState,
  { make, late, to }: Verdict,
  host: Host,
  tally: Tally,
  step: Step,
): Decision {
  const { definition } = ordered
  const term = host.termOf(definition.name)
  const made: TaskSpec['id'][] = []
  const missed: Missed[] = []
  let decided = base
  const miss = (range: Omit<Missed, 'reason' | 'at'>, reason: MissReason): void => {
    const one: Missed = { ...range, reason, at: step.now.wall, ...(term !== undefined && { term }) }
    missed.push(one)
    decided = without(decided, one)
  }
  let next = 0
  const missUpTo = (slot: number): void => {
    for (let range = late[next]; range !== undefined && range.from <= slot; range = late[++next]) {
      const { more, ...rest } = range
      miss({ ...rest, ...(more && { more }) }, 'late')
    }
  }
  // In the order of the slots: what is made between two that are missed parts them in the list.
  for (const slot of make) {
    missUpTo(slot)
    const reason = hindrance(definition, decided, slot, host)
    if (reason !== undefined) {
      miss({ from: slot, to: slot, count: 1 }, reason)
      continue
    }
    makeTask(definition, slot, host, tally, step)
    made.push(slotTaskId(definition.name, slot))
    decided = { ...decided, lastMade: slot, made: decided.made + 1, to: Math.max(decided.to, slot) }
  }
  missUpTo(Number.POSITIVE_INFINITY)
  return { base, whole: { ...decided, to: Math.max(to, decided.to) }, made, missed }
}

/** The record says so now. */
export function sayMissed(name: string, { missed }: Decision, tally: Tally, step: Step): void {
  for (const { from, to, count, more, reason } of missed) {
    tally.missed(reason, count)
    const fields = { schedule: name, from: isoOf(from), to: isoOf(to), count, reason }
    step.log(reason === 'overlap' ? 'info' : 'warn', 'slot-missed', { ...fields, ...(more && { more }) })
  }
}

function hindrance(
  { name, overlap }: ScheduleDefinition,
  { lastMade }: Decided,
  slot: number,
  host: Host,
): MissReason | undefined {
  if (host.isKnown(slotTaskId(name, slot))) return undefined
  if (host.full) return 'queue-full'
  const runs = lastMade !== undefined && host.isUnfinished(slotTaskId(name, lastMade))
  return overlap === 'skip' && runs ? 'overlap' : undefined
}

function makeTask(
  { name, task }: ScheduleDefinition,
  slot: number,
  host: Host,
  tally: Tally,
  step: Step,
): void {
  const id = slotTaskId(name, slot)
  if (!host.make({ id, key: name, ...task }, step)) return
  const lateMs = Math.max(0, step.now.wall - slot)
  tally.made(lateMs)
  const fields = { schedule: name, slot: isoOf(slot), task: id, lateMs: Math.round(lateMs) }
  step.log('info', 'slot-run', fields)
}

const without = (decided: Decided, missed: Missed): Decided => ({
  ...decided,
  missed: decided.missed + missed.count,
  lately: listed(decided, missed),
  to: Math.max(decided.to, missed.to),
})

/** Slots in a row that were missed for one reason, and listed by one owner, make one line. */
function listed({ lately, to }: Decided, missed: Missed): readonly Missed[] {
  const last = lately.at(-1)
  const { reason, term } = missed
  if (last === undefined || last.reason !== reason || last.term !== term || last.to !== to) {
    return [...lately, missed].slice(-MISSED_KEPT)
  }
  const count = last.count + missed.count
  const more = last.more === true || missed.more === true
  return [...lately.slice(0, -1), { ...missed, from: last.from, count, ...(more && { more }) }]
}
