/**
 * A task: what must run, where it stands, and which moves between states are legal.
 */
import type { ErrorCode } from '../base/errors.ts'
import type { NodeId, TaskId } from '../base/ids.ts'
import type { WallMs } from '../base/time.ts'
import type { ScheduleState } from './schedules/state.ts'

/** Any value that JSON can hold. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** 0 runs first. */
export type Priority = 0 | 1 | 2 | 3

/**
 * Which node a task without a key goes to. `ring`: the one that the hash of its id names, so each by its weight.
 * `round_robin`: one after the other. `random`: any, all alike. `weighted`: any, by weight. `least_load`: the less loaded
 * of two that are not above 1.25 times the mean. `local`: the one that was asked, while it has a free slot or is not above
 * that mean, so that nothing has to be forwarded; else as `least_load`. Each passes over nodes that have no executor for it.
 */
export type Placement = (typeof PLACEMENTS)[number]
export const PLACEMENTS = ['ring', 'round_robin', 'random', 'least_load', 'local', 'weighted'] as const

/** How the pause before a retry grows: doubled each time, less up to half of it at random; the same each time; none. */
export type Backoff = (typeof BACKOFFS)[number]
export const BACKOFFS = ['exponential', 'fixed', 'none'] as const

/** What the submitter asks for, with every default filled in. Never changes once accepted. */
export interface TaskSpec {
  readonly id: TaskId
  /** Decides the owner; tasks of one key run one at a time, unless all of them are `concurrent`. */
  readonly key: string
  /** Which executor runs it: `exec`, `http`, `echo`, `compute`, `unreliable`, a type of `executors.modules` or `executors.claim.types`. */
  readonly type: string
  /** For the executor; its shape is the executor's. */
  readonly payload: Json
  readonly priority: Priority
  readonly maxAttempts: number
  /** First pause before a retry, in ms; doubles with each attempt up to `backoffMsMax`, with jitter. */
  readonly backoffMs: number
  readonly backoffMsMax: number
  /** One attempt may take this long, in ms, then its process group is killed. */
  readonly timeoutMs: number
  /** The same key again within the time gives the first task instead of a second one. */
  readonly dedupe?: Dedupe
  /** Absent: `exponential`. */
  readonly backoff?: Exclude<Backoff, 'exponential'>
  /** Others of its key that are concurrent may run beside it. Absent: nothing of its key does. */
  readonly concurrent?: true
  /** Counted together with others of the same group. */
  readonly group?: string
  /**
   * It starts only while fewer of its group run, as far as its owner knows. In the whole cluster where the group is the key
   * (see `groupKey`), as one owner counts all of it; else on each owner for itself. To be the same for all of a group: while
   * the first waits for its own, the others of its type wait behind it.
   */
  readonly groupLimit?: number
  /** Not to be started before this wall time, in ms. Absent: at once. */
  readonly runAt?: WallMs
  /** When it has not succeeded by this wall time, in ms, it is a dead letter. Absent: never. */
  readonly expiresAt?: WallMs
  /** How its node was chosen; absent: by the ring, from its key. */
  readonly placement?: Exclude<Placement, 'ring'>
}

/** The record of the task is itself the record of its dedupe key: the two cannot part. */
export interface Dedupe {
  /** Means something among the tasks of one `key` only, since each key is decided by its owner. */
  readonly key: string
  /** From acceptance on, in ms. Ends sooner when the settled record is dropped (`tasks.settledMax`). */
  readonly ttlMs: number
}

export type TaskState = 'scheduled' | 'ready' | 'running' | 'succeeded' | 'retrying' | 'dead' | 'cancelled'

/** Legal transitions. A settled task leaves its state only when somebody orders another try (`redriven`). */
export const TRANSITIONS = {
  scheduled: ['ready', 'cancelled', 'dead'],
  ready: ['running', 'cancelled', 'dead'],
  running: ['succeeded', 'retrying', 'dead', 'cancelled', 'ready'],
  retrying: ['ready', 'cancelled', 'dead'],
  succeeded: [],
  dead: ['ready'],
  cancelled: ['ready', 'scheduled'],
} as const satisfies Record<TaskState, readonly TaskState[]>
export const TASK_STATES = Object.keys(TRANSITIONS) as readonly TaskState[]

