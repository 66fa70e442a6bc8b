/**
 * Makes the task of each slot, once in the whole cluster.
 *
 * Intuition: the name of a schedule is a key like any other, so it has one owner, who may act or may not, and whose word about what
 * was done is complete or not yet. Whoever owns the key and may decide makes the tasks; nobody else does anything.
 * Rule: the task of a slot has the id `NAME@SLOT`, so that whoever makes it again makes the same one. Once it is durable the
 * schedule's record says up to where the slots are decided; that only rises. (Said sooner, a copy of it could be all that is left
 * of a slot.) What nobody was there for is made or listed as missed, as the schedule says; nothing passes in silence.
 * Why that is one run a slot: under the rules for tasks no attempt starts before its record is on as many disks as an accepted
 * task needs, and nobody decides about a key before its takeover is complete. So a new owner knows the task of every slot
 * that may have run, whether or not the schedule's own record reached it.
 * Not taken: a node elected to run all schedules (one more thing to lose, and the ring has chosen already), timers (slots are
 * looked up when time passes, so a frozen or stepped clock skips none), claiming a slot in a log (the key's owner is alone).
 */
import type { Failure } from '../../base/errors.ts'
import { isoOf } from '../../base/iso.ts'
import { after, type Instant, NEVER, type Now } from '../../base/time.ts'
import type { TasksConfig } from '../config.ts'
import type { Metric } from '../counts.ts'
import type { Step } from '../effects.ts'
import type { TaskSpec } from '../task.ts'
import { Backlog, type Verdict } from './backlog.ts'
import { CLOCK_APART_MS, ClockSight } from './clocks.ts'
import { scheduleMetrics, Tally } from './metrics.ts'
import { isFailure, obey, type ScheduleOrder, sameDefinition } from './orders.ts'
import {
  type Decided,
  MISSED_KEPT,
  type Missed,
  type MissReason,
  type Ordered,
  type ScheduleDefinition,
  type ScheduleRecord,
  type ScheduleState,
  slotTaskId,
} from './state.ts'
import { type NextSlot, slotAfter } from './timing.ts'

/** Slots looked at in one step: of one schedule, and of all together. A look takes about 0.2 ms. */
const LOOKS_EACH_MAX = 16
const LOOKS_MAX = 64
/** There is room again when somebody removes a schedule, which takes people: so long, in s, nobody need ask again. */
const FULL_RETRY_S = 60
/** Between two comparisons with the configuration, in ms. */
const COMPARE_MS = 1_000

/** What schedules need of the rest of the room. */
export interface ScheduleHost {
  /**
   * Does this node own the key, may it act for it, and is what it knows of it complete? Only then is anything made, changed or
   * said not to exist.
   */
  mayDecide(key: string, now: Instant): boolean
  /** Every schedule that this node holds, deleted ones too. */
  readonly all: Iterable<ScheduleRecord>
  of(name: string): ScheduleRecord | undefined
  /** Becomes durable with everything else of the step, here and on the other holders. */
  store(state: ScheduleState, step: Step): ScheduleRecord
  /** A new task. False, and nothing happens, where the id is known. */
  make(spec: TaskSpec, step: Step): boolean
  isKnown(task: TaskSpec['id']): boolean
  /**
   * Says once whether all of these tasks of the key are as durable as an accepted task must be. At once, where one disk is
   * enough: then what is stored in this step is in one batch with them.
   */
  whenDurable(
    key: string,
    tasks: readonly TaskSpec['id'][],
    said: (durable: boolean, step: Step) => void,
    step: Step,
  ): void
  isUnfinished(task: TaskSpec['id']): boolean
  /** May no further task be made? */
  readonly full: boolean
}

export interface SchedulesParts {
  readonly host: ScheduleHost
  readonly config: TasksConfig
  readonly nextSlot: NextSlot
}

/** Where this node stands with a schedule; void when its state is another one. */
interface Plan {
  readonly state: ScheduleState
  /** The next slot; undefined when there is none any more. */
  readonly due: number | undefined
  backlog: Backlog | undefined
}

