import { assert } from '../../base/assert.ts'
import type { Failure } from '../../base/errors.ts'
import { after, type Instant, type Now } from '../../base/time.ts'
import type { TasksConfig } from '../config.ts'
import type { Copies } from '../copies.ts'
import type { Metric } from '../counts.ts'
import type { DroppedEnds } from '../dropped-ends.ts'
import type { Step } from '../effects.ts'
import { FENCE_MS } from '../execution.ts'
import type { Leftovers } from '../leftovers.ts'
import { isSettled } from '../merge.ts'
import type { Records } from '../records.ts'
import { type Executors, refusalOfWork, saidBy } from '../refusals.ts'
import { leaveNow, type Right } from '../right.ts'
import type { DiskSight } from '../store-failure.ts'
import type { Entry, Table } from '../table.ts'
import type { Takeover } from '../takeover.ts'
import type { TaskRecord, TaskSpec } from '../task.ts'
import type { View } from '../view.ts'
import type { Work } from '../work.ts'
import type { ScheduleQuery, SchedulesTell } from './messages.ts'
import { isFailure, readOrder } from './orders.ts'
import { type ScheduleHost, Schedules } from './schedules.ts'
import {
  isOfSlot,
  isSchedule,
  recordOf,
  type ScheduleDefinition,
  type ScheduleRecord,
  type ScheduleState,
  scheduleIdOf,
  slotOf,
  summaryOf,
} from './state.ts'
import type { NextSlot } from './timing.ts'

export interface HeldParts extends Executors {
  readonly view: View
  readonly table: Table
  readonly records: Records
  readonly work: Work
  readonly leftovers: Leftovers
  readonly takeover: Takeover
  readonly right: Right
  readonly config: TasksConfig
  readonly dropped: DroppedEnds
  /** Where copies are counted in quorum mode. */
  readonly copies?: Copies | undefined
  /** Without it schedules go by interval only. */
  readonly nextSlot: NextSlot | undefined
  readonly phase: () => 'closed' | 'open' | 'leaving'
  /** Whether this node's disk takes new tasks. Absent: it does. */
  readonly disk: DiskSight | undefined
}

/** The schedules among the records of this node: ties what decides about slots to what stores, copies and takes over. */
export class HeldSchedules implements ScheduleHost {
  readonly schedules: Schedules
  readonly #parts: HeldParts
  readonly nextSlot: NextSlot
  #now = 0 as Instant

  constructor(parts: HeldParts) {
    this.#parts = parts
    this.nextSlot = parts.nextSlot ?? (() => 'everyMs: this node reads no cron expressions')
    this.schedules = new Schedules({ host: this, config: parts.config, nextSlot: this.nextSlot })
  }

