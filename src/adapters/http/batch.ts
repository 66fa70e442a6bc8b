/**
 * Many tasks in one request: each gets an answer of its own, which says what is stored, what is not, and what nobody knows.
 *
 * A batch is no transaction: its tasks have many owners, and each owner decides for itself. So nothing is undone when one
 * of them is refused. Whoever gets `unknown`, or no answer at all, sends the same again under the same ids.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { CodedError, ERRORS, type ErrorCode, type Failure } from '../../base/errors.ts'
import type { TaskReply, TaskRequest } from '../../tasks/messages.ts'
import { parseTaskSpec } from '../../tasks/spec.ts'
import type { TaskSpec, TaskState } from '../../tasks/task.ts'
import type { Face } from './face.ts'
import { inOrder } from './in-order.ts'
import { JsonRefused, parseJsonBody } from './json-body.ts'
import { type Line, linesOf } from './lines.ts'
import { failureOf } from './problem.ts'
import { askOwners } from './waiting.ts'

/** Tasks in one JSON list. More come line by line. */
export const LIST_MAX = 10_000
/** Tasks handed to the node in one step, which takes a few ms then. */
const STEP_MAX = 250
/** Steps of one request under way at one time: the next is read and checked while the owners work. */
const STEPS_UNDER_WAY_MAX = 4

/** What became of one task. */
export interface ItemResult {
  /** Line of the body, or place in the list, from 1. */
  readonly line: number
  /** The task's own, or the one that was made for it: under this it may be sent again. Absent when it has none. */
  readonly id?: string
  readonly code: 'ACCEPTED' | 'EXISTED' | ErrorCode
  readonly stored: 'yes' | 'no' | 'unknown'
  readonly state?: TaskState
  readonly durableCopies?: number
  readonly detail?: string
  readonly retryAfterS?: number
}

export interface Totals {
  accepted: number
  existed: number
  refused: number
  unknown: number
}

export const noTotals = (): Totals => ({ accepted: 0, existed: 0, refused: 0, unknown: 0 })

export function count(totals: Totals, { code, stored }: ItemResult): void {
  if (code === 'ACCEPTED') totals.accepted++
  else if (code === 'EXISTED') totals.existed++
  else if (stored === 'unknown') totals.unknown++
  else totals.refused++
}

interface Item {
  readonly line: number
  readonly spec: TaskSpec
  readonly bytes: number
}

/** @param key of `Idempotency-Key`: the line is added, so that each task of a batch sent again meets its own */
export type BatchOptions = { readonly idempotencyKey?: string }

/** All tasks of a list. */
export async function submitList(
  face: Face,
  values: readonly unknown[],
  options: BatchOptions,
): Promise<readonly ItemResult[]> {
  const results: ItemResult[] = []
  let line = 0
  for await (const chunk of turnsOf(values)) {
    const read = chunk.map(value => readTask(face, value, ++line, JSON.stringify(value).length, options))
    results.push(...(await submitChunk(face, read)))
  }
  return results
}

/** The tasks of a body as it comes: one text of answers for each piece of it, and the totals at the end. */
export async function* submitLines(
  face: Face,
  body: AsyncIterable<Uint8Array>,
  options: BatchOptions,
): AsyncGenerator<string> {
  const totals = noTotals()
  const end: { cut?: Failure } = {}
  const chunks = readChunks(face, body, options, end)
  for await (const results of inOrder(chunks, STEPS_UNDER_WAY_MAX, chunk => submitChunk(face, chunk))) {
    for (const result of results) count(totals, result)
    yield results.map(result => `${JSON.stringify(result)}\n`).join('')
  }
  yield `${JSON.stringify({ summary: { ...totals, ...(end.cut && { ended: end.cut }) } })}\n`
}

/** @param end told why the body ended before its end: what came before is answered all the same */
async function* readChunks(
  face: Face,
  body: AsyncIterable<Uint8Array>,
  options: BatchOptions,
  end: { cut?: Failure },
): AsyncGenerator<readonly (Item | ItemResult)[]> {
  try {
    for await (const lines of linesOf(timed(body, face), face.config.bodyBytesMax)) {
      for await (const chunk of turnsOf(lines)) yield chunk.map(line => readLine(face, line, options))
    }
  } catch (error) {
    end.cut = cutShort(error)
  }
}

