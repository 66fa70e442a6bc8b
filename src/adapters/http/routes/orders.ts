import { asTaskId, type TaskId } from '../../../base/ids.ts'
import type { TaskReply } from '../../../tasks/messages.ts'
import { readBody } from '../body-fields.ts'
import { explainTask } from '../explain-task.ts'
import type { Face } from '../face.ts'
import { taskIdOf } from '../path-parameter.ts'
import { sendProblem } from '../problem.ts'
import { parameterOf, type Route, sendJson } from '../route.ts'
import { LOOKUP_ERRORS, ORDER_ERRORS } from '../route-errors.ts'
import { askOwner } from '../waiting.ts'
import { openAttempt } from './attempts.ts'

const parameter = { name: 'id', doc: 'Its id; slashes may be sent as they are or percent-encoded.' }

/** What is done to one task, and why it stands where it stands; all of it from any node. */
export const orders: readonly Route[] = [
  {
    method: 'POST',
    path: '/v1/tasks/{id}/cancel',
    access: 'write',
    summary: 'Ends a task, also while it runs: its attempt is stopped wherever that is. Safe to repeat.',
    parameter,
    body: { schema: 'Nothing', required: false },
    responses: { 200: { doc: 'It is cancelled.', schema: 'TaskRecord' } },
    errors: ORDER_ERRORS,
    handle: async (face, request, reply) => {
      readBody(request.body, {})
      return carried(face, reply, await order(face, 'cancel', asTaskId(taskIdOf(parameterOf(request)))))
    },
  },
  {
    method: 'POST',
    path: '/v1/tasks/{id}/retry',
    access: 'write',
    summary:
      'Another try now: of a task that is dead or cancelled, with all its attempts before it; or of one that pauses.',
    parameter,
    body: { schema: 'Nothing', required: false },
    responses: { 200: { doc: 'It is ready to run.', schema: 'TaskRecord' } },
    errors: ORDER_ERRORS,
    handle: async (face, request, reply) => {
      readBody(request.body, {})
      return carried(face, reply, await order(face, 'retry', asTaskId(taskIdOf(parameterOf(request)))))
    },
  },
  {
    method: 'GET',
    path: '/v1/explain-task/{id}',
    access: 'read',
    summary:
      'Why this task is where it is, why it does not run, and what must happen next; asked of all nodes.',
    parameter: { name: 'id', doc: 'Its id; slashes may be sent as they are or percent-encoded.' },
    responses: { 200: { doc: 'The explanation.', schema: 'TaskExplanation' } },
    errors: LOOKUP_ERRORS,
    handle: async (face, request, reply) => {
      const found = await explainTask(face, asTaskId(taskIdOf(parameterOf(request))))
      return found.ok ? sendJson(reply, found.explanation) : sendProblem(reply, face.counters, found.failure)
    },
  },
]

/** First whose key it is, since the key decides the owner; then the order to that one. */
async function order(face: Face, kind: 'cancel' | 'retry', task: TaskId): Promise<TaskReply> {
  const found = await askOwner(face, { kind: 'get', task })
  if (!found.ok) return found
  const { key } = found.record.spec
  if (kind === 'retry') return await askOwner(face, { kind, task, key })
  const runsOn = openAttempt(found.record)?.node
  return await askOwner(face, { kind, task, key, ...(runsOn && { runsOn }) })
}

const carried = (face: Face, reply: Parameters<Route['handle']>[2], answer: TaskReply) =>
  answer.ok ? sendJson(reply, answer.record) : sendProblem(reply, face.counters, answer.failure)
