/** What fastify and the handlers throw, as failures of the one table. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { AssertionError } from '../../base/assert.ts'
import { CodedError, type Failure } from '../../base/errors.ts'
import { idIn } from './batch.ts'
import type { Face } from './face.ts'
import { JsonRefused } from './json-body.ts'
import { failureOf, sendProblem } from './problem.ts'
import { fits, type Route } from './route.ts'
import { shown } from './shown.ts'

/** A fault of ours, met while a task was handed in whose id is known: under it it may be asked for, and handed in again. */
export class TaskFault extends Error {
  override readonly name = 'TaskFault'
  readonly task: string

  constructor(task: string, cause: unknown) {
    super('a task was being handed in', { cause })
    this.task = task
  }
}

/** Failures whose requests have no body left worth reading. */
const KNOWN: Readonly<Record<string, (face: Face, request: FastifyRequest) => Failure>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: face => ({
    code: 'BODY_TOO_LARGE',
    detail: `Expected at most ${face.config.bodyBytesMax} bytes (http.bodyBytesMax), got more.`,
  }),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: (_face, { headers }) => ({
    code: 'UNSUPPORTED_MEDIA_TYPE',
    detail: `Expected Content-Type: application/json, got ${shown(headers['content-type'])}.`,
  }),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () => ({
    code: 'BAD_REQUEST',
    detail: 'Expected as many bytes as Content-Length says.',
  }),
  FST_ERR_BAD_URL: () => ({
    code: 'BAD_REQUEST',
    detail: 'Expected a path whose percent-encoding is valid UTF-8.',
  }),
  FST_ERR_MAX_PARAM_LENGTH: () => ({ code: 'BAD_REQUEST', detail: 'Expected a shorter path.' }),
  ECONNRESET: () => ({
    code: 'BAD_REQUEST',
    detail: 'Expected a whole body, got the end of the connection.',
  }),
}

/** The failure to answer with, or undefined when the error is a fault of ours. */
export function knownFailure(error: unknown, face: Face, request: FastifyRequest): Failure | undefined {
  if (error instanceof CodedError) return failureOf(error)
  const code: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, 'code') : undefined
  if (typeof code === 'string' && Object.hasOwn(KNOWN, code)) return KNOWN[code]?.(face, request)
  const status: unknown =
    typeof error === 'object' && error !== null ? Reflect.get(error, 'statusCode') : undefined
  const client = typeof status === 'number' && status >= 400 && status < 500
  return client ? { code: 'BAD_REQUEST', detail: 'The request could not be read.' } : undefined
}

/** The first line of what went wrong, for the log; the client learns only that it did. */
const summaryOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).slice(0, 500)

/** A task that was refused before it was one names its id all the same, where it has one. */
function namesTask(error: unknown, { method, routeOptions }: FastifyRequest): { readonly id?: string } {
  const isTask = method === 'POST' && routeOptions.url === '/v1/tasks'
  const id = isTask && error instanceof JsonRefused ? idIn(error.value) : undefined
  return id === undefined ? {} : { id }
}

export function answerFailures(app: FastifyInstance, face: Face, routes: readonly Route[]): void {
  app.setErrorHandler((thrown, request, reply) => {
    const [error, told] = thrown instanceof TaskFault ? [thrown.cause, { id: thrown.task }] : [thrown, {}]
    const known = knownFailure(error, face, request)
    if (known !== undefined) return sendProblem(reply, face.counters, known, namesTask(error, request))
    face.logger.log('error', 'http-error', {
      requestId: request.id,
      method: request.method,
      error: summaryOf(error),
    })
    // A broken claim is a bug: answer, then let it stop the process as anywhere else.
    if (error instanceof AssertionError)
      setImmediate(() => {
        throw error
      })
    const failure: Failure = { code: 'INTERNAL', detail: `Request ${request.id} failed.` }
    return sendProblem(reply, face.counters, failure, told)
  })
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0] ?? ''
    const methods = routes.filter(route => fits(route, path)).map(route => route.method)
    if (methods.length === 0)
      return sendProblem(reply, face.counters, {
        code: 'NOT_FOUND',
        detail: `Expected a path that /openapi.json tells of, got ${shown(path)}.`,
      })
    const allow = [
      ...new Set(methods.flatMap(method => (method === 'GET' ? ['GET', 'HEAD'] : [method]))),
    ].join(', ')
    reply.header('allow', allow)
    return sendProblem(reply, face.counters, {
      code: 'METHOD_NOT_ALLOWED',
      detail: `Expected ${allow}, got ${request.method}.`,
    })
  })
}
