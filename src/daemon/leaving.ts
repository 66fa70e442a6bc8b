import type { Driver } from '../runtime/driver.ts'

/**
 * Between the farewell and the end, in ms: connections to peers that do not answer are given up after 500 ms, and runner
 * and store take some 50 ms on a machine with nothing else to do.
 */
const CLOSING_MS = 700

/** Starts the leave. The deadline is for all of it, so the node gets what closing does not need: half of a short one. */
export function leaveWithin(driver: Pick<Driver, 'enqueue'>, deadlineMs: number): void {
  driver.enqueue({ kind: 'leave', deadlineMs: deadlineMs - Math.min(CLOSING_MS, deadlineMs / 2) })
}
