/**
 * A task: what must run, where it stands, and which moves between states are legal.
 */
import type { ErrorCode } from '../base/errors.ts'
import type { NodeId, TaskId } from '../base/ids.ts'
import type { WallMs } from '../base/time.ts'

/** Any value that JSON can hold. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** 0 runs first. */
export type Priority = 0 | 1 | 2 | 3

/** What the submitter asks for, with every default filled in. Never changes once accepted. */
export interface TaskSpec {
  readonly id: TaskId
  /** Decides the owner, and groups: tasks of one key run one at a time. */
  readonly key: string
  /** Which executor runs it: `exec`, `http`, `echo`, `compute`, `unreliable`. */
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
}

export type TaskState = 'scheduled' | 'ready' | 'running' | 'succeeded' | 'retrying' | 'dead' | 'cancelled'

/** Legal transitions; a settled state (no successors) is final. */
export const TRANSITIONS = {
  scheduled: ['ready', 'cancelled'],
  ready: ['running', 'cancelled', 'dead'],
  running: ['succeeded', 'retrying', 'dead', 'cancelled', 'ready'],
  retrying: ['ready', 'cancelled', 'dead'],
  succeeded: [],
  dead: [],
  cancelled: [],
} as const satisfies Record<TaskState, readonly TaskState[]>

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
    | 'NODE_LOST'
    | 'CANCELLED'
    | 'FENCED'
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
  /** Where it came from: the API, or the name of a shared task list. */
  readonly source: 'api' | `list:${string}`
  readonly state: TaskState
  readonly acceptedAt: WallMs
  readonly settledAt?: WallMs
  /** Not to be started before this wall time (backoff). */
  readonly notBefore?: WallMs
  /** Newest last; bounded by `ATTEMPTS_KEPT`. */
  readonly attempts: readonly Attempt[]
  /** Attempts that count against nothing (cancelled, fenced) and are no longer among the kept ones. */
  readonly uncounted?: number
  readonly result?: Json
  readonly error?: AttemptError
  /** The preference list at the time of the last write: who should hold copies. */
  readonly holders: readonly NodeId[]
  /** Rises with every change of this record at its owner; with the attempt count it orders two copies. */
  readonly revision: number
}

export const ATTEMPTS_KEPT = 16
