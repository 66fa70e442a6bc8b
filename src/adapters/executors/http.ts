/**
 * `http`: one POST to the application beside this daemon. Which task, which attempt and until when is in the headers
 * `roundtable-task-id`, `-key` (percent-encoded), `-attempt`, `-token`, `-token-safe` (`true` or `false`), `-node`,
 * `-deadline-ms` (wall clock) and, where the right to act for the key ends by itself, `-acting-until-ms` (wall clock, as
 * of the request; `owner/KEY` tells a later one). To the URL in `-progress-url`, which is the attempt's own and needs no
 * token, the application may POST how far it is: `{"done": 3, "total": 10, "note": "layers"}`.
 *
 * 2xx succeeds. 408, 425, 429, 5xx and network troubles are worth a retry; any other status says that this request is
 * wrong and stays wrong. Redirects are not followed: they would lead around the allow list. Each request has its own
 * connection: a kept one may be closed by the server just as the request is written, and nobody could tell whether it
 * was acted upon.
 *
 * What this node cannot do is stop the application: an attempt that was cancelled or timed out may still be at work
 * there. The application should obey the deadline, stop when it may act no longer, and check the token. As it may act
 * until `-acting-until-ms`, whatever became of the attempt here, nobody else gets the right to its key before.
 */
import { type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { Failure } from '../../base/errors.ts'
import type { AttemptOrder } from '../../node/machine.ts'
import type { Metric } from '../../node/status.ts'
import type { Outcome } from '../../tasks/task.ts'
import type { AttemptDesk } from './attempt-desk.ts'
import type { ExecutorsConfig } from './config.ts'
import { cancelled, type Executor, failed, succeeded, timedOut } from './executor.ts'
import { bodyOf, checkHttpPayload, type HttpPayload, parseAllowed } from './http-payload.ts'
import type { Limit } from './limit.ts'
import { OutputHead } from './output.ts'
import { timerMs } from './timer.ts'

/** Bytes of a response that are kept; the rest is not read. */
export const RESPONSE_BYTES_MAX = 64 * 1024

/** Length of a response quoted in an error message. */
const MESSAGE_BODY_MAX = 500

/** The status of an answer after which the connection speaks something else: with it node ends a request without an error. */
const SWITCHING = 101

const RETRYABLE_BELOW_500: ReadonlySet<number> = new Set([408, 425, 429])

type Headers = Readonly<Record<string, string>>

interface Response {
  readonly status: number
  readonly body: string
  readonly truncated: boolean
}

export class HttpExecutor implements Executor {
  readonly #allowed: readonly URL[]
  #truncated = 0

  /** @throws CodedError CONFIG_INVALID */
  constructor(config: ExecutorsConfig) {
    this.#allowed = parseAllowed(config)
  }

  check(payload: unknown): Failure | undefined {
    return checkHttpPayload(payload, this.#allowed)
  }

  allows(): boolean {
    return this.#allowed.length > 0
  }

  async execute(order: AttemptOrder, signal: AbortSignal, limit: Limit, desk: AttemptDesk): Promise<Outcome> {
    if (signal.aborted) return cancelled()
    const timeout = new AbortController()
    const timer = setTimeout(() => timeout.abort(), timerMs(order.timeoutMs))
    try {
      const headers = taskHeaders(order, limit, desk.reportUrl())
      const response = await exchange(order, headers, AbortSignal.any([signal, timeout.signal]))
      if (response.truncated) this.#truncated++
      return outcomeOf(response)
    } catch (error) {
      if (signal.aborted) return cancelled()
      if (timeout.signal.aborted) return timedOut(order.timeoutMs)
      return failed(error instanceof Unreached ? 'HTTP_UNREACHED' : 'HTTP_FAILED', describe(error))
    } finally {
      clearTimeout(timer)
    }
  }

  metrics(): readonly Metric[] {
    const name = 'http_responses_truncated_total'
    const help = 'Responses to http tasks of which only the beginning was kept.'
    return [{ name, help, type: 'counter', samples: [{ value: this.#truncated }] }]
  }
}

function outcomeOf({ status, body, truncated }: Response): Outcome {
  if (status >= 200 && status < 300) return succeeded({ status, body, truncated })
  const retryable = status >= 500 || RETRYABLE_BELOW_500.has(status)
  const said = body.trim() === '' ? '' : `: ${body.trim().slice(0, MESSAGE_BODY_MAX)}`
  return failed('HTTP_STATUS', `answered ${status}${said}`, retryable)
}

/** The application knows nothing of the attempt: no connection came about. */
class Unreached extends Error {}

/** Rejects on every trouble of the network, and when the signal aborts; with `Unreached` when nothing was sent. */
async function exchange(order: AttemptOrder, headers: Headers, signal: AbortSignal): Promise<Response> {
  const request = open(order, headers, signal)
  let reached = false
  request.once('socket', socket => {
    socket.once('connect', () => {
      reached = true
    })
  })
  try {
    return await read(await answer(request))
  } catch (error) {
    throw reached ? error : new Unreached(describe(error))
  } finally {
    request.destroy()
  }
}

function open(order: AttemptOrder, ours: Headers, signal: AbortSignal): ClientRequest {
  const payload = order.payload as unknown as HttpPayload
  const url = new URL(payload.url)
  const { bytes, type } = bodyOf(payload)
  const send = url.protocol === 'https:' ? requestHttps : requestHttp
  const headers = { 'content-type': type, ...lowerCased(payload.headers), ...ours }
  const request = send(url, {
    method: 'POST',
    agent: false,
    signal,
    headers: { ...headers, 'content-length': bytes.length },
  })
  request.end(bytes)
  return request
}

function answer(request: ClientRequest): Promise<IncomingMessage> {
  const response = Promise.withResolvers<IncomingMessage>()
  request.on('response', response.resolve)
  // Stays for the life of the request: what fails after the response is told by the response too.
  request.on('error', response.reject)
  request.on('upgrade', (head, socket) => {
    socket.destroy() // It is no longer the request's.
    response.resolve(head)
  })
  request.on('close', () => response.reject(new Error('the connection was closed without an answer')))
  return response.promise
}

async function read(response: IncomingMessage): Promise<Response> {
  // What would follow is not HTTP.
  if (response.statusCode === SWITCHING) return { status: SWITCHING, body: '', truncated: false }
  const kept = new OutputHead(RESPONSE_BYTES_MAX)
  let whole = true
  for await (const chunk of response as AsyncIterable<Buffer>) {
    whole = kept.append(chunk)
    if (!whole) break
  }
  return { status: response.statusCode ?? 0, body: kept.text(), truncated: !whole }
}

function lowerCased(headers: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}

/** Ids and keys may hold what a header may not: everything but the plainest characters is percent-encoded. */
function taskHeaders(order: AttemptOrder, limit: Limit, progressUrl: string | undefined): Headers {
  const actingMs = Math.floor(limit.until - performance.now())
  return {
    'roundtable-task-id': encodeURIComponent(order.task),
    'roundtable-task-key': encodeURIComponent(order.key.toWellFormed()),
    'roundtable-task-attempt': String(order.attempt),
    'roundtable-task-token': order.token.value,
    'roundtable-task-token-safe': String(order.token.safe),
    'roundtable-task-node': order.node,
    'roundtable-task-deadline-ms': String(Date.now() + order.timeoutMs),
    ...(progressUrl !== undefined && { 'roundtable-task-progress-url': progressUrl }),
    ...(Number.isFinite(actingMs) && { 'roundtable-task-acting-until-ms': String(Date.now() + actingMs) }),
  }
}

/** Node puts the reasons of several tried addresses into an AggregateError with an empty message. */
function describe(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(describe).join('; ')
  return error instanceof Error ? error.message || error.name : String(error)
}
