/** Longest delay that `setTimeout` honours, in ms; above it, it fires at once. */
const TIMER_MS_MAX = 2 ** 31 - 1

/** A delay that is safe to give to `setTimeout`. */
export const timerMs = (ms: number): number => Math.min(Math.max(0, ms), TIMER_MS_MAX)
