import type { CodedError, ErrorCode } from '../base/errors.ts'

/** What the exit code of every command means; `roundtable --help` prints this table. */
export const EXIT = {
  ok: 0,
  /** It failed, or the answer is no: not ready, task dead, not the owner. */
  failed: 1,
  /** The command line or the configuration is wrong: nothing was done. */
  usage: 2,
  /** No daemon answers at the address, or not to the end: the error says whether anything may have been done. */
  unreachable: 3,
  /** It was not finished when the time ran out. */
  deadline: 4,
  /** Ended by Ctrl-C or SIGTERM, as shells count it: 128 + 2. */
  interrupted: 130,
} as const

export const EXIT_MEANINGS: readonly (readonly [code: number, meaning: string])[] = [
  [EXIT.ok, 'done, or the answer is yes'],
  [EXIT.failed, 'it failed, or the answer is no'],
  [EXIT.usage, 'the command line or the configuration is not valid; nothing was done'],
  [EXIT.unreachable, 'no daemon answers at the address, or not to the end'],
  [EXIT.deadline, 'it was not finished when the time ran out'],
  [EXIT.interrupted, 'interrupted'],
]

/**
 * Everything else has failed. So has a start for want of a usable data directory, identity or address: the same
 * configuration works as soon as the machine does.
 */
const BY_CODE: Partial<Record<ErrorCode, number>> = {
  USAGE: EXIT.usage,
  BAD_REQUEST: EXIT.usage,
  CONFIG_INVALID: EXIT.usage,
  CONFIG_UNREADABLE: EXIT.usage,
  CLUSTER_KEY_INVALID: EXIT.usage,
  TASK_LIST_INVALID: EXIT.usage,
  TASK_LIST_UNREADABLE: EXIT.usage,
  DAEMON_UNREACHABLE: EXIT.unreachable,
  ANSWER_LOST: EXIT.unreachable,
  DEADLINE: EXIT.deadline,
}

/** The exit code for an error that a user can meet. */
export function exitCodeOf(error: CodedError): number {
  return BY_CODE[error.code] ?? EXIT.failed
}
