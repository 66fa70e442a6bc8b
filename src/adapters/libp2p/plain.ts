/**
 * Frames that are right beyond doubt, told apart at a glance: what nodes send each other about tasks, thousands of times a
 * second, in its usual form. Whatever has a field that is not looked at here is left to the schema, which knows all of them and
 * says what is wrong. So this says yes or "ask the schema", never no, and only where the schema says yes, too.
 */
import { KEY_BYTES_MAX, NODE_ID_PATTERN, TASK_ID_PATTERN } from '../../base/ids.ts'
import type { LinkMessage } from '../../node/machine.ts'
import { ATTEMPTS_KEPT, PLACEMENTS, TRANSITIONS } from '../../tasks/task.ts'
import {
  ADDRESS_CHARS_MAX,
  FORWARDS_MAX,
  HOLDERS_MAX,
  JSON_DEPTH_MAX,
  RECORDS_MAX,
  SHORT_CHARS_MAX,
} from './limits.ts'
import { isShallow } from './schema-words.ts'

type Fields = Readonly<Record<string, unknown>>

/** UTF-8 has no more bytes for a UTF-16 unit. */
const BYTES_A_UNIT = 3
const ENDS: ReadonlySet<unknown> = new Set(['succeeded', 'failed', 'lost', 'cancelled', 'fenced'])
const PLACES: ReadonlySet<unknown> = new Set(PLACEMENTS.filter(placement => placement !== 'ring'))

export function isPlain(value: unknown): value is LinkMessage {
  if (!isObject(value)) return false
  switch (value['type']) {
    case 'ping':
    case 'ack':
      return isCount(value['seq']) && hasOnly(value, 2)
    case 'replicate':
      return isReplicate(value)
    case 'replicated':
      return isCount(value['batch']) && typeof value['counted'] === 'boolean' && hasOnly(value, 3)
    case 'forward':
      return isForward(value) && hasOnly(value, 4)
    case 'forwards':
      return (
        hasOnly(value, 2) &&
        isList(value['forwards'], FORWARDS_MAX, each => isForward(each) && hasOnly(each, 3))
      )
    case 'forward-reply':
      return isReply(value) && hasOnly(value, 3)
    case 'forward-replies':
      return (
        hasOnly(value, 2) && isList(value['replies'], FORWARDS_MAX, each => isReply(each) && hasOnly(each, 2))
      )
    default:
      return false
  }
}

function isReplicate(value: Fields): boolean {
  return (
    hasOnly(value, 5) &&
    isCount(value['batch']) &&
    isShort(value['ring']) &&
    isList(value['terms'], RECORDS_MAX, isCount) &&
    isList(value['records'], RECORDS_MAX, isRecord)
  )
}

function isForward(value: unknown): value is Fields {
  if (!isObject(value) || !isRequestId(value['id']) || !isCount(value['hops'])) return false
  const request = value['request']
  return isObject(request) && request['kind'] === 'submit' && hasOnly(request, 2) && isSpec(request['spec'])
}

function isReply(value: unknown): value is Fields {
  if (!isObject(value) || !isRequestId(value['id'])) return false
  const reply = value['reply']
  return (
    isObject(reply) &&
    reply['ok'] === true &&
    typeof reply['existed'] === 'boolean' &&
    isCount(reply['durableCopies']) &&
    hasOnly(reply, 4) &&
    isRecord(reply['record'])
  )
}

function isRecord(value: unknown): boolean {
  if (!isObject(value)) return false
  const { spec, source, state, acceptedAt, settledAt, attempts, result, holders, revision } = value
  const { term, copies, dedupeTerm } = value
  const optional = countDefined(settledAt, result, term, copies, dedupeTerm)
  return (
    isSource(source) &&
    typeof state === 'string' &&
    Object.hasOwn(TRANSITIONS, state) &&
    isMs(acceptedAt) &&
    (settledAt === undefined || isMs(settledAt)) &&
    (term === undefined || isCount(term)) &&
    (copies === undefined || isCount(copies)) &&
    (dedupeTerm === undefined || isCount(dedupeTerm)) &&
    isCount(revision) &&
    hasOnly(value, 7 + optional) &&
    (result === undefined || isShallow(result, JSON_DEPTH_MAX)) &&
    isList(holders, HOLDERS_MAX, isNodeId) &&
    isList(attempts, ATTEMPTS_KEPT, isAttempt) &&
    isSpec(spec)
  )
}