/** Why the body ended before its end; a fault of ours is thrown on. */
function cutShort(error: unknown): Failure {
  if (error instanceof CodedError) return failureOf(error)
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined
  if (code !== 'ECONNRESET' && code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
  return { code: 'BAD_REQUEST', detail: 'Expected a whole body, got the end of the connection.' }
}

/** The body; ends with REQUEST_TIMEOUT when nothing comes for too long. */
async function* timed(body: AsyncIterable<Uint8Array>, { limits }: Face): AsyncGenerator<Uint8Array> {
  const pieces = body[Symbol.asyncIterator]()
  for (;;) {
    const late = Promise.withResolvers<never>()
    const detail = `Nothing came for ${limits.linesStallMs / 1_000} s; what came before was taken.`
    const timer = setTimeout(
      () => late.reject(new CodedError('REQUEST_TIMEOUT', detail)),
      limits.linesStallMs,
    )
    timer.unref()
    const piece = pieces.next()
    // After a timeout nobody waits for it any more. The connection is closed once the answer is out, and it fails then.
    piece.catch(() => undefined)
    try {
      const next = await Promise.race([piece, late.promise])
      if (next.done === true) return
      yield next.value
    } finally {
      clearTimeout(timer)
    }
  }
}

function readLine(face: Face, { number, bytes }: Line, options: BatchOptions): Item | ItemResult {
  if (bytes === undefined) {
    const detail = `Expected a line of at most ${face.config.bodyBytesMax} bytes (http.bodyBytesMax), got more.`
    return refused(number, undefined, { code: 'BODY_TOO_LARGE', detail })
  }
  try {
    const value = parseJsonBody(bytes, face.limits.jsonDepthMax)
    return readTask(face, value, number, bytes.length, options)
  } catch (error) {
    if (!(error instanceof CodedError)) throw error
    return refused(number, idIn(error instanceof JsonRefused ? error.value : undefined), failureOf(error))
  }
}

function readTask(
  face: Face,
  value: unknown,
  line: number,
  bytes: number,
  { idempotencyKey }: BatchOptions,
): Item | ItemResult {
  const key = idempotencyKey === undefined ? undefined : `${idempotencyKey}:${line}`
  const read = readSpec(face, value, key)
  return read.ok ? { line, spec: read.spec, bytes } : refused(line, idIn(value), read.failure)
}

type ReadSpec =
  | { readonly ok: true; readonly spec: TaskSpec }
  | { readonly ok: false; readonly failure: Failure }

/** @param dedupeKey laid under a task that names none itself */
export function readSpec(face: Face, value: unknown, dedupeKey: string | undefined): ReadSpec {
  const plain = typeof value === 'object' && value !== null && !Array.isArray(value)
  if (dedupeKey !== undefined && plain && Object.hasOwn(value, 'dedupe')) {
    const problem = { at: 'dedupe', expected: 'either this or the header Idempotency-Key', got: 'both' }
    return {
      ok: false,
      failure: { code: 'TASK_INVALID', detail: 'dedupe: got Idempotency-Key, too.', problems: [problem] },
    }
  }
  const named = dedupeKey !== undefined && plain ? { ...value, dedupe: { key: dedupeKey } } : value
  const parsed = parseTaskSpec(named, face.defaults, wish => face.node.newTaskId(wish))
  if (parsed.ok) return parsed
  const { problems } = parsed
  const detail = problems.map(({ at, expected, got }) => `${at}: expected ${expected}, got ${got}`).join('; ')
  return { ok: false, failure: { code: 'TASK_INVALID', detail: `${detail}.`, problems } }
}

/** What stands for an id in what was handed in, whatever else is wrong with it. */
export function idIn(value: unknown): string | undefined {
  const id: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, 'id') : undefined
  return typeof id === 'string' ? id.slice(0, 256) : undefined
}

const isItem = (read: Item | ItemResult): read is Item => 'spec' in read

/** Answers of those that were refused here already keep their place. */
async function submitChunk(
  face: Face,
  chunk: readonly (Item | ItemResult)[],
): Promise<readonly ItemResult[]> {
  const items = chunk.filter(isItem)
  const bytes = items.reduce((sum, item) => sum + item.bytes, 0)
  const giveBack = await face.budget.take(bytes)
  try {
    const requests = items.map(({ spec }): TaskRequest => ({ kind: 'submit', spec }))
    const replies = requests.length === 0 ? [] : await askOwners(face, requests)
    let next = 0
    return chunk.map(each => (isItem(each) ? resultOf(each, replies[next++] as TaskReply) : each))
  } finally {
    giveBack()
  }
}

/** Each step in a turn of the event loop of its own: to read tasks takes time, also where none of them is worth a question. */
async function* turnsOf<T>(all: readonly T[]): AsyncGenerator<readonly T[]> {
  for (let from = 0; from < all.length; from += STEP_MAX) {
    if (from > 0) await nextTurn()
    yield all.slice(from, from + STEP_MAX)
  }
}

function resultOf({ line, spec }: Item, reply: TaskReply): ItemResult {
  if (!reply.ok) return refused(line, spec.id, reply.failure)
  const { record, existed, durableCopies } = reply
  const code = existed ? 'EXISTED' : 'ACCEPTED'
  // Under a dedupe key the task that is there may have another id.
  return { line, id: record.spec.id, code, stored: 'yes', state: record.state, durableCopies }
}

/** Refusals after which nobody can say whether the task is stored. */
const saysUnknown = (code: ErrorCode): boolean => code === 'DEADLINE' || ERRORS[code][2].startsWith('Unknown')

function refused(line: number, id: string | undefined, failure: Failure): ItemResult {
  const { code, detail, retryAfterS } = failure
  return {
    line,
    ...(id !== undefined && { id }),
    code,
    stored: saysUnknown(code) ? 'unknown' : 'no',
    detail,
    ...(retryAfterS !== undefined && { retryAfterS: Math.max(1, Math.ceil(retryAfterS)) }),
  }
}
