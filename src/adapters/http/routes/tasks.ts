import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { CodedError } from '../../../base/errors.ts'
import { asTaskId } from '../../../base/ids.ts'
import type { TaskReply } from '../../../tasks/messages.ts'
import type { Progress } from '../../../tasks/progress.ts'
import { TASK_STATES, type TaskRecord, type TaskSpec } from '../../../tasks/task.ts'
import {
  type BatchOptions,
  count,
  idIn,
  LIST_MAX,
  noTotals,
  readSpec,
  submitLines,
  submitList,
} from '../batch.ts'
import { clusterPage } from '../cluster-page.ts'
import { endOfTask } from '../end-of-task.ts'
import type { Face } from '../face.ts'
import { TaskFault } from '../failures.ts'
import { isLines } from '../lines.ts'
import { taskIdOf } from '../path-parameter.ts'
import { failureOf, sendProblem } from '../problem.ts'
import { Rounds } from '../rounds.ts'
import { parameterOf, type Route, sendJson } from '../route.ts'
import { LOOKUP_ERRORS, SUBMIT_ERRORS, SURVEY_ERRORS } from '../route-errors.ts'
import { shown } from '../shown.ts'
import {
  FILTER_PARAMETERS,
  PAGE_PARAMETERS,
  parseTaskQuery,
  parseWait,
  TASK_SCOPES,
  WAIT_MS_MAX,
} from '../task-query.ts'
import { askAttempt, askOwner } from '../waiting.ts'
import { openAttempt } from './attempts.ts'

/** With the line of a batch behind it, it must still be a dedupe key. */
const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,200}$/

/** Submitting, and looking at what became of it. */
export const tasks: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/tasks',
    access: 'read',
    summary: 'The tasks of all nodes, in the order of their ids, a page at a time; or what one node knows.',
    query: {
      state: { schema: { type: 'string', enum: TASK_STATES }, doc: 'Only tasks in this state.' },
      scope: {
        schema: { type: 'string', enum: TASK_SCOPES, default: 'cluster' },
        doc: 'All nodes; or what the node asked owns, holds for others, has run an attempt of, or all that it knows.',
      },
      ...FILTER_PARAMETERS,
      ...PAGE_PARAMETERS,
      after: {
        schema: { type: 'string' },
        doc: 'With the scope of one node: the `next` of the page before.',
      },
    },
    responses: {
      200: { doc: 'A page. `complete` is false when tasks of some nodes may be missing.', schema: 'Tasks' },
    },
    errors: SURVEY_ERRORS,
    handle: async (face, request, reply) => {
      const asked = parseTaskQuery(request.query)
      if (asked.scope === 'node') return sendJson(reply, face.node.tasks(asked.query))
      const found = await clusterPage(face, asked.query, Rounds.of(reply, face.limits.roundsMs))
      return found.ok ? sendJson(reply, found.page) : sendProblem(reply, face.counters, found.failure)
    },
  },
  {
    method: 'POST',
    path: '/v1/tasks',
    access: 'write',
    summary:
      'Hands a task, a list of tasks, or tasks line by line to the owners of their keys, from any node. Safe to repeat with the same ids.',
    headers: {
      'Idempotency-Key': {
        schema: { type: 'string', pattern: '^[\\x21-\\x7e]{1,200}$' },
        doc: 'The dedupe key of the task, for a day. Of a batch each task gets one of its own, made of this and its line.',
      },
    },
    body: { schema: 'TaskOrTasks', required: true, lines: 'Task' },
    responses: {
      202: {
        doc: 'Accepted: the record is on the disk of the owner; in quorum mode on `tasks.durability` disks of those who hold it.',
        schema: 'Submitted',
      },
      200: {
        doc: 'The same task was known already, or the first one under its dedupe key is.',
        schema: 'Submitted',
      },
      207: {
        doc: 'To a list: what became of each task. To lines: the same a line at a time while they are read, and a summary last.',
        schema: 'Batch',
        lines: 'BatchLine',
      },
    },
    errors: SUBMIT_ERRORS,
    handle: async (face, request, reply) => {
      const options = batchOptionsOf(request)
      if (request.body === undefined)
        throw new CodedError('BAD_REQUEST', 'Expected a task as JSON, got no body.')
      if (isLines(request.headers['content-type']))
        return sendLines(face, request.body as Readable, options, reply)
      if (Array.isArray(request.body)) return await sendBatch(face, request.body, options, reply)
      const read = readSpec(face, request.body, options.idempotencyKey)
      if (!read.ok) {
        const id = idIn(request.body)
        return sendProblem(reply, face.counters, read.failure, id === undefined ? {} : { id })
      }
      return await handIn(face, reply, read.spec)
    },
  },
  {
    method: 'GET',
    path: '/v1/tasks/{id}',
    access: 'read',
    summary:
      'One task, as its owner knows it, with what its attempt says of its progress while one runs; at once, or when it has come to its end.',
    parameter: {
      name: 'id',
      doc: 'Its id; slashes may be sent as they are or percent-encoded. Of an id that ends in `/log` the last one must be encoded: as it is, the path is that of a log.',
    },
    query: {
      waitMs: {
        schema: { type: 'integer', minimum: 0, maximum: WAIT_MS_MAX, default: 0 },
        doc: 'Answer when it is settled, or after so many ms with how it stands then.',
      },
    },
    responses: { 200: { doc: 'The record.', schema: 'TaskRecord' } },
    errors: LOOKUP_ERRORS,
    handle: async (face, request, reply) => {
      const waitMs = parseWait(request.query)
      const task = asTaskId(taskIdOf(parameterOf(request)))
      const gone = new AbortController()
      reply.raw.once('close', () => gone.abort())
      const answer = await endOfTask(face, task, waitMs, gone.signal)
      if (!answer.ok) return sendProblem(reply, face.counters, answer.failure)
      return sendJson(reply, { ...answer.record, ...(await progressOf(face, answer.record)) })
    },
  },
]

