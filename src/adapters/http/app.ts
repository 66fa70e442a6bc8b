/**
 * The API as a fastify application, without a socket: tests inject requests into it, the server lets it listen.
 *
 * Everything is refused as early as it can be: too many bytes or too slow by the parser's limits, too many requests and
 * strangers before the route is run, bodies before they are read. Fastify's own validator and serializer compilers
 * (ajv, fast-json-stringify: 113 modules, 4 MB) are not loaded: bodies are checked by the room that knows them.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { AssertionError } from '../../base/assert.ts'
import { CodedError, type Failure } from '../../base/errors.ts'
import { BatchBudget } from './batch-budget.ts'
import { limitBodyTime } from './body-time.ts'
import { HttpCounters } from './counters.ts'
import { EventStreams } from './event-streams.ts'
import type { Face, FaceParts } from './face.ts'
import { answerFailures, knownFailure } from './failures.ts'
import { Guard } from './guard.ts'
import { parseJsonBody, refuseOtherCharset } from './json-body.ts'
import { HTTP_LIMITS, type HttpLimits, PATH_PARAMETER_LENGTH_MAX } from './limits.ts'
import { isLines } from './lines.ts'
import { onMalformed } from './malformed.ts'
import { sendProblem } from './problem.ts'
import { parametersOf, refuseQuery, refusesEncoding, unknownAmong } from './query.ts'
import { RateLimit } from './rate-limit.ts'
import { isTailed, patternOf, routable } from './route.ts'
import { ROUTES } from './routes.ts'
import { shown } from './shown.ts'

/** @param limits tighter limits than usual, for tests */
export async function buildApp(parts: FaceParts, limits: Partial<HttpLimits> = {}): Promise<FastifyInstance> {
  const all = { ...HTTP_LIMITS, ...limits }
  const streams = new EventStreams(parts.events, parts.node, all)
  const budget = new BatchBudget(all.batchBytesMax)
  const face: Face = { ...parts, limits: all, counters: new HttpCounters(), streams, budget }
  const app = await bareApp(face)
  // Before anything waits for answers that are under way: a stream never ends by itself.
  app.addHook('preClose', async () => streams.stop())
  watchConnections(app, face)
  readBodies(app, face)
  answerFailures(app, face, ROUTES)
  const guard = new Guard(face.config)
  admit(app, face, guard)
  for (const route of ROUTES) {
    app.route({
      method: route.method,
      url: patternOf(route),
      onRequest: (request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
        const failure = guard.refuses(route.access, request.raw)
        if (failure === undefined) {
          done()
          return
        }
        if (failure.code === 'UNAUTHORIZED') reply.header('www-authenticate', 'Bearer')
        void sendProblem(reply, face.counters, failure)
      },
      handler: (request, reply) => {
        // A route with parameters refuses unknown ones together with whatever else is wrong with its query.
        if (route.query === undefined) refuseQuery(unknownAmong(parametersOf(request.query), []))
        return route.handle(face, request, reply)
      },
    })
  }
  return app
}

/** Stands where fastify would load a compiler for the schemas of routes. */
function noSchema(): never {
  throw new AssertionError('no route has a schema of its own')
}

async function bareApp(face: Face): Promise<FastifyInstance> {
  const { fastify } = await import('fastify')
  const { limits, config } = face
  const run = Date.now().toString(36)
  const tailed = ROUTES.filter(isTailed)
  let requests = 0
  const refuseUrl = (error: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    const failure = knownFailure(error, face, request) ?? {
      code: 'BAD_REQUEST',
      detail: 'The path cannot be read.',
    }
    void sendProblem(reply, face.counters, failure)
  }
  return fastify({
    logger: false,
    genReqId: () => `${run}-${(++requests).toString(36)}`,
    requestIdHeader: false,
    rewriteUrl: ({ method = '', url = '' }) => routable(tailed, method, url),
    bodyLimit: config.bodyBytesMax,
    // For bodies that come line by line; all others are given less, by `limitBodyTime`.
    requestTimeout: limits.linesMs,
    connectionTimeout: limits.stillMs,
    keepAliveTimeout: limits.keepAliveMs,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: PATH_PARAMETER_LENGTH_MAX },
    frameworkErrors: refuseUrl,
    clientErrorHandler: onMalformed(face),
    http: {
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: limits.headersMs,
      connectionsCheckingInterval: limits.timeoutCheckMs,
      requireHostHeader: false,
    },
    schemaController: {
      compilersFactory: { buildValidator: noSchema, buildSerializer: noSchema },
    },
  })
}

