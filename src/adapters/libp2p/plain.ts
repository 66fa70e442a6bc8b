/**
 * Frames that are right beyond doubt, told apart at a glance: what nodes send each other about tasks, thousands of times a
 * second, in its usual form. Whatever has a field that is not looked at here is left to the schema, which knows all of them and
 * says what is wrong. So this says yes or "ask the schema", never no, and only where the schema says yes, too.
 */
import { KEY_BYTES_MAX, NODE_ID_PATTERN, TASK_ID_PATTERN } from '../../base/ids.ts'
import type { LinkMessage } from '../../node/machine.ts'
import { ATTEMPTS_KEPT, TRANSITIONS } from '../../tasks/task.ts'
import { FORWARDS_MAX, HOLDERS_MAX, JSON_DEPTH_MAX, RECORDS_MAX, SHORT_CHARS_MAX } from './limits.ts'
import { isShallow } from './schema-words.ts'

type Fields = Readonly<Record<string, unknown>>

/** UTF-8 has no more bytes for a UTF-16 unit. */
const BYTES_A_UNIT = 3
const ENDS: ReadonlySet<unknown> = new Set(['succeeded', 'failed', 'lost', 'cancelled', 'fenced'])

export function isPlain(value: unknown): value is LinkMessage {
  if (!isObject(value)) return false
  switch (value['type']) {
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
  const { spec, source, state, acceptedAt, settledAt, attempts, result, holders, revision, term, copies } =
    value
  const optional = [settledAt, result, term, copies].reduce<number>(countDefined, 0)
  return (
    source === 'api' &&
    typeof state === 'string' &&
    Object.hasOwn(TRANSITIONS, state) &&
    isMs(acceptedAt) &&
    (settledAt === undefined || isMs(settledAt)) &&
    (term === undefined || isCount(term)) &&
    (copies === undefined || isCount(copies)) &&
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
  const optional = Number(endedAt !== undefined) + Number(outcome !== undefined) + Number(token !== undefined)
  return (
    isCount(number) &&
    isNodeId(node) &&
    isMs(startedAt) &&
    (endedAt === undefined || isMs(endedAt)) &&
    (outcome === undefined || ENDS.has(outcome)) &&
    (token === undefined || isShort(token)) &&
    hasOnly(value, 3 + optional)
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
    hasOnly(value, 9)
  )
}

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The fields that were looked at, and no others. */
function hasOnly(value: Fields, fields: number): boolean {
  let count = 0
  for (const _ in value) count++
  return count === fields
}

const countDefined = (count: number, field: unknown): number => (field === undefined ? count : count + 1)

function isList(value: unknown, max: number, each: (one: unknown) => boolean): boolean {
  return Array.isArray(value) && value.length <= max && value.every(each)
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0
const isMs = (value: unknown): boolean =>
  typeof value === 'number' && value >= 0 && value < Number.POSITIVE_INFINITY
const isShort = (value: unknown): boolean => typeof value === 'string' && value.length <= SHORT_CHARS_MAX
const isRequestId = (value: unknown): boolean => isShort(value) && value !== ''
const isNodeId = (value: unknown): boolean => isShort(value) && NODE_ID_PATTERN.test(value as string)
