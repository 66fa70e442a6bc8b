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
import { type Decision, decide, sayMissed } from './deciding.ts'
import { scheduleMetrics, Tally } from './metrics.ts'
import { isFailure, obey, type ScheduleOrder, sameDefinition } from './orders.ts'
import {
  type Decided,
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
  /** Every schedule that this node holds and that is not deleted, as of now. */
  readonly all: readonly ScheduleRecord[]
  /** Also one that is deleted, as long as its end is kept. */
  of(name: string): ScheduleRecord | undefined
  /** Others may have deleted it, and put it again, while this node might not act: to be called before it is decided about. */
  judge(name: string, step: Step): void
  /** Becomes durable with everything else of the step, here and on the other holders. */
  store(state: ScheduleState, step: Step): ScheduleRecord
  /** A new task. False, and nothing happens, where the id is known. */
  make(spec: TaskSpec, step: Step): boolean
  isKnown(task: TaskSpec['id']): boolean
  /** The term under which this node may write the key now; undefined in available mode. */
  termOf(key: string): number | undefined
  /** The first slot of the schedule after this one, in ms since 1970, whose task is known. Looks at all tasks of the key. */
  madeAfter(name: string, slot: number): number | undefined
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
  /** It was said that there is none, or that it is far off because a clock was ahead. */
  said: boolean
}