/** How one attempt ended. */
export type Outcome =
  | { readonly ok: true; readonly result: Json }
  | {
      readonly ok: false
      readonly error: AttemptError
      /** False when trying again cannot help (unknown command, invalid payload). */
      readonly retryable: boolean
    }

export interface AttemptError {
  readonly code:
    | 'EXIT_NONZERO'
    | 'SIGNALLED'
    | 'TIMEOUT'
    | 'OUTPUT_TOO_LARGE'
    | 'HTTP_STATUS'
    | 'HTTP_FAILED'
    | 'HTTP_UNREACHED'
    | 'THREW'
    | 'RUNNER_LOST'
    | 'CLAIM_EXPIRED'
    | 'CLAIM_FAILED'
    | 'UNCLAIMED'
    | 'MODULE_UNLOADABLE'
    | 'MODULE_EXITED'
    | 'MEMORY_EXCEEDED'
    | 'RESULT_INVALID'
    | 'NODE_LOST'
    | 'NODE_CRASHED'
    | 'CANCELLED'
    | 'FENCED'
    | 'POISON'
    | 'EXPIRED'
    | Extract<ErrorCode, 'EXECUTOR_UNKNOWN' | 'COMMAND_NOT_ALLOWED' | 'TASK_INVALID'>
  readonly message: string
}

/** One try, as it stays in the record: the answer to "who ran this, when, and how did it end". */
export interface Attempt {
  readonly number: number
  readonly node: NodeId
  readonly startedAt: WallMs
  readonly endedAt?: WallMs
  /** `fenced`: stopped because the right to act ended; counts as no attempt and as no crash. */
  readonly outcome?: 'succeeded' | 'failed' | 'lost' | 'cancelled' | 'fenced'
  /** Fencing token it ran under. */
  readonly token?: string
  readonly error?: AttemptError
}

/** Where a task stands, as stored and as copied to the other holders. */
export interface TaskRecord {
  readonly spec: TaskSpec
  /** Where it came from: the API, the name of a shared task list, or that of the schedule whose slot it is. */
  readonly source: 'api' | `list:${string}` | `schedule:${string}`
  readonly state: TaskState
  readonly acceptedAt: WallMs
  readonly settledAt?: WallMs
  /** Not to be started before this wall time (backoff). */
  readonly notBefore?: WallMs
  /** Newest last; bounded by `ATTEMPTS_KEPT`. */
  readonly attempts: readonly Attempt[]
  /** Attempts that count against nothing (cancelled, fenced) and are no longer among the kept ones. */
  readonly uncounted?: number
  /** It was settled and somebody ordered another try. Of two copies the one with more of these is the newer. */
  readonly redriven?: Redriven
  /** Attempts that went away with their node or runner and are no longer among the kept ones. */
  readonly crashes?: number
  readonly result?: Json
  readonly error?: AttemptError
  /** The preference list at the time of the last write: who should hold copies. */
  readonly holders: readonly NodeId[]
  /** Rises with every change of this record at its owner; with the attempt count it orders two copies. */
  readonly revision: number
  /** In quorum mode: the term under which its owner changed it last. A higher one is right, whatever else it says. */
  readonly term?: number
  /** In quorum mode: on so many disks of holders it counted as it is, or on all where there are fewer; else it was never told. */
  readonly copies?: number
  /** In quorum mode: the term under which an owner decided last that its dedupe key stands for this task; see `DedupeIndex`. */
  readonly dedupeTerm?: number
  /** This is no task but a schedule, whose slots become tasks of its key; see `schedules/state.ts`. */
  readonly schedule?: ScheduleState
}

export interface Redriven {
  readonly times: number
  /** The last attempt before; only those above it count against the task. */
  readonly after: number
  readonly at: WallMs
}

export const ATTEMPTS_KEPT = 16
