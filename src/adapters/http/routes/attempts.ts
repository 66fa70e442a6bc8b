import type { FastifyReply, FastifyRequest } from 'fastify'
import { CodedError, type Failure } from '../../../base/errors.ts'
import { asTaskId } from '../../../base/ids.ts'
import { LOOK_BYTES_MAX } from '../../../tasks/messages.ts'
import { progressFault, readProgress } from '../../../tasks/progress.ts'
import type { Attempt, TaskRecord } from '../../../tasks/task.ts'
import type { Face } from '../face.ts'
import { taskIdOf } from '../path-parameter.ts'
import { sendProblem } from '../problem.ts'
import { parametersOf, refuseQuery, unknownAmong, wholeOf } from '../query.ts'
import { parameterOf, type Route, sendJson } from '../route.ts'
import { LOOK_ERRORS } from '../route-errors.ts'
import { askAttempt, askOwner } from '../waiting.ts'

/** So many attempts of a task that no record holds more. */
const ATTEMPT_MAX = 1_000_000

const id = { name: 'id', doc: 'Its id; slashes may be sent as they are or percent-encoded.' }

/** What can be done with an attempt while it runs: to see what it prints, and to say how far it is. */
export const attempts: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/tasks/{id}/log',
    access: 'read',
    summary:
      'The end of what an attempt printed, from the node that runs or ran it, which keeps it for a while in memory.',
    parameter: id,
    query: {
      attempt: {
        schema: { type: 'integer', minimum: 1, maximum: ATTEMPT_MAX },
        doc: 'Which one; the last unless told.',
      },
      bytes: {
        schema: { type: 'integer', minimum: 1, maximum: LOOK_BYTES_MAX, default: LOOK_BYTES_MAX },
        doc: 'Of the end of each of standard output and error. Of standard error no more than 8 KiB are kept.',
      },
    },
    responses: { 200: { doc: 'What is kept of it.', schema: 'TaskLog' } },
    errors: ['LOG_UNKNOWN', ...LOOK_ERRORS],
    handle: showLog,
  },
  {
    method: 'POST',
    path: '/v1/progress/{address}',
    access: 'open',
    summary:
      'How far an attempt is, from the application that does it: `http` tasks get this URL with each request. Needs no token, as nobody else knows it.',
    parameter: { name: 'address', doc: 'Made for one attempt, and gone with it.' },
    body: { schema: 'Progress', required: true },
    responses: { 200: { doc: 'It is taken, in place of what was said before.', schema: 'Nothing' } },
    errors: ['PROGRESS_UNKNOWN'],
    handle: (face, request, reply) => {
      const read = readProgress(request.body)
      if (!read.ok)
        throw new CodedError('BAD_REQUEST', `${progressFault(read.problems)}.`, { problems: read.problems })
      if (face.node.report(parameterOf(request), read.report)) return sendJson(reply, {})
      return sendProblem(reply, face.counters, OVER)
    },
  },
]

const OVER: Failure = {
  code: 'PROGRESS_UNKNOWN',
  detail: 'Its attempt has ended or was stopped: whoever still works for it should stop too.',
}

/** The attempt that runs, as far as the record knows. */
export const openAttempt = ({ state, attempts: tried }: TaskRecord): Attempt | undefined =>
  state === 'running' ? tried.findLast(({ outcome }) => outcome === undefined) : undefined

async function showLog(face: Face, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { number, logBytes } = readQuery(request.query)
  const task = asTaskId(taskIdOf(parameterOf(request)))
  const found = await askOwner(face, { kind: 'get', task })
  if (!found.ok) return sendProblem(reply, face.counters, found.failure)
  const tried = found.record.attempts
  const attempt = number === undefined ? tried.at(-1) : tried.findLast(each => each.number === number)
  if (attempt === undefined) return sendProblem(reply, face.counters, noAttempt(number))
  const { node } = attempt
  const answer = await askAttempt(face, { node, task, attempt: attempt.number, logBytes })
  if (!answer.ok) return sendProblem(reply, face.counters, answer.failure)
  const { look } = answer
  if (look?.stdout === undefined && look?.progress === undefined) {
    const { type } = found.record.spec
    const detail = `Node ${node} keeps nothing of attempt ${attempt.number}: type ${type} prints nothing there, or it was dropped for newer ones, or the node was started anew.`
    return sendProblem(reply, face.counters, { code: 'LOG_UNKNOWN', detail })
  }
  return sendJson(reply, { task, attempt: attempt.number, node, ...look })
}

const noAttempt = (number: number | undefined): Failure => ({
  code: 'LOG_UNKNOWN',
  detail: number === undefined ? 'The task was not tried yet.' : `The record holds no attempt ${number}.`,
})

function readQuery(query: unknown): { readonly number: number | undefined; readonly logBytes: number } {
  const given = parametersOf(query)
  const number = wholeOf(given, 'attempt', 1, ATTEMPT_MAX)
  const bytes = wholeOf(given, 'bytes', 1, LOOK_BYTES_MAX)
  refuseQuery([...unknownAmong(given, ['attempt', 'bytes']), ...number.problems, ...bytes.problems])
  return { number: number.value, logBytes: bytes.value ?? LOOK_BYTES_MAX }
}