export class Schedules {
  readonly #parts: SchedulesParts
  readonly #plans = new Map<string, Plan>()
  readonly #tally = new Tally()
  readonly #clock = new ClockSight()
  /** By schedule, what is decided and waits for its tasks to be durable. */
  readonly #deciding = new Map<string, Decided>()
  /** By name; undefined before they are known. */
  #configured: ReadonlyMap<string, ScheduleDefinition> | undefined
  #compareAt: Instant = 0 as Instant
  #wakeAt: Instant = NEVER
  /** Where the next step goes on when this one had looked at enough. */
  #next = 0

  constructor(parts: SchedulesParts) {
    this.#parts = parts
  }

  /** These are all schedules of the configuration, from now on. */
  configured(definitions: readonly ScheduleDefinition[]): void {
    this.#configured = new Map(definitions.map(definition => [definition.name, definition]))
    this.#compareAt = 0 as Instant
    this.#wakeAt = 0 as Instant
  }

  get hasConfigured(): boolean {
    return (this.#configured?.size ?? 0) > 0
  }

  /** How far this node's wall clock is ahead of the median of all, in ms. */
  clockIs(aheadMs: number): void {
    this.#clock.is(aheadMs)
  }

  /** Makes the tasks of the slots that are due. */
  tick(step: Step): void {
    this.#wakeAt = NEVER
    const none = this.#parts.host.all[Symbol.iterator]().next().done === true
    this.#clock.look(!none || this.hasConfigured, step)
    if (this.#clock.apart) return
    this.#compare(step)
    const records = [...this.#parts.host.all]
    if (this.#plans.size > 2 * records.length + LOOKS_MAX) this.#plans.clear()
    let looks = 0
    for (let i = 0; i < records.length; i++) {
      const at = (this.#next + i) % records.length
      looks += this.#advance(records[at] as ScheduleRecord, step)
      if (looks < LOOKS_MAX) continue
      this.#next = at + 1
      this.#wakeAt = 0 as Instant
      return
    }
  }

  nextWake(): Instant {
    return this.#wakeAt
  }

  /** Carries out an order for a schedule whose key this node may decide about. */
  order(name: string, order: ScheduleOrder, step: Step): ScheduleRecord | Failure {
    const { host, config } = this.#parts
    const known = host.of(name)
    const alive = known !== undefined && !known.schedule.ordered.deleted
    if (order.op === 'put' && !alive && this.#owned(step.now.mono) >= config.schedulesMax) {
      const detail = `this node owns ${config.schedulesMax} schedules, as many as tasks.schedulesMax allows`
      return { code: 'SCHEDULES_FULL', detail, retryAfterS: FULL_RETRY_S }
    }
    if (this.#clock.apart && (order.op === 'put' || order.op === 'resume')) {
      return { code: 'NOT_READY', detail: this.#clock.text, retryAfterS: 5 }
    }
    const state = obey(known?.schedule, name, order, 'api', step.now.wall)
    if (isFailure(state)) return state
    return known !== undefined && state === known.schedule ? known : this.#store(state, 'api', step)
  }

  /** Why nothing is made of this schedule by this node now; undefined when its slots are made. */
  waits(record: ScheduleRecord, now: Now): string | undefined {
    const { ordered, decided } = record.schedule
    const { name } = ordered.definition
    if (ordered.deleted) return 'it is deleted'
    if (ordered.paused) return 'it is paused'
    if (this.#clock.apart) return this.#clock.text
    if (!this.#parts.host.mayDecide(name, now.mono)) {
      return 'its owner may not act for it yet, is still taking it over, or has a disk that takes no new work'
    }
    if (decided.to <= now.wall + CLOCK_APART_MS) return undefined
    return `slots up to ${isoOf(decided.to)} are decided already, by a clock that was ahead`
  }

  metrics(now: Instant): Metric[] {
    const { host } = this.#parts
    return scheduleMetrics(this.#tally, [...host.all], name => host.mayDecide(name, now), this.#clock)
  }

  #owned(now: Instant): number {
    let owned = 0
    for (const { schedule } of this.#parts.host.all) {
      const { deleted, definition } = schedule.ordered
      if (!deleted && this.#parts.host.mayDecide(definition.name, now)) owned++
    }
    return owned
  }

  /** Returns how many slots were looked at. */
  #advance(record: ScheduleRecord, step: Step): number {
    const { ordered, decided } = record.schedule
    const { definition } = ordered
    if (ordered.deleted || ordered.paused) return 0
    if (!this.#parts.host.mayDecide(definition.name, step.now.mono)) {
      this.#plans.delete(definition.name)
      return 0
    }
    const before = this.#plans.get(definition.name)
    const plan = before?.state === record.schedule ? before : this.#plan(record.schedule)
    const looked = plan === before ? 0 : 1
    if (plan.due === undefined || this.#deciding.has(definition.name)) return looked
    if (plan.due > step.now.wall) {
      this.#wake(after(step.now.mono, plan.due - step.now.wall))
      return looked
    }
    plan.backlog ??= this.#backlogOf(definition, decided)
    const { backlog } = plan
    const lookedBefore = backlog.looked
    const verdict = backlog.look(step.now.wall, LOOKS_EACH_MAX)
    if (verdict === undefined) this.#wake(0 as Instant)
    else this.#decide(record, verdict, step)
    // And one that found no more, and one for the slot after.
    return looked + backlog.looked - lookedBefore + 2
  }

  #plan(state: ScheduleState): Plan {
    const { ordered, decided } = state
    const due = slotAfter(ordered.definition.timing, decided.to, this.#parts.nextSlot)
    const plan: Plan = { state, due, backlog: undefined }
    this.#plans.set(ordered.definition.name, plan)
    return plan
  }

  #backlogOf({ name, timing, catchUp }: ScheduleDefinition, { to }: Decided): Backlog {
    const { config, nextSlot, host } = this.#parts
    const keepMax = catchUp === 'all' ? config.catchUpMax : catchUp === 'last' ? 1 : 0
    const isMade = (slot: number): boolean => host.isKnown(slotTaskId(name, slot))
    return new Backlog(timing, to, keepMax, catchUp === 'last', nextSlot, isMade)
  }

  /** The tasks first, so that no copy of the schedule can say "made" of a task that nobody has. */
  #decide({ schedule }: ScheduleRecord, { make, late, to }: Verdict, step: Step): void {
    const { name } = schedule.ordered.definition
    let decided = schedule.decided
    const made: TaskSpec['id'][] = []
    const missUpTo = (slot: number): void => {
      for (const { more, ...range } of late) {
        if (range.from <= decided.to || range.from > slot) continue
        decided = this.#miss(name, decided, { ...range, ...(more && { more }) }, 'late', step)
      }
    }
    // In the order of the slots: what is made between two that are missed parts them in the list.
    for (const slot of make) {
      missUpTo(slot)
      const reason = this.#hindrance(schedule.ordered.definition, decided, slot)
      if (reason !== undefined) {
        decided = this.#miss(name, decided, { from: slot, to: slot, count: 1 }, reason, step)
        continue
      }
      decided = this.#make(schedule.ordered.definition, decided, slot, step)
      made.push(slotTaskId(name, slot))
    }
    missUpTo(Number.POSITIVE_INFINITY)
    const whole = { ...decided, to: Math.max(to, decided.to) }
    this.#deciding.set(name, whole)
    this.#parts.host.whenDurable(
      name,
      made,
      (durable, later) => this.#write(name, { base: schedule.decided, whole }, durable, later),
      step,
    )
  }

  /**
   * Of what was ordered meanwhile nothing is lost, and no slot becomes due again. Where another owner has decided since, this
   * rests on nothing any more.
   */
  #write(
    name: string,
    { base, whole: decided }: { readonly base: Decided; readonly whole: Decided },
    durable: boolean,
    step: Step,
  ): void {
    const { host } = this.#parts
    if (this.#deciding.get(name) !== decided) return
    this.#deciding.delete(name)
    this.#plans.delete(name)
    const known = host.of(name)?.schedule
    const isBase = known?.decided.made === base.made && known.decided.missed === base.missed
    if (!durable || known === undefined || !isBase || !host.mayDecide(name, step.now.mono)) {
      // Looked at again: the tasks are known then.
      this.#wakeAt = 0 as Instant
      return
    }
    const state = { ...known, decided: { ...decided, to: Math.max(decided.to, known.decided.to) } }
    const { due } = this.#plan(host.store(state, step).schedule)
    if (due !== undefined) this.#wake(after(step.now.mono, due - step.now.wall))
  }

  #hindrance(
    { name, overlap }: ScheduleDefinition,
    { lastMade }: Decided,
    slot: number,
  ): MissReason | undefined {
    const { host } = this.#parts
    if (host.isKnown(slotTaskId(name, slot))) return undefined
    if (host.full) return 'queue-full'
    const runs = lastMade !== undefined && host.isUnfinished(slotTaskId(name, lastMade))
    return overlap === 'skip' && runs ? 'overlap' : undefined
  }

  #make({ name, task }: ScheduleDefinition, decided: Decided, slot: number, step: Step): Decided {
    const id = slotTaskId(name, slot)
    const lateMs = Math.max(0, step.now.wall - slot)
    if (this.#parts.host.make({ id, key: name, ...task }, step)) {
      this.#tally.made(lateMs)
      step.log('info', 'slot-run', {
        schedule: name,
        slot: isoOf(slot),
        task: id,
        lateMs: Math.round(lateMs),
      })
    }
    return { ...decided, lastMade: slot, made: decided.made + 1, to: Math.max(decided.to, slot) }
  }

  #miss(
    name: string,
    decided: Decided,
    range: Omit<Missed, 'reason' | 'at'>,
    reason: MissReason,
    step: Step,
  ): Decided {
    const missed: Missed = { ...range, reason, at: step.now.wall }
    this.#tally.missed(reason, range.count)
    const { from, to, count, more } = range
    const fields = { schedule: name, from: isoOf(from), to: isoOf(to), count, reason }
    step.log(reason === 'overlap' ? 'info' : 'warn', 'slot-missed', { ...fields, ...(more && { more }) })
    return {
      ...decided,
      missed: decided.missed + count,
      lately: listed(decided, missed),
      to: Math.max(decided.to, to),
    }
  }

  #store(state: ScheduleState, by: Ordered['source'], step: Step): ScheduleRecord {
    const { ordered } = state
    const { name, timing } = ordered.definition
    const before = this.#parts.host.of(name)?.schedule.ordered
    const record = this.#parts.host.store(state, step)
    this.#wakeAt = 0 as Instant
    step.log('info', eventOf(before, ordered), { schedule: name, by, version: ordered.version, ...timing })
    return record
  }

  /** Sees to it that the schedules of the configuration are there as it says, and no others that came from one. */
  #compare(step: Step): void {
    const { host } = this.#parts
    const configured = this.#configured
    if (configured === undefined || step.now.mono < this.#compareAt) return
    this.#compareAt = after(step.now.mono, COMPARE_MS)
    for (const definition of configured.values()) {
      const { name } = definition
      const ordered = host.of(name)?.schedule.ordered
      const there = ordered?.source === 'config' && !ordered.deleted
      if (there && sameDefinition(ordered.definition, definition)) continue
      if (host.mayDecide(name, step.now.mono)) this.#impose(name, { op: 'put', definition }, step)
    }
    for (const { schedule } of [...host.all]) {
      const { definition, source, deleted } = schedule.ordered
      if (source !== 'config' || deleted || configured.has(definition.name)) continue
      if (host.mayDecide(definition.name, step.now.mono))
        this.#impose(definition.name, { op: 'delete' }, step)
    }
  }

  #impose(name: string, order: ScheduleOrder, step: Step): void {
    const before = this.#parts.host.of(name)?.schedule
    const state = obey(before, name, order, 'config', step.now.wall)
    if (!isFailure(state) && state !== before) this.#store(state, 'config', step)
  }

  #wake(at: Instant): void {
    if (at < this.#wakeAt) this.#wakeAt = at
  }
}

/** Slots in a row that were missed for one reason make one line. */
function listed({ lately, to }: Decided, missed: Missed): readonly Missed[] {
  const last = lately.at(-1)
  if (last === undefined || last.reason !== missed.reason || last.to !== to) {
    return [...lately, missed].slice(-MISSED_KEPT)
  }
  const count = last.count + missed.count
  const more = last.more === true || missed.more === true
  return [...lately.slice(0, -1), { ...missed, from: last.from, count, ...(more && { more }) }]
}

function eventOf(before: Ordered | undefined, now: Ordered): string {
  if (now.deleted) return 'schedule-deleted'
  if (before === undefined || before.deleted || before.paused === now.paused) return 'schedule-put'
  return now.paused ? 'schedule-paused' : 'schedule-resumed'
}
