import type { FastifyReply } from 'fastify'
import { CodedError } from '../../../base/errors.ts'
import { asTaskId } from '../../../base/ids.ts'
import type { TaskReply } from '../../../tasks/messages.ts'
import type { Progress } from '../../../tasks/progress.ts'
import { parseTaskSpec } from '../../../tasks/spec.ts'
import type { TaskRecord } from '../../../tasks/task.ts'
import type { Face } from '../face.ts'
import { taskIdOf } from '../path-parameter.ts'
import { sendProblem } from '../problem.ts'
import { parameterOf, type Route, sendJson } from '../route.ts'
import { LOOKUP_ERRORS, SUBMIT_ERRORS } from '../route-errors.ts'
import { parseTaskQuery, TASK_PAGE_DEFAULT, TASK_PAGE_MAX, TASK_SCOPES, TASK_STATES } from '../task-query.ts'
import { askAttempt, askOwner } from '../waiting.ts'
import { openAttempt } from './attempts.ts'

/** Submitting, and looking at what became of it. */
export const tasks: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/tasks',
    access: 'read',
    summary: 'The tasks that this node knows, a page at a time.',
    query: {
      state: { schema: { type: 'string', enum: TASK_STATES }, doc: 'Only tasks in this state.' },
      scope: {
        schema: { type: 'string', enum: TASK_SCOPES, default: 'owned' },
        doc: 'Tasks this node owns, copies it holds for others, tasks with an attempt on it, or all.',
      },
      after: { schema: { type: 'string' }, doc: 'The `next` of the page before.' },
      limit: {
        schema: { type: 'integer', minimum: 1, maximum: TASK_PAGE_MAX, default: TASK_PAGE_DEFAULT },
        doc: 'Tasks on a page.',
      },
    },
    responses: { 200: { doc: 'A page.', schema: 'Tasks' } },
    errors: [],
    handle: (face, request, reply) => sendJson(reply, face.node.tasks(parseTaskQuery(request.query))),
  },
  {
    method: 'POST',
    path: '/v1/tasks',
    access: 'write',
    summary: 'Hands a task to the owner of its key, from any node. Safe to repeat with the same id.',
    body: { schema: 'Task', required: true },
    responses: {
      202: { doc: 'Accepted: the record is on the disk of the owner.', schema: 'Submitted' },
      200: { doc: 'The same task was known already.', schema: 'Submitted' },
    },
    errors: SUBMIT_ERRORS,
    handle: async (face, request, reply) => {
      if (request.body === undefined)
        throw new CodedError('BAD_REQUEST', 'Expected a task as JSON, got no body.')
      const parsed = parseTaskSpec(request.body, face.defaults, () => face.node.newTaskId())
      if (!parsed.ok) {
        const detail = parsed.problems
          .map(each => `${each.at}: expected ${each.expected}, got ${each.got}`)
          .join('; ')
        throw new CodedError('TASK_INVALID', `${detail}.`, { problems: parsed.problems })
      }
      return accepted(face, reply, await askOwner(face, { kind: 'submit', spec: parsed.spec }))
    },
  },
  {
    method: 'GET',
    path: '/v1/tasks/{id}',
    access: 'read',
    summary: 'One task, as its owner knows it, with what its attempt says of its progress while one runs.',
    parameter: { name: 'id', doc: 'Its id; slashes may be sent as they are or percent-encoded.' },
    responses: { 200: { doc: 'The record.', schema: 'TaskRecord' } },
    errors: LOOKUP_ERRORS,
    handle: async (face, request, reply) => {
      const task = asTaskId(taskIdOf(parameterOf(request)))
      const answer = await askOwner(face, { kind: 'get', task })
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

function accepted(face: Face, reply: FastifyReply, answer: TaskReply): FastifyReply {
  if (!answer.ok) return sendProblem(reply, face.counters, answer.failure)
  const { record, existed, durableCopies } = answer
  reply.code(existed ? 200 : 202).header('location', `/v1/tasks/${encodeURIComponent(record.spec.id)}`)
  return sendJson(reply, { record, existed, durableCopies })
}
