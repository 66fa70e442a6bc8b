/**
 * Which errors a route can answer with. The OpenAPI document is made from this, and the tests hold against it what the
 * rooms behind the API say and what every route was seen to answer.
 */
import type { ErrorCode } from '../../base/errors.ts'
import type { Route } from './route.ts'

/** What any request may meet. */
const ANY: readonly ErrorCode[] = [
  'BAD_REQUEST',
  'FORBIDDEN',
  'UNSUPPORTED_MEDIA_TYPE',
  'RATE_LIMITED',
  'HEADERS_TOO_LARGE',
  'REQUEST_TIMEOUT',
  'INTERNAL',
]
const WITH_BODY: readonly ErrorCode[] = ['BODY_TOO_LARGE']
const WITH_TOKEN: readonly ErrorCode[] = ['UNAUTHORIZED']

/** What anything that is asked of the node may be answered: it stops, too many wait, or it did not answer in time. */
const ASKED = ['LEAVING', 'OVERLOADED', 'DEADLINE'] as const satisfies readonly ErrorCode[]

export const CONTROL_ERRORS: readonly ErrorCode[] = ASKED

/** Of a task whose record the disk in trouble does not have as it is: how it stands is not told. */
const UNWRITTEN = ['STORE_FULL', 'STORE_READ_ONLY'] as const satisfies readonly ErrorCode[]

/** Looking for a task: by this node, and by those that it asks. */
export const LOOKUP_ERRORS: readonly ErrorCode[] = [
  'TASK_UNKNOWN',
  'NOT_READY',
  'NOT_ACTING',
  'TAKEOVER_INCOMPLETE',
  'TOO_FEW_COPIES',
  'RIGHT_ENDED',
  'OWNER_UNREACHABLE',
  ...UNWRITTEN,
  ...ASKED,
]

/** Handing in a task: by this node, and by the owner of the key. */
export const SUBMIT_ERRORS: readonly ErrorCode[] = [
  'TASK_INVALID',
  'TASK_CONFLICT',
  'ID_CONTESTED',
  'DEDUPE_CONFLICT',
  'EXECUTOR_UNKNOWN',
  'COMMAND_NOT_ALLOWED',
  'QUEUE_FULL',
  'STORE_FULL',
  'STORE_READ_ONLY',
  'NOT_READY',
  'NO_OWNER',
  'NOT_ACTING',
  'TAKEOVER_INCOMPLETE',
  'TOO_FEW_COPIES',
  'RIGHT_ENDED',
  'OWNER_UNREACHABLE',
  'TOO_MANY_HOPS',
  ...ASKED,
]

/** Looking at an attempt: its task is looked for, and then the node asked that runs or ran it. */
export const LOOK_ERRORS: readonly ErrorCode[] = [...LOOKUP_ERRORS, 'NODE_UNREACHABLE']

/** Asking all nodes: by this node; what others say is in the answer. */
export const SURVEY_ERRORS: readonly ErrorCode[] = ASKED

/** Cancelling a task or ordering another try: by this node, and by the owner of the key. */
export const ORDER_ERRORS: readonly ErrorCode[] = [
  'TASK_UNKNOWN',
  'TASK_SETTLED',
  'TASK_NOT_ENDED',
  'TAKEOVER_INCOMPLETE',
  'TOO_FEW_COPIES',
  'QUEUE_FULL',
  ...UNWRITTEN,
  'NOT_READY',
  'NO_OWNER',
  'NOT_ACTING',
  'RIGHT_ENDED',
  'OWNER_UNREACHABLE',
  'TOO_MANY_HOPS',
  ...ASKED,
]

/** Looking for a schedule: it is looked for as a task is. */
export const SCHEDULE_LOOKUP_ERRORS: readonly ErrorCode[] = [
  'SCHEDULE_UNKNOWN',
  'NOT_READY',
  'NOT_ACTING',
  'TAKEOVER_INCOMPLETE',
  'TOO_FEW_COPIES',
  'RIGHT_ENDED',
  'OWNER_UNREACHABLE',
  ...UNWRITTEN,
  ...ASKED,
]

/** An order for a schedule: by this node, and by the owner of its name. */
export const SCHEDULE_ERRORS: readonly ErrorCode[] = [
  'SCHEDULE_INVALID',
  'SCHEDULE_UNKNOWN',
  'SCHEDULE_FROM_CONFIG',
  'SCHEDULES_FULL',
  'TASK_INVALID',
  'EXECUTOR_UNKNOWN',
  'COMMAND_NOT_ALLOWED',
  'TASK_CONFLICT',
  'ID_CONTESTED',
  'STORE_FULL',
  'STORE_READ_ONLY',
  'NOT_READY',
  'NO_OWNER',
  'NOT_ACTING',
  'TAKEOVER_INCOMPLETE',
  'TOO_FEW_COPIES',
  'RIGHT_ENDED',
  'OWNER_UNREACHABLE',
  'TOO_MANY_HOPS',
  ...ASKED,
]

/** Every code that this route can answer with, its own and those that all share. */
export function errorsOf(route: Route): ReadonlySet<ErrorCode> {
  return new Set([
    ...route.errors,
    ...ANY,
    ...(route.body === undefined ? [] : WITH_BODY),
    ...(route.access === 'open' ? [] : WITH_TOKEN),
  ])
}
