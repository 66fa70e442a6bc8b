/**
 * The catalogue of errors that a user can meet: one code, one HTTP status, one sentence on what went wrong, one on what
 * happened to the state. HTTP renders an entry as an RFC 9457 problem, the CLI prints the same code, logs carry it.
 *
 * Three kinds of trouble, never mixed: an expected outcome is a returned union; bad input or environment is one of
 * these; a bug is an `assert`.
 */
export const ERRORS = {
  // configuration
  CONFIG_INVALID: [400, 'The configuration has problems.', 'Nothing was started or changed.'],
  CONFIG_UNREADABLE: [400, 'The configuration file cannot be read.', 'Nothing was started or changed.'],
  // start and disk
  DATA_DIR_UNUSABLE: [500, 'The data directory cannot be used.', 'Nothing was started.'],
  DATA_DIR_LOCKED: [
    409,
    'Another daemon holds the data directory.',
    'Nothing was started; the other daemon is untouched.',
  ],
  IDENTITY_CORRUPT: [
    500,
    'The identity key file cannot be used.',
    'Nothing was started and the file was not changed.',
  ],
  STORE_CORRUPT: [
    500,
    'The store on disk is damaged.',
    'Nothing was started and the files were not changed.',
  ],
  STORE_TOO_NEW: [
    500,
    'The store was written by a newer version.',
    'Nothing was started and the files were not changed.',
  ],
  STORE_FAILED: [
    500,
    'The store failed to write.',
    'The daemon stops; what was acknowledged before is on disk.',
  ],
  ADDRESS_IN_USE: [409, 'The address is in use.', 'Nothing was started.'],
  ADDRESS_UNUSABLE: [400, 'The address cannot be listened on.', 'Nothing was started.'],
  CLUSTER_KEY_INVALID: [400, 'The cluster key cannot be used.', 'Nothing was started.'],
  VOTERS_UNEXPECTED: [
    409,
    'The data directory is that of a node in quorum mode.',
    'Nothing was started and the files were not changed.',
  ],
  RUNTIME_TOO_OLD: [500, 'This Node.js cannot run the daemon.', 'Nothing was started.'],
  // peers
  SEED_UNRESOLVABLE: [503, 'A seed name does not resolve.', 'The seed is retried; membership is unchanged.'],
  SEED_UNREACHABLE: [503, 'A seed does not answer.', 'The seed is retried; membership is unchanged.'],
  SEED_OTHER_CLUSTER: [
    409,
    'A seed belongs to another cluster.',
    'No membership was exchanged; the seed is retried.',
  ],
  SEED_WRONG_KEY: [
    403,
    'A seed has another cluster key, or is no roundtable daemon.',
    'No membership was exchanged.',
  ],
  NODE_ID_TAKEN: [
    409,
    'Another live node holds this node id.',
    'This node does not join until the other is gone.',
  ],
  RING_MISMATCH: [
    409,
    'The ring parameters of the two nodes differ.',
    'The link was refused; no membership was exchanged.',
  ],
  PEER_NOT_ALLOWED: [403, 'The peer id is not on the allow list.', 'The link was refused.'],
  FRAME_INVALID: [
    400,
    'A peer sent a frame that is not valid.',
    'The frame was dropped; nothing else changed.',
  ],
  // requests
  BAD_REQUEST: [400, 'The request is not valid.', 'Nothing was stored or changed.'],
  BODY_TOO_LARGE: [413, 'The request body is too large.', 'Nothing was stored or changed.'],
  UNSUPPORTED_MEDIA_TYPE: [415, 'The request body is not JSON.', 'Nothing was stored or changed.'],
  NOT_FOUND: [404, 'There is nothing at this path.', 'Nothing was changed.'],
  METHOD_NOT_ALLOWED: [405, 'This path does not take this method.', 'Nothing was changed.'],
  UNAUTHORIZED: [401, 'A bearer token is needed.', 'Nothing was changed.'],
  FORBIDDEN: [403, 'The request is not allowed from there.', 'Nothing was changed.'],
  MEMBER_UNKNOWN: [404, 'No member has this node id.', 'Nothing was changed.'],
  MEMBER_ALIVE: [409, 'The member is alive.', 'Nothing was forgotten.'],
  FORMER_DISK_UNKNOWN: [409, 'This node knows of no former disk of that member.', 'Nothing was forgotten.'],
  MEMBERS_FULL: [409, 'This node has no room for another member.', 'Nothing was forgotten.'],
  VOTERS_UNCHANGED: [409, 'The voter list cannot be changed in this way now.', 'It was not changed.'],
  CONFIRMATION_NEEDED: [400, 'This needs to be confirmed.', 'Nothing was changed.'],
  TASK_UNKNOWN: [404, 'No task has this id.', 'Nothing was changed.'],
  LOG_UNKNOWN: [404, 'Nothing is kept of what the attempt printed.', 'Nothing was changed.'],
  PROGRESS_UNKNOWN: [404, 'No attempt that runs here reports to this address.', 'Nothing was changed.'],
  TASK_CONFLICT: [409, 'Another task has this id.', 'The task that is there was not changed.'],
  ID_CONTESTED: [
    409,
    'Another task has this id under another key, with a node that is to hold this one.',
    'Unknown. This one may be stored and may run. The other task was not changed.',
  ],
  DEDUPE_CONFLICT: [
    409,
    'Another task has this dedupe key.',
    'Nothing was stored; the task that is there was not changed.',
  ],
  TASK_SETTLED: [409, 'The task has come to its end already.', 'It was not changed.'],
  TASK_NOT_ENDED: [409, 'The task has not come to its end yet.', 'It was not changed.'],
  TASK_LISTED: [409, 'A task list that is loaded has this task.', 'It stays where the list is loaded.'],
  TASK_INVALID: [400, 'The task is not valid.', 'Nothing was stored.'],
  SCHEDULE_UNKNOWN: [404, 'No schedule has this name.', 'Nothing was changed.'],
  SCHEDULE_INVALID: [400, 'The schedule is not valid.', 'Nothing was stored.'],
  SCHEDULE_FROM_CONFIG: [409, 'The schedule comes from the configuration.', 'It was not changed.'],
  SCHEDULES_FULL: [429, 'The owner of the name has too many schedules.', 'Nothing was stored.'],
  TASK_LIST_INVALID: [400, 'The task list has invalid entries.', 'None of its tasks was taken.'],
  TASK_LIST_UNREADABLE: [400, 'The task list cannot be read.', 'None of its tasks was taken.'],
  EXECUTOR_UNKNOWN: [400, 'No executor has this type.', 'Nothing was stored.'],
  COMMAND_NOT_ALLOWED: [
    403,
    'No command that this node may and can run has this name.',
    'Nothing was stored.',
  ],
  CLAIM_TYPE_UNKNOWN: [400, 'Clients of this node carry out no tasks of this type.', 'No task was claimed.'],
  CLAIMS_FULL: [429, 'This node has no room for another claim.', 'No task was claimed. Retry later.'],
  CLAIM_UNKNOWN: [
    404,
    'This node knows no such claim.',
    'Nothing was recorded. Whoever held it must stop; the task is tried again.',
  ],
  CLAIM_STALE: [409, 'The claim is of another attempt or token.', 'Nothing was recorded; the claim goes on.'],
  CLAIM_ENDED: [
    409,
    'The claim has ended.',
    'Nothing was recorded. Whoever held it must stop; its end is in the record of the task.',
  ],
  QUEUE_FULL: [429, 'The queue of this node is full.', 'Nothing was stored. Retry later with the same id.'],
  STORE_FULL: [
    507,
    'The disk of the owner of the key is full.',
    'Nothing was stored. Retry later with the same id.',
  ],
  STORE_READ_ONLY: [
    503,
    'The disk of the owner of the key cannot be written.',
    'Nothing was stored. Retry later with the same id.',
  ],
  NOT_READY: [
    503,
    'This node is not ready to take work.',
    'Nothing was stored or changed. Retry later; a task with the same id.',
  ],
  NO_OWNER: [
    503,
    'Every member is cordoned or leaving: nobody owns a key.',
    'Nothing was stored. Retry later with the same id.',
  ],
  NOT_ACTING: [
    503,
    'The owner of the key may not act for it at the moment.',
    'Nothing new was stored. Retry later with the same id.',
  ],
  TAKEOVER_INCOMPLETE: [
    503,
    'Not all nodes that may hold records of the key have answered yet.',
    'Nothing new was stored. Retry later with the same id.',
  ],
  TOO_FEW_COPIES: [
    503,
    'Too few of the nodes that hold records of the key had this one in time.',
    'Unknown. Retry with the same id.',
  ],
  RIGHT_ENDED: [
    503,
    'The right to act for the key ended while the task was being stored.',
    'Unknown. Retry with the same id.',
  ],
  OWNER_UNREACHABLE: [
    503,
    'The owner of the key did not answer in time.',
    'Unknown. Retry with the same id.',
  ],
  NODE_UNREACHABLE: [503, 'The node that ran the attempt did not answer in time.', 'Nothing was changed.'],
  TOO_MANY_HOPS: [
    503,
    'The nodes disagree on who owns the key.',
    'Nothing was stored. Retry with the same id.',
  ],
  LEAVING: [503, 'This node is leaving the cluster.', 'Nothing was stored. Ask another node.'],
  OVERLOADED: [
    503,
    'This node has too many requests in flight.',
    'Nothing was stored. Retry later with the same id.',
  ],
  RATE_LIMITED: [
    429,
    'Too many requests came from this address.',
    'Nothing was stored or changed. Retry later with the same id.',
  ],
  HEADERS_TOO_LARGE: [431, 'The request headers are too large.', 'Nothing was stored or changed.'],
  REQUEST_TIMEOUT: [408, 'The request did not arrive in time.', 'Nothing was stored or changed.'],
  INTERNAL: [500, 'The daemon met a fault of its own.', 'Unknown. The log of the node says more.'],
  // command line
  USAGE: [400, 'The command line is not valid.', 'Nothing was done.'],
  DAEMON_UNREACHABLE: [503, 'No daemon answers at that address.', 'Nothing was done.'],
  ANSWER_LOST: [504, 'The daemon did not answer to the end.', 'Unknown. What was asked may have been done.'],
  TOOL_MISSING: [500, 'A program that this needs is not installed.', 'Nothing was started.'],
  CLUSTER_NODE_FAILED: [
    500,
    'A daemon of the local cluster ended that should not.',
    'All daemons of this cluster were stopped.',
  ],
  OUTPUT_UNWRITABLE: [
    500,
    'The file with the results cannot be written.',
    'The work was done; its results are lost.',
  ],
  CHAOS_TOO_LATE: [
    500,
    'The job was over before a daemon could be killed.',
    'All daemons of this cluster were stopped.',
  ],
  DEADLINE: [504, 'It did not finish in time.', 'It may still finish.'],
} as const satisfies Record<string, readonly [status: number, title: string, state: string]>

