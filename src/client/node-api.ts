/** What a client says to its node, and how the node's refusals come out: as coded errors. */
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { CodedError, ERRORS, type ErrorCode } from '../base/errors.ts'

/** A request that is answered at once takes no longer than this, in ms. */
const ANSWER_MS = 10_000

/** Of one answer. A hundred tasks with payloads of 1 MiB, the most that is given unless a node is told otherwise, fit in. */
const ANSWER_BYTES_MAX = 256 * 1_024 * 1_024

export interface NodeApiInit {
  /** Of the node's API, such as `http://127.0.0.1:7373`. */
  readonly url: string
  /** Write token of the node, where it has one. */
  readonly token: string | undefined
}

export class NodeApi {
  readonly #url: string
  readonly #headers: Readonly<Record<string, string>>

  constructor({ url, token }: NodeApiInit) {
    this.#url = url.replace(/\/+$/, '')
    this.#headers = {
      'content-type': 'application/json',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    }
  }

  /**
   * @param waitMs how long the node may wait before it answers, in ms
   * @throws CodedError what the node refuses; DAEMON_UNREACHABLE when no connection was made, ANSWER_LOST when one broke
   */
  async post<T>(path: string, body: unknown, waitMs: number, signal?: AbortSignal): Promise<T> {
    const limit = AbortSignal.timeout(waitMs + ANSWER_MS)
    const either = signal === undefined ? limit : AbortSignal.any([limit, signal])
    try {
      const { status, text } = await exchange(
        new URL(this.#url),
        { path, headers: this.#headers, signal: either },
        JSON.stringify(body),
      )
      const answer: unknown = JSON.parse(text)
      if (status >= 200 && status < 300) return answer as T
      throw refusalOf(status, answer)
    } catch (cause) {
      if (cause instanceof CodedError) throw cause
      const why = limit.aborted ? `no answer within ${(waitMs + ANSWER_MS) / 1_000} s` : reasonOf(cause)
      const code = cause instanceof NoConnection ? 'DAEMON_UNREACHABLE' : 'ANSWER_LOST'
      throw new CodedError(code, `${this.#url}: ${why}`, { cause })
    }
  }
}

/** None was made, so that nothing was sent. */
class NoConnection extends Error {
  override readonly name = 'NoConnection'
}

interface Sending {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly signal: AbortSignal
}

/** One exchange. `fetch` is not used because it refuses some ports (6000, 6666, 10080) that a node may listen on. */
function exchange(base: URL, { path, headers, signal }: Sending, body: string) {
  return new Promise<{ readonly status: number; readonly text: string }>((resolve, reject) => {
    const options = {
      ...{ method: 'POST', signal, path: base.pathname.replace(/\/$/, '') + path },
      headers: { ...headers, 'content-length': Buffer.byteLength(body) },
    }
    const heard = (response: IncomingMessage): void => {
      textOf(response).then(text => resolve({ status: response.statusCode ?? 0, text }), reject)
    }
    const sent = (base.protocol === 'https:' ? httpsRequest : httpRequest)(base, options, heard)
    onFailure(sent, reject)
    sent.end(body)
  })
}

/** Tells why the request failed: a `NoConnection` when it was never on one. */
function onFailure(sent: ClientRequest, failed: (error: Error) => void): void {
  let isConnected = false
  const connected = (): void => {
    isConnected = true
  }
  sent.once('socket', socket => {
    if (socket.connecting) socket.once('connect', connected)
    else connected()
  })
  sent.once('error', error =>
    failed(isConnected ? error : new NoConnection(reasonOf(error), { cause: error })),
  )
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response) {
    chunks.push(chunk as Buffer)
    bytes += (chunk as Buffer).length
    if (bytes > ANSWER_BYTES_MAX) throw new Error(`an answer of more than ${ANSWER_BYTES_MAX} bytes`)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** `connect ECONNREFUSED 127.0.0.1:7373`; a name with several addresses fails with an error for each. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0])
  return error instanceof Error ? error.message : String(error)
}

/** Another version of the node may know codes that this one does not. */
function refusalOf(status: number, answer: unknown): CodedError {
  const { code, detail } = (answer ?? {}) as { readonly code?: unknown; readonly detail?: unknown }
  const known = typeof code === 'string' && Object.hasOwn(ERRORS, code)
  return new CodedError(known ? (code as ErrorCode) : 'INTERNAL', `${status} ${detail ?? code}`)
}

/** Would the same request be answered another way later? */
export const mayPass = ({ code, status }: CodedError): boolean =>
  status >= 500 || status === 429 || status === 408 || code === 'DAEMON_UNREACHABLE'