/** Nobody is kept from the record because the node that runs it does not say how far it is. */
async function progressOf(face: Face, record: TaskRecord): Promise<{ readonly progress?: Progress }> {
  const open = openAttempt(record)
  if (open === undefined) return {}
  const { node, number: attempt } = open
  const answer = await askAttempt(face, { node, task: record.spec.id, attempt, logBytes: 0 })
  const progress = answer.ok ? answer.look?.progress : undefined
  return progress === undefined ? {} : { progress }
}

/** Throws BAD_REQUEST. */
function batchOptionsOf(request: FastifyRequest): BatchOptions {
  const given = request.headers['idempotency-key']
  if (given === undefined) return {}
  if (typeof given === 'string' && IDEMPOTENCY_KEY.test(given)) return { idempotencyKey: given }
  throw new CodedError(
    'BAD_REQUEST',
    `Idempotency-Key: expected 1 to 200 printable ASCII characters without spaces, once, got ${shown(given)}.`,
  )
}

/** Throws what is no refusal, with the id of the task. */
function refusalBy(task: string, error: unknown): TaskReply {
  if (error instanceof CodedError) return { ok: false, failure: failureOf(error) }
  throw new TaskFault(task, error)
}

async function sendBatch(
  face: Face,
  values: readonly unknown[],
  options: BatchOptions,
  reply: FastifyReply,
): Promise<FastifyReply> {
  if (values.length === 0 || values.length > LIST_MAX) {
    const detail = `Expected a list of 1 to ${LIST_MAX} tasks, got ${values.length}; more come line by line (application/x-ndjson).`
    throw new CodedError('TASK_INVALID', detail)
  }
  const results = await submitList(face, values, options)
  const totals = noTotals()
  for (const result of results) count(totals, result)
  return sendJson(reply.code(207), { ...totals, results })
}

function sendLines(face: Face, body: Readable, options: BatchOptions, reply: FastifyReply): FastifyReply {
  return (
    reply
      .code(207)
      .header('content-type', 'application/x-ndjson; charset=utf-8')
      // A body that ended before its end leaves a connection on which nothing else can be said.
      .header('connection', 'close')
      .header('cache-control', 'no-store')
      .header('x-content-type-options', 'nosniff')
      .send(Readable.from(submitLines(face, body, options), { objectMode: false }))
  )
}

/** Who is not told that the task was taken is told its id, which may have been made here: to ask for it, and to hand it in again. */
async function handIn(face: Face, reply: FastifyReply, spec: TaskSpec): Promise<FastifyReply> {
  const answer = await askOwner(face, { kind: 'submit', spec }).catch(error => refusalBy(spec.id, error))
  if (!answer.ok) return sendProblem(reply, face.counters, answer.failure, { id: spec.id })
  const { record, existed, durableCopies } = answer
  reply.code(existed ? 200 : 202).header('location', `/v1/tasks/${encodeURIComponent(record.spec.id)}`)
  return sendJson(reply, { record, existed, durableCopies })
}
