/**
 * Tasks that wait for their time, by two clocks. The pause before a retry is a length, and ends by the clock that only goes
 * forward. `runAt` is a point of the wall clock, and is held against that clock itself whenever it is looked at: made into an
 * instant when the task was placed, it would stay wrong by as much as the clock is set since.
 */
import { after, type Instant, NEVER, type Now, type WallMs } from '../base/time.ts'
import { Heap } from './heap.ts'
import { pauseMsOf } from './retry.ts'
import type { Entry } from './table.ts'
import type { TaskRecord } from './task.ts'
import { WallSight } from './wall-sight.ts'

const sooner = (a: Entry, b: Entry): boolean =>
  a.dueAt < b.dueAt || (a.dueAt === b.dueAt && a.order < b.order)

/** What is ready and cannot begin is looked at again after so many ms. */
export const HOLD_MS = 1_000

/** Is the time to come before which it must not be started? What has begun once was due, also where a clock is behind. */
export const isEarly = ({ spec: { runAt }, state, attempts }: TaskRecord, at: WallMs): boolean =>
  runAt !== undefined && runAt > at && (state === 'scheduled' || attempts.length === 0)

export class Pauses {
  readonly #retries = new Heap<Entry>(sooner)
  readonly #timed = new Heap<Entry>(sooner)
  readonly #wall = new WallSight()

  get nextDue(): Instant {
    const retry = this.#retries.first()?.dueAt ?? NEVER
    const timed = this.#timed.first()?.dueAt
    return Math.min(retry, timed === undefined ? NEVER : this.#wall.instantOf(timed)) as Instant
  }

  add(entry: Entry, now: Now): void {
    this.#wall.see(now)
    const { record } = entry
    const isTimed = record.state !== 'retrying'
    const pause = isTimed ? undefined : record.notBefore
    // One that is placed anew goes on: by the wall clock, which may have been set since, it would begin again or end.
    const goesOn = pause !== undefined && pause === entry.pause
    if (isTimed) entry.dueAt = record.spec.runAt ?? 0
    else if (!goesOn) entry.dueAt = after(now.mono, pauseMsOf(record, now.wall))
    entry.pause = pause
    if (isTimed) this.#timed.add(entry)
    else this.#retries.add(entry)
  }

  /** For `HOLD_MS`, whatever its record says. */
  hold(entry: Entry, now: Now): void {
    entry.dueAt = after(now.mono, HOLD_MS)
    entry.pause = undefined
    this.#retries.add(entry)
  }

  remove(entry: Entry): void {
    if (this.#timed.has(entry)) this.#timed.remove(entry)
    else this.#retries.remove(entry)
  }

  /** One whose time has come; it stays. */
  firstDue(now: Now): Entry | undefined {
    this.#wall.see(now)
    const retry = this.#retries.first()
    if (retry !== undefined && retry.dueAt <= now.mono) return retry
    const timed = this.#timed.first()
    return timed !== undefined && timed.dueAt <= now.wall ? timed : undefined
  }
}
