/**
 * Is this node's wall clock to be trusted with slots? The heartbeats of the others carry theirs; the median of all, this one
 * included, is taken for the time. One clock that is wrong moves no median of three or more. Of two clocks, or two halves, that
 * differ nobody can tell which is wrong: there are two medians then, and each is held against the one that is farther from it.
 * (Against the middle of both, as was first done, two clocks might be twice as far apart as is allowed.)
 */
import type { Step } from '../effects.ts'

/** Off by more than this, in ms, a node makes no slots. Also how long after its time a slot counts as on time. */
export const CLOCK_APART_MS = 5_000

/**
 * How far this node's wall clock is ahead of the median (behind, when negative), in ms; 0 when nobody else is heard.
 * @param others for each other member, how far its clock is ahead of this one's, in ms
 */
export function clockAheadMs(others: readonly number[]): number {
  const all = [0, ...others].sort((a, b) => a - b)
  const middle = all.length >> 1
  const upper = all[middle] ?? 0
  const lower = all.length % 2 === 1 ? upper : (all[middle - 1] ?? 0)
  const median = Math.abs(upper) > Math.abs(lower) ? upper : lower
  return median === 0 ? 0 : -median
}

/** What this node knows of its own clock. */
export class ClockSight {
  #aheadMs = 0
  /** What was said of it last. */
  #said = false

  is(aheadMs: number): void {
    this.#aheadMs = aheadMs
  }

  get aheadMs(): number {
    return this.#aheadMs
  }

  get apart(): boolean {
    return Math.abs(this.#aheadMs) > CLOCK_APART_MS
  }

  /** @param matters are there schedules to say it of? */
  look(matters: boolean, step: Step): void {
    if (this.apart === this.#said || !matters) return
    this.#said = this.apart
    const fields = { reason: 'clock', aheadMs: Math.round(this.#aheadMs), apartMsMax: CLOCK_APART_MS }
    step.log(this.#said ? 'warn' : 'info', this.#said ? 'schedules-paused' : 'schedules-resumed', fields)
  }

  /** Why nothing is made while it is apart. */
  get text(): string {
    const ms = Math.round(Math.abs(this.#aheadMs))
    const side = this.#aheadMs > 0 ? 'ahead of' : 'behind'
    return `the clock of its owner is ${ms} ms ${side} the median of all, more than ${CLOCK_APART_MS} ms`
  }
}
