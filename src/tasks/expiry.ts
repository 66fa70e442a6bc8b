/**
 * Tasks that must not be started any more after a time (`expiresAt`).
 *
 * They are looked at when they are put where they wait, before they start, and when their time comes, wherever they wait
 * then: behind a busy key, for a full type, or for an executor that nobody has. Only who may act for a key makes one of its
 * tasks a dead letter; a node that may not asks again a second later. An attempt that runs then has its time cut to it.
 */
import { after, type Instant } from '../base/time.ts'
import { expireTask, isOver } from './attempts.ts'
import type { Counters } from './counts.ts'
import type { Step } from './effects.ts'
import type { Leftovers } from './leftovers.ts'
import { isSettled } from './merge.ts'
import type { Records } from './records.ts'
import { reportDead } from './reports.ts'
import { leaveNow, type Right } from './right.ts'
import type { Schedule } from './schedule.ts'
import type { Entry, Table } from './table.ts'
import type { Takeover } from './takeover.ts'
import type { View } from './view.ts'

/** Looked at in one step at most; about 5 ms of work. */
const EXPIRED_MAX = 500
/** A task that may not be acted for is looked at again after this, in ms. */
const AGAIN_MS = 1_000

export interface ExpiryParts {
  readonly view: View
  readonly table: Table
  readonly schedule: Schedule
  readonly records: Records
  readonly takeover: Takeover
  readonly right: Right
  readonly counters: Counters
  readonly leftovers: Leftovers
}

export class Expiry {
  readonly #parts: ExpiryParts

  constructor(parts: ExpiryParts) {
    this.#parts = parts
  }

  /** Tasks with a time that this node watches. */
  get watching(): number {
    return this.#parts.records.deadlines.size
  }

  nextWake(): Instant {
    return this.#parts.records.deadlines.nextWake()
  }

  /** Is its time over, and did that just end it? It waits nowhere; if its time is to come, it is watched from now on. */
  takes(entry: Entry, step: Step): boolean {
    const { spec, state } = entry.record
    if (spec.expiresAt === undefined || isSettled(entry.record) || state === 'running') return false
    const over = isOver(spec, step.now.wall)
    // What others may have ended is judged first, when it is looked at again.
    if (over && this.#mayAct(entry, step) && this.#parts.leftovers.isJudged(entry)) {
      this.#end(entry, step)
      return true
    }
    this.#watch(entry, step)
    return false
  }

  /** Ends those whose time has come, as many as fit into one step. */
  tick(step: Step): void {
    const { table, view, schedule, leftovers, records } = this.#parts
    const { deadlines } = records
    for (let looks = 0; looks < EXPIRED_MAX; looks++) {
      const entry = deadlines.due(step.now)
      if (entry === undefined) return
      deadlines.forget(entry.id)
      if (table.get(entry.id) !== entry || entry.owner !== view.self || isSettled(entry.record)) continue
      // What runs, here or elsewhere, or waits for a takeover is looked at when it is put somewhere again.
      if (entry.place !== 'queued' && entry.place !== 'delayed') continue
      const placed = entry.epoch === view.epoch
      const due = placed && isOver(entry.record.spec, step.now.wall) && this.#mayAct(entry, step)
      const verdict = due ? leftovers.judge(entry, step) : 'unsure'
      if (verdict === 'unsure') this.#watch(entry, step)
      if (verdict !== 'goes-on') continue
      schedule.clear(entry)
      this.#end(entry, step)
    }
  }

  #watch(entry: Entry, { now }: Step): void {
    const { deadlines } = this.#parts.records
    const { spec } = entry.record
    if (isOver(spec, now.wall)) deadlines.lookAgain(entry, after(now.mono, AGAIN_MS))
    else if (spec.expiresAt !== undefined) deadlines.watch(entry, spec.expiresAt, now)
  }

  /** Who does not know yet how far it got elsewhere may not end it. */
  #mayAct({ key }: Entry, step: Step): boolean {
    const { right, takeover } = this.#parts
    return leaveNow(right, key, step.now.mono) !== undefined && !takeover.gates(key)
  }

  #end(entry: Entry, step: Step): void {
    const { records, counters } = this.#parts
    const holders = records.holders(entry.key)
    records.change(entry, expireTask(entry.record, step.now.wall, holders), step)
    counters.add('tasks_expired')
    reportDead(entry, counters, step)
  }
}