function isAttempt(value: unknown): boolean {
  if (!isObject(value)) return false
  const { number, node, startedAt, endedAt, outcome, token } = value
  return (
    isCount(number) &&
    isNodeId(node) &&
    isMs(startedAt) &&
    (endedAt === undefined || isMs(endedAt)) &&
    (outcome === undefined || ENDS.has(outcome)) &&
    (token === undefined || isShort(token)) &&
    hasOnly(value, 3 + countDefined(endedAt, outcome, token))
  )
}

function isSpec(value: unknown): boolean {
  if (!isObject(value)) return false
  const { id, key, type, payload, priority, maxAttempts, backoffMs, backoffMsMax, timeoutMs } = value
  return (
    typeof id === 'string' &&
    TASK_ID_PATTERN.test(id) &&
    typeof key === 'string' &&
    key.length * BYTES_A_UNIT <= KEY_BYTES_MAX &&
    isShort(type) &&
    payload !== undefined &&
    isShallow(payload, JSON_DEPTH_MAX) &&
    (priority === 0 || priority === 1 || priority === 2 || priority === 3) &&
    isCount(maxAttempts) &&
    isMs(backoffMs) &&
    isMs(backoffMsMax) &&
    isMs(timeoutMs) &&
    hasOnly(value, 9 + countChoices(value))
  )
}

/** How many of the fields that a spec may have it has; more than any object has where one of them is not plain. */
function countChoices(value: Fields): number {
  const { placement, concurrent, group, groupLimit, runAt, expiresAt, backoff, dedupe } = value
  const arePlain =
    (placement === undefined || PLACES.has(placement)) &&
    (concurrent === undefined || concurrent === true) &&
    (group === undefined || isShort(group)) &&
    (groupLimit === undefined || isCount(groupLimit)) &&
    (runAt === undefined || isMs(runAt)) &&
    (expiresAt === undefined || isMs(expiresAt)) &&
    (backoff === undefined || backoff === 'fixed' || backoff === 'none') &&
    (dedupe === undefined || isDedupe(dedupe))
  if (!arePlain) return Number.POSITIVE_INFINITY
  return countDefined(placement, concurrent, group, groupLimit, runAt, expiresAt, backoff, dedupe)
}

function isDedupe(value: unknown): boolean {
  if (!isObject(value)) return false
  const { key, ttlMs } = value
  return typeof key === 'string' && TASK_ID_PATTERN.test(key) && isCount(ttlMs) && hasOnly(value, 2)
}

const isSource = (value: unknown): boolean =>
  value === 'api' ||
  (typeof value === 'string' &&
    value.length <= ADDRESS_CHARS_MAX &&
    (value.startsWith('schedule:') || value.startsWith('list:')))

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The fields that were looked at, and no others. */
function hasOnly(value: Fields, fields: number): boolean {
  let count = 0
  for (const _ in value) count++
  return count === fields
}

function countDefined(...fields: readonly unknown[]): number {
  let count = 0
  for (const field of fields) if (field !== undefined) count++
  return count
}

function isList(value: unknown, max: number, each: (one: unknown) => boolean): boolean {
  return Array.isArray(value) && value.length <= max && value.every(each)
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0
const isMs = (value: unknown): boolean =>
  typeof value === 'number' && value >= 0 && value < Number.POSITIVE_INFINITY
const isShort = (value: unknown): boolean => typeof value === 'string' && value.length <= SHORT_CHARS_MAX
const isRequestId = (value: unknown): boolean => isShort(value) && value !== ''
const isNodeId = (value: unknown): boolean => isShort(value) && NODE_ID_PATTERN.test(value as string)
