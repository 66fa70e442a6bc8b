/**
 * A leave, and what is left of its time. The deadline is for all of it, to the end of the process: the node gets what
 * closing does not need, and what closes afterwards and waits for others (clients, then peers) gets a third of what is
 * left when its turn comes. So peers that do not answer cost the leave no more than peers that do.
 *
 * Not taken: refusing deadlines that are too short for a leave in good order. Whoever has a tenth of a second wants it
 * used, not an error; what cannot be done in it is left undone, and the rest takes what killing commands and closing the
 * store takes.
 */
import { TICK_MS } from '../node/machine.ts'
import type { Driver } from '../runtime/driver.ts'
import type { LastResort } from './last-resort.ts'

/** Between the farewell and the end of the process, in ms. */
const CLOSING_MS = 700
/** What closes may need so much more than its time, in ms, before the process ends all the same: killing, and a bad disk. */
const LATE_MS = 10_000
/** How long closing may take, in ms, where nobody has asked for a leave. */
const CLOSE_MS = 20_000
/** The least between the last thing that closes and the end of the process, in ms: Node.js needs a moment. */
const END_MS_MIN = 2_000
/** The same where nobody has asked for a leave, and nothing tells how long is too long. */
const END_MS = 5_000
/** The least that the store gets for what waits for the disk, in ms: some syncs of a bad one. */
const DISK_MS_MIN = 500

export class Leaving {
  /** On the clock of `performance.now()`. */
  #end = Number.POSITIVE_INFINITY
  #begun: () => void = () => undefined
  readonly #lastResort: Pick<LastResort, 'endWithin'>

  constructor(lastResort: Pick<LastResort, 'endWithin'>) {
    this.#lastResort = lastResort
  }

  /** Is called as soon as a leave begins. */
  onBegin(listener: () => void): void {
    this.#begun = listener
  }

  /** Starts the leave; another call can only bring its end forward. */
  begin(driver: Pick<Driver, 'enqueue'>, deadlineMs: number): void {
    this.#end = Math.min(this.#end, performance.now() + deadlineMs)
    this.#lastResort.endWithin(this.#leftMs(0) + LATE_MS)
    this.#begun()
    // Closing gets half of a short deadline. The node looks at its clock once a tick, so it may be late by one.
    const closingMs = Math.min(CLOSING_MS, deadlineMs / 2) + TICK_MS
    driver.enqueue({ kind: 'leave', deadlineMs: Math.max(0, deadlineMs - closingMs) })
  }

  /** Told to end before there is anything to leave. A start goes on to its next step first, so it has some time in any case. */
  endOfStart(leaveMs: number): void {
    this.#lastResort.endWithin(Math.max(END_MS_MIN, leaveMs))
  }

  /** From here on everything closes. */
  closing(): void {
    this.#lastResort.endWithin(this.#leftMs(CLOSE_MS) + LATE_MS)
  }

  /** Everything is closed; what is left is the end of the process. A name that is looked up may have the rest of the time. */
  closed(): void {
    this.#lastResort.endWithin(Math.max(END_MS_MIN, this.#leftMs(END_MS)))
  }

  /** What something that closes now may wait for others, in ms; endless where nobody has asked for a leave. */
  shareMs(): number {
    return Math.max(0, this.#end - performance.now()) / 3
  }

  /** The same for the disk, which is full or hangs where it needs more. */
  diskMs(): number {
    return Math.max(DISK_MS_MIN, this.shareMs())
  }

  #leftMs(untold: number): number {
    return Number.isFinite(this.#end) ? Math.max(0, this.#end - performance.now()) : untold
  }
}
