/** Every error of the API is an RFC 9457 problem made from the one table of errors. */
import { STATUS_CODES } from 'node:http'
import type { FastifyReply } from 'fastify'
import { type CodedError, ERRORS, type Failure, type Problem } from '../../base/errors.ts'
import type { HttpCounters } from './counters.ts'

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8'

export interface ProblemDocument {
  /** `urn:roundtable:problem:` and the code. */
  readonly type: string
  readonly title: string
  readonly status: number
  readonly code: Failure['code']
  /** What was expected, what came. */
  readonly detail: string
  /** What happened to the state. */
  readonly state: string
  readonly problems?: readonly Problem[]
  readonly requestId?: string
  /** Of the task that was handed in: under this it may be asked for, and handed in again. */
  readonly id?: string
}

export function problemOf(failure: Failure, requestId: string | undefined): ProblemDocument {
  const [status, title, state] = ERRORS[failure.code]
  return {
    type: `urn:roundtable:problem:${failure.code}`,
    title,
    status,
    code: failure.code,
    detail: failure.detail,
    state,
    ...(failure.problems === undefined || failure.problems.length === 0
      ? {}
      : { problems: failure.problems }),
    ...(requestId === undefined ? {} : { requestId }),
  }
}

export function failureOf(error: CodedError): Failure {
  return { code: error.code, detail: error.detail, problems: error.problems }
}

/** Answers with a problem; `extra` fields are added to the document. */
export function sendProblem(
  reply: FastifyReply,
  counters: HttpCounters,
  failure: Failure,
  extra: Readonly<Record<string, unknown>> = {},
): FastifyReply {
  counters.error(failure.code)
  const problem = problemOf(failure, reply.request.id)
  if (failure.retryAfterS !== undefined)
    reply.header('retry-after', String(Math.max(1, Math.ceil(failure.retryAfterS))))
  return reply
    .code(problem.status)
    .header('content-type', PROBLEM_TYPE)
    .header('cache-control', 'no-store')
    .header('x-content-type-options', 'nosniff')
    .send(JSON.stringify({ ...problem, ...extra }))
}

/** The same as bytes for a socket on which no request could be read. */
export function rawProblem(failure: Failure): string {
  const problem = problemOf(failure, undefined)
  const body = JSON.stringify(problem)
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? 'Error'}`,
    `content-type: ${PROBLEM_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'cache-control: no-store',
    'connection: close',
  ]
  return `${head.join('\r\n')}\r\n\r\n${body}`
}