function watchConnections(app: FastifyInstance, { counters, limits }: Face): void {
  app.server.maxConnections = limits.connectionsMax
  app.server.on('drop', () => counters.dropped++)
  // Node.js would answer what it cannot meet by itself, without a word. Whoever waits with a body does not send it then.
  app.server.on('checkExpectation', (request, response) => {
    response.shouldKeepAlive = false
    app.server.emit('request', request, response)
  })
  app.server.on('connection', socket => {
    counters.connections++
    socket.once('close', () => counters.connections--)
  })
}

function readBodies(app: FastifyInstance, face: Face): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    try {
      refuseOtherCharset(request.headers['content-type'])
      done(null, parseJsonBody(Buffer.from(body), face.limits.jsonDepthMax))
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)))
    }
  })
  // Read by the route, a line at a time.
  app.addContentTypeParser('application/x-ndjson', (request, body, done) => {
    try {
      const type = request.headers['content-type']
      if (request.routeOptions.url !== '/v1/tasks') {
        const detail = `Expected Content-Type: application/json, got ${shown(type)}.`
        throw new CodedError('UNSUPPORTED_MEDIA_TYPE', detail)
      }
      refuseOtherCharset(type)
      done(null, body)
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)))
    }
  })
}

/** The one expectation that can be met, found as Node.js finds it. */
const CONTINUE = /(?:^|\W)100-continue(?:$|\W)/i

/** What every request must pass, those for no route included. */
function admit(app: FastifyInstance, face: Face, guard: Guard): void {
  const { limits, counters } = face
  const remotes = new RateLimit(limits.remoteRatePerS, limits.remoteBurst, limits.remotesMax)
  const locals = new RateLimit(limits.localRatePerS, limits.localBurst, limits.remotesMax)
  const refusal = (request: FastifyRequest): Failure | undefined => {
    counters.requests++
    const remote = request.raw.socket.remoteAddress ?? ''
    const local = remote === '127.0.0.1' || remote === '::1' || remote === '::ffff:127.0.0.1'
    if (!(local ? locals : remotes).take(remote, performance.now())) {
      const detail = `Expected at most ${local ? limits.localRatePerS : limits.remoteRatePerS} requests a second.`
      return { code: 'RATE_LIMITED', detail, retryAfterS: 1 }
    }
    const { expect } = request.headers
    if (expect !== undefined && !CONTINUE.test(expect)) {
      return {
        code: 'BAD_REQUEST',
        detail: `Expected no Expect header, or 100-continue, got ${shown(expect)}.`,
      }
    }
    const encoding = request.headers['content-encoding']
    if (encoding !== undefined) {
      const detail = `Expected a body without Content-Encoding, got ${shown(encoding)}.`
      return { code: 'UNSUPPORTED_MEDIA_TYPE', detail }
    }
    return guard.refusesHost(request.raw) ?? refusesEncoding(request.raw.url ?? '')
  }
  app.addHook('onRequest', (request, reply, done) => {
    if (!isLines(request.headers['content-type'])) limitBodyTime(request.raw, limits.requestMs, app.server)
    const failure = refusal(request)
    if (failure === undefined) return done()
    void sendProblem(reply, counters, failure)
  })
}