export type ErrorCode = keyof typeof ERRORS

/** Bad input or a bad environment, told to whoever can mend it. `detail` says what was expected and what came. */
export class CodedError extends Error {
  override readonly name = 'CodedError'
  readonly code: ErrorCode
  readonly detail: string
  /** All the single problems, where there are several (configuration, task lists). */
  readonly problems: readonly Problem[]

  constructor(
    code: ErrorCode,
    detail: string,
    options: { cause?: unknown; problems?: readonly Problem[] } = {},
  ) {
    super(
      `${code}: ${ERRORS[code][1]} ${detail}`,
      options.cause === undefined ? {} : { cause: options.cause },
    )
    this.code = code
    this.detail = detail
    this.problems = options.problems ?? []
  }

  /** HTTP status of this error. */
  get status(): number {
    return ERRORS[this.code][0]
  }

  /** What happened to the state. */
  get state(): string {
    return ERRORS[this.code][2]
  }
}

/** One thing that is wrong in a document: where, what was expected there, what came. */
export interface Problem {
  /** A path such as `http.port`, or `line 12`. */
  readonly at: string
  readonly expected: string
  readonly got: string
}

/** An error as it travels between nodes and out of the API. */
export interface Failure {
  readonly code: ErrorCode
  readonly detail: string
  readonly problems?: readonly Problem[]
  /** Seconds after which a retry makes sense (HTTP `Retry-After`). */
  readonly retryAfterS?: number
}
