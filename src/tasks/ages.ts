import type { Now } from '../base/time.ts'

/** A wall clock that is off by more than this, in ms, from where it was was set; what is less may be how it is read, or drift. */
const SET_MS = 1_000

/**
 * How old tasks are, for whose turn it is. Records say by the wall clock since when they wait; held against each other by that
 * clock, what was accepted before it was set back would wait behind all that came after, for as long as it was set back. So each
 * is put on the clock that only goes forward when it is queued, and stands there. Between two settings all are moved by the same
 * amount: what is equally old stays so, whenever it is queued again.
 */
export class Ages {
  #aheadMs: number | undefined

  /** Since when it waits, in ms on the clock that only goes forward; what is to come, by the wall clock of now, begins now. */
  since(waits: number, { mono, wall }: Now): number {
    const aheadMs = wall - mono
    if (this.#aheadMs === undefined || Math.abs(aheadMs - this.#aheadMs) > SET_MS) this.#aheadMs = aheadMs
    return Math.min(waits, wall) - this.#aheadMs
  }
}
