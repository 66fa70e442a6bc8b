/** Limits and defaults of work on one node. */
export interface TasksConfig {
  /** Attempts that may run at one time on this node. Default: the number of CPU cores, at least 2. */
  readonly concurrency: number
  /** No task starts before this many members are alive, this node included. */
  readonly minMembers: number
  /** No task starts before the view has been still for this long, in ms, once after boot. */
  readonly stillMs: number
  /** Attempts before a task becomes a dead letter, for tasks that do not say. */
  readonly maxAttempts: number
  /** First retry pause and its ceiling, in ms: pause = min(max, first x 2^(attempt - 1)) x random(0.5, 1). */
  readonly backoffMs: number
  readonly backoffMsMax: number
  /** Time limit of one attempt, in ms, for tasks that do not say. */
  readonly timeoutMs: number
  /** Unsettled tasks this node accepts as owner; more are answered QUEUE_FULL. */
  readonly queueMax: number
  /** Settled records kept, those settled longest ago dropped first (never those of a shared task list that is still loaded). */
  readonly settledMax: number
  /** Schedules whose key this node owns; more are answered SCHEDULES_FULL. */
  readonly schedulesMax: number
  /** Late slots that a schedule with `catchUp: all` makes at most, the newest ones; older ones are listed as missed. */
  readonly catchUpMax: number
  /** A payload may have this many bytes as JSON. */
  readonly payloadBytesMax: number
  /** A result may have this many bytes as JSON; a larger one is cut and says so. */
  readonly resultBytesMax: number
  /** A forwarded request is answered with OWNER_UNREACHABLE after this, in ms. */
  readonly forwardMs: number
  /** On gaining keys: wait at most this long, in ms, for what each live member holds of them. */
  readonly inventoryMs: number
}

/** @param cores number of CPU cores of this machine */
export const tasksDefaults = (cores: number): TasksConfig => ({
  concurrency: Math.max(2, cores),
  minMembers: 1,
  stillMs: 500,
  maxAttempts: 4,
  backoffMs: 500,
  backoffMsMax: 60_000,
  timeoutMs: 60_000,
  queueMax: 100_000,
  settledMax: 100_000,
  schedulesMax: 1_000,
  catchUpMax: 100,
  payloadBytesMax: 256 * 1024,
  resultBytesMax: 64 * 1024,
  forwardMs: 5_000,
  inventoryMs: 10_000,
})
