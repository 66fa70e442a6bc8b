import type { Driver } from '../runtime/driver.ts'

/**
 * Between the farewell and the end of the process, in ms: connections, runner and store are closed, which takes some 100
 * ms on a machine with nothing else to do.
 */
const CLOSING_MS = 400

/** Starts the leave. The deadline is for all of it, so the node gets what closing does not need: most of a short one. */
export function leaveWithin(driver: Pick<Driver, 'enqueue'>, deadlineMs: number): void {
  driver.enqueue({ kind: 'leave', deadlineMs: deadlineMs - Math.min(CLOSING_MS, deadlineMs / 4) })
}
