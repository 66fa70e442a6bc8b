import type { LimitsConfig } from './limits.ts'
import type { Placement } from './task.ts'

export { PLACEMENTS } from './task.ts'

/** Limits and defaults of work on one node. */
export interface TasksConfig extends LimitsConfig {
  /** Attempts that may run at one time on this node. Default: the number of CPU cores, at least 2. */
  readonly concurrency: number
  /** Attempts of a type that may run at one time on this node, by type; those not named: as many as `concurrency`. */
  readonly typeConcurrency: LimitsConfig['typeConcurrency']
  /** Attempts of a group that may run at one time as far as this node, as owner, knows, by group. */
  readonly groupConcurrency: LimitsConfig['groupConcurrency']
  /** How the node of a task without key and id is chosen, when the task does not say. */
  readonly placement: Placement
  /**
   * Disks that must have a change in quorum mode before it counts, of the three nodes that hold a record; all of them
   * where there are fewer. The same on all nodes. One less may be lost at once.
   */
  readonly durability: number
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
  /**
   * Records kept of tasks that succeeded or were cancelled, and for how long after that, in ms. Those settled longest ago
   * are dropped first (never those of a shared task list that is still loaded).
   */
  readonly settledMax: number
  readonly settledMs: number
  /** The same for dead letters. */
  readonly deadMax: number
  readonly deadMs: number
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

const DAY_MS = 86_400_000

/** @param cores number of CPU cores of this machine */
export const tasksDefaults = (cores: number): TasksConfig => ({
  concurrency: Math.max(2, cores),
  typeConcurrency: {},
  groupConcurrency: {},
  placement: 'ring',
  durability: 2,
  minMembers: 1,
  stillMs: 500,
  maxAttempts: 4,
  backoffMs: 500,
  backoffMsMax: 60_000,
  timeoutMs: 60_000,
  queueMax: 100_000,
  settledMax: 100_000,
  settledMs: 7 * DAY_MS,
  deadMax: 100_000,
  deadMs: 30 * DAY_MS,
  schedulesMax: 1_000,
  catchUpMax: 100,
  payloadBytesMax: 256 * 1024,
  resultBytesMax: 64 * 1024,
  forwardMs: 5_000,
  inventoryMs: 10_000,
})