  tick(step: Step): void {
    this.#now = step.now.mono
    // What is judged may be dropped, or be put where it belongs, so the walk is over a copy.
    for (const entry of [...this.#parts.table.schedules()]) this.#judge(entry, step)
    this.schedules.tick(step)
  }

  /** While this node might not act others may have deleted it, and dropped it since: it is looked at before anything is made of it. */
  #judge(entry: Entry, step: Step): void {
    const { view, takeover, leftovers, work } = this.#parts
    if (entry.owner !== view.self || entry.place !== 'nowhere' || leftovers.isJudged(entry)) return
    if (!takeover.gates(entry.key)) work.place(entry, step)
  }

  judge(name: string, step: Step): void {
    const entry = this.#parts.table.get(scheduleIdOf(name))
    if (entry !== undefined && isSchedule(entry.record)) this.#judge(entry, step)
  }

  /** Are there any to be told of, or to be made? */
  get any(): boolean {
    return this.#parts.table.schedules().size > 0 || this.schedules.hasConfigured
  }

  /** Those that this node owns, by name; see `SchedulesTell`. */
  list({ after: above, limit }: ScheduleQuery, now: Now): Omit<SchedulesTell, 'type' | 'id'> {
    const { view, takeover, phase } = this.#parts
    const owned = this.all
      .filter(({ spec }) => view.owner(spec.key) === view.self)
      .filter(({ spec }) => spec.key > above)
      .sort((a, b) => (a.spec.key < b.spec.key ? -1 : 1))
    const schedules = owned
      .slice(0, limit)
      .map(record => summaryOf(record, this.schedules.waits(record, now)))
    const settled = phase() !== 'closed' && !takeover.active
    const ring = view.ring && { ring: view.ring.checksum }
    return { schedules, more: owned.length > limit, settled, ...ring }
  }

  /** Why nothing is made of a schedule that this node owns. Undefined: something is, or another node owns it. */
  waits(record: TaskRecord, now: Now): string | undefined {
    const { view } = this.#parts
    if (!isSchedule(record) || view.owner(record.spec.key) !== view.self) return undefined
    return this.schedules.waits(record, now)
  }

  /** These are all schedules of the configuration, from now on. */
  configured(definitions: readonly ScheduleDefinition[]): void {
    this.schedules.configured(definitions)
  }

  /** How far this node's wall clock is ahead of the median of all, in ms. */
  clockIs(aheadMs: number): void {
    this.schedules.clockIs(aheadMs)
  }

  nextWake(): Instant {
    return this.schedules.nextWake()
  }

  mayDecide(key: string, now: Instant): boolean {
    const { view, table, takeover, right, leftovers, phase, disk } = this.#parts
    if (phase() !== 'open' || view.owner(key) !== view.self || takeover.gates(key)) return false
    if (disk?.failure !== undefined) return false
    const entry = table.get(scheduleIdOf(key))
    if (entry !== undefined && (entry.place === 'gated' || !isSchedule(entry.record))) return false
    if (entry !== undefined && !leftovers.isJudged(entry)) return false
    const leave = leaveNow(right, key, now)
    return leave !== undefined && leave.until > after(now, FENCE_MS)
  }

  get all(): ScheduleRecord[] {
    return [...this.#parts.table.schedules()].map(({ record }) => record).filter(isSchedule)
  }

  of(name: string): ScheduleRecord | undefined {
    const record = this.#parts.table.get(scheduleIdOf(name))?.record
    return record !== undefined && isSchedule(record) ? record : undefined
  }

  store(state: ScheduleState, step: Step): ScheduleRecord {
    const { table, records, work, dropped } = this.#parts
    const { name } = state.ordered.definition
    const id = scheduleIdOf(name)
    const known = table.get(id)
    // A holder may have what was deleted under the same term, and here was dropped: what is put anew is newer than that.
    const ended = dropped.lastOf({ id, key: name })?.revision ?? 0
    const before = known?.record.revision ?? Math.max(ended, Math.floor(step.now.wall))
    const record = recordOf(state, records.holders(name), before + 1)
    const entry = known ?? table.add(record)
    records.change(entry, record, step)
    if (known === undefined) work.place(entry, step)
    return record
  }

  make(spec: TaskSpec, step: Step): boolean {
    const { table, work } = this.#parts
    if (table.get(spec.id) !== undefined) return false
    work.accept(spec, step, `schedule:${spec.key}`)
    return true
  }

  isKnown(task: TaskSpec['id']): boolean {
    return this.#parts.table.get(task) !== undefined
  }

  termOf(key: string): number | undefined {
    return this.#parts.right.leaveFor(key)?.term
  }

  madeAfter(name: string, slot: number): number | undefined {
    let first: number | undefined
    for (const { record } of this.#parts.table.ofKey(name, Number.POSITIVE_INFINITY)) {
      const made = isOfSlot(record) ? slotOf(record) : undefined
      if (made !== undefined && made > slot && made < (first ?? Number.POSITIVE_INFINITY)) first = made
    }
    return first
  }

  whenDurable(
    key: string,
    tasks: readonly TaskSpec['id'][],
    said: (durable: boolean, step: Step) => void,
    step: Step,
  ): void {
    const { table, copies, right } = this.#parts
    const entries = tasks.map(task => table.get(task)).filter(entry => entry !== undefined)
    if (copies === undefined || right.epochs?.isQuorum(key) !== true || entries.length === 0) {
      said(true, step)
      return
    }
    let left = entries.length
    let lost = false
    const one = (durable: boolean, later: Step): void => {
      lost ||= !durable
      left--
      if (left === 0) said(!lost, later)
    }
    const wait = {
      durable: (_: number, later: Step) => one(true, later),
      failed: (later: Step) => one(false, later),
    }
    for (const entry of entries) copies.when(entry, wait, step)
  }

  isUnfinished(task: TaskSpec['id']): boolean {
    const record = this.#parts.table.get(task)?.record
    return record !== undefined && !isSettled(record)
  }

  get full(): boolean {
    return this.#parts.table.accepted >= this.#parts.config.queueMax
  }

  /** An order for a schedule whose key this node owns and may act for. `existed`: it was there before. */
  order(spec: TaskSpec, step: Step): { readonly entry: Entry; readonly existed: boolean } | Failure {
    const { table, config, disk, view } = this.#parts
    this.judge(spec.key, step)
    const known = table.get(spec.id)
    if (known !== undefined && !isSchedule(known.record)) {
      return {
        code: 'TASK_CONFLICT',
        detail: `${spec.id} is the id of a task, so no schedule can have that name`,
      }
    }
    const order = readOrder(spec, { defaults: config, nextSlot: this.nextSlot })
    if (isFailure(order)) return order
    if (disk?.failure !== undefined) return disk.failure
    if (!this.mayDecide(spec.key, step.now.mono)) {
      const detail = 'the owner of the schedule is still taking over its key'
      return { code: 'NOT_READY', detail, retryAfterS: 1 }
    }
    const task = order.op === 'put' ? order.definition.task : undefined
    const refused = task && refusalOfWork(task, this.#parts)
    if (refused !== undefined) return saidBy(refused, view.self)
    const existed = known !== undefined && known.record.state !== 'cancelled'
    const done = this.schedules.order(spec.key, order, step)
    if ('code' in done) return done
    const entry = table.get(spec.id)
    assert(entry, 'what was ordered is stored', { schedule: spec.key })
    return { entry, existed }
  }

  metrics(): Metric[] {
    return this.schedules.metrics(this.#now)
  }
}