export class Schedules {
  readonly #parts: SchedulesParts
  readonly #plans = new Map<string, Plan>()
  readonly #tally = new Tally()
  readonly #clock = new ClockSight()
  /** By schedule, what is decided and waits for its tasks to be durable. */
  readonly #deciding = new Map<string, Decision>()
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
    const { host } = this.#parts
    this.#clock.look(host.all.length > 0 || this.hasConfigured, step)
    if (this.#clock.apart) return
    this.#compare(step)
    const records = host.all
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
    const plan = this.#plans.get(name)
    const due = plan?.state === record.schedule ? plan.due : Number.NaN
    if (due === undefined) return this.#whyNone(ordered.definition)
    if (this.#deciding.has(name) && due < now.wall - CLOCK_APART_MS)
      return `what was made of its slots since ${isoOf(due)} is not yet on as many disks as must have it`
    if (decided.to <= now.wall + CLOCK_APART_MS) return undefined
    const until = `slots up to ${isoOf(decided.to)} are decided already, by a clock that was ahead`
    return `${until}; to begin anew, delete it and put it again`
  }

  metrics(now: Instant): Metric[] {
    const { host } = this.#parts
    return scheduleMetrics(this.#tally, host.all, name => host.mayDecide(name, now), this.#clock)
  }

  #owned(now: Instant): number {
    let owned = 0
    for (const { schedule } of this.#parts.host.all) {
      if (this.#parts.host.mayDecide(schedule.ordered.definition.name, now)) owned++
    }
    return owned
  }

  /** Returns how many slots were looked at. */
  #advance(record: ScheduleRecord, step: Step): number {
    const { ordered, decided } = record.schedule
    const { definition } = ordered
    if (ordered.paused) return 0
    if (!this.#parts.host.mayDecide(definition.name, step.now.mono)) {
      this.#plans.delete(definition.name)
      return 0
    }
    const before = this.#plans.get(definition.name)
    const plan = before?.state === record.schedule ? before : this.#plan(record.schedule)
    const looked = plan === before ? 0 : 1
    if (this.#deciding.has(definition.name)) return looked
    if (plan.due === undefined || plan.due > step.now.wall) this.#sayIdle(plan, step)
    if (plan.due === undefined) return looked
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
    const plan: Plan = { state, due, backlog: undefined, said: false }
    this.#plans.set(ordered.definition.name, plan)
    return plan
  }

  /** Nothing is due. Where that is not as it should be it is said, once. */
  #sayIdle(plan: Plan, step: Step): void {
    const { ordered, decided } = plan.state
    const aheadMs = Math.round(decided.to - step.now.wall)
    if (plan.said || (plan.due !== undefined && aheadMs <= CLOCK_APART_MS)) return
    plan.said = true
    const fields = { schedule: ordered.definition.name, decidedTo: isoOf(decided.to) }
    if (plan.due !== undefined) step.log('warn', 'schedule-ahead', { ...fields, aheadMs })
    else step.log('warn', 'schedule-without-slots', { ...fields, reason: this.#whyNone(ordered.definition) })
  }

  /** An expression that another node has read may be none for this one: time zones come with the platform. */
  #whyNone({ timing }: ScheduleDefinition): string {
    const found = 'cron' in timing ? this.#parts.nextSlot(timing.cron, timing.timeZone, 0) : undefined
    return typeof found === 'string'
      ? `its owner cannot read its expression or time zone: expected ${found}`
      : 'its expression names no further slot'
  }

  #backlogOf({ name, timing, catchUp }: ScheduleDefinition, { to }: Decided): Backlog {
    const { config, nextSlot, host } = this.#parts
    const keepMax = catchUp === 'all' ? config.catchUpMax : catchUp === 'last' ? 1 : 0
    const isMade = (slot: number): boolean => host.isKnown(slotTaskId(name, slot))
    const madeAfter = (slot: number): number | undefined => host.madeAfter(name, slot)
    const onlyNewest = catchUp === 'last'
    return new Backlog(to, { timing, nextSlot, keepMax, onlyNewest, isMade, madeAfter })
  }

  #decide({ schedule }: ScheduleRecord, verdict: Verdict, step: Step): void {
    const { name } = schedule.ordered.definition
    const decision = decide(schedule, verdict, this.#parts.host, this.#tally, step)
    this.#deciding.set(name, decision)
    const said = (durable: boolean, later: Step): void => this.#write(name, decision, durable, later)
    this.#parts.host.whenDurable(name, decision.made, said, step)
  }

  /**
   * Of what was ordered meanwhile nothing is lost, and no slot becomes due again. Where another owner has decided since, this
   * rests on nothing any more.
   */
  #write(name: string, decision: Decision, durable: boolean, step: Step): void {
    const { host } = this.#parts
    if (this.#deciding.get(name) !== decision) return
    this.#deciding.delete(name)
    this.#plans.delete(name)
    const { base, whole } = decision
    const known = host.of(name)?.schedule
    const isBase = known !== undefined && isAsFar(known.decided, base)
    if (!durable || !isBase || !host.mayDecide(name, step.now.mono)) {
      // Looked at again: the tasks are known then.
      this.#wakeAt = 0 as Instant
      return
    }
    sayMissed(name, decision, this.#tally, step)
    const state = { ...known, decided: { ...whole, to: Math.max(whole.to, known.decided.to) } }
    const { due } = this.#plan(host.store(state, step).schedule)
    if (due !== undefined) this.#wake(after(step.now.mono, due - step.now.wall))
  }

  #store(state: ScheduleState, by: Ordered['source'], step: Step): ScheduleRecord {
    const { ordered } = state
    const { name, timing } = ordered.definition
    const before = this.#parts.host.of(name)?.schedule
    const record = this.#parts.host.store(state, step)
    this.#wakeAt = 0 as Instant
    // What was due since then, and no tick has come to, falls with an order that begins anew or pauses.
    const decidedTo = before && { decidedTo: isoOf(before.decided.to) }
    const fields = { schedule: name, by, version: ordered.version, ...timing, ...decidedTo }
    step.log('info', eventOf(before?.ordered, ordered), fields)
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
      host.judge(name, step)
      if (host.mayDecide(name, step.now.mono)) this.#impose(name, { op: 'put', definition }, step)
    }
    for (const { schedule } of host.all) {
      const { definition, source } = schedule.ordered
      if (source !== 'config' || configured.has(definition.name)) continue
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

/** Has nobody decided more since, and has it not begun anew? */
const isAsFar = (now: Decided, base: Decided): boolean =>
  now.made === base.made && now.missed === base.missed && now.anew === base.anew

function eventOf(before: Ordered | undefined, now: Ordered): string {
  if (now.deleted) return 'schedule-deleted'
  if (before === undefined || before.deleted || before.paused === now.paused) return 'schedule-put'
  return now.paused ? 'schedule-paused' : 'schedule-resumed'
}
