/**
 * How long the end of an attempt may take: the runner's times, and the daemon's derived from them.
 *
 * A command may be beyond SIGKILL for a while (a hung disk). Its attempt ends without it, and that is told before the
 * daemon takes the runner for frozen: to kill the runner then would end every other attempt of the node, too.
 */

/** From SIGTERM to SIGKILL, in ms: half of the second within which a cancel must be done everywhere. */
export const TERM_GRACE_MS = 500

/** From the end of the command to the end of its attempt, in ms, while somebody still holds its output open. */
export const CLOSE_GRACE_MS = 500

/**
 * After SIGKILL only the kernel can keep a process. Then its attempt ends without it, after this, in ms. Its strays are
 * killed at the same time, and waited for no longer.
 */
export const KILL_WAIT_MS = 5_000

/** From the end of its time to the report of the runner, in ms, whatever the kernel does. */
export const TOLD_WITHIN_MS = TERM_GRACE_MS + CLOSE_GRACE_MS + KILL_WAIT_MS

/** What a busy machine may add to that, in ms. */
const SLACK_MS = 2_000

/** A runner that has not ended a command this long after it had to is frozen, in ms. */
export const OVERDUE_MS = TOLD_WITHIN_MS + SLACK_MS
