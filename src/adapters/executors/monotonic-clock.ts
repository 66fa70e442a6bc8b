/**
 * The clock that daemon and runner share: CLOCK_MONOTONIC of the machine, in ms. `performance.now()` counts the same
 * clock from the start of each process, so it cannot cross from one to the other. A deadline travels as a point on this
 * clock and never as a span that is left, which a full socket or a frozen process would stretch.
 */
import type { Instant } from '../../base/time.ts'

export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6

/**
 * An instant of this process as a whole ms of the shared clock, rounded down; null for `NEVER`. A pause between the two
 * looks at the clock makes it earlier, never later.
 */
export function sharedMsOf(instant: Instant): number | null {
  const at = Math.floor(monotonicMs() - performance.now() + instant)
  return Number.isFinite(at) ? Math.max(0, at) : null
}
