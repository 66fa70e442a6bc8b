import { instantOf, wallOf } from '../../base/time.ts'
import type { Clock } from '../../runtime/ports.ts'

/**
 * The clocks of this process. The monotonic one is the kernel's CLOCK_MONOTONIC counted from the start of the process:
 * it goes on while the process is stopped or starved, which is how a node notices that it was away. It stands still
 * while the machine itself is suspended; the wall clock does not, so the two together tell that case.
 */
export function createClock(): Clock {
  return { now: () => ({ mono: instantOf(performance.now()), wall: wallOf(Date.now()) }) }
}
