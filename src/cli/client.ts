/**
 * One daemon as seen over HTTP. Every way in which it can fail to answer becomes a coded error; what it answers is
 * taken at its word (`src/node/status.ts` has the shapes).
 */
import { readFileSync } from 'node:fs'
import {
  type ClientRequest,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http'
import { request as httpsRequest } from 'node:https'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { CodedError, ERRORS, type ErrorCode, type Problem } from '../base/errors.ts'
import { type Call, text } from './command.ts'
import { daemonUrl } from './daemon-url.ts'

/** Time limit of one request. Above `tasks.forwardMs`: the daemon should be the one who says what was slow. */
const REQUEST_MS = 15_000

/** A stream says something at least every 10 s, if only that it is there. */
const STREAM_SILENCE_MS = 35_000

/** Below the longest string of V8; a page of 1,000 tasks has about 1 MiB, and with the largest results 64. */
const ANSWER_BYTES_MAX = 256 * 1_024 * 1_024

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'

export interface Answer {
  readonly status: number
  readonly body: unknown
}

export class DaemonClient {
  readonly url: string
  readonly #token: string | undefined
  readonly #signal: AbortSignal | undefined
  readonly #timeoutMs: number

  /** @param options.signal aborts every request of this client */
  constructor(
    url: string,
    options: {
      readonly token?: string | undefined
      readonly signal?: AbortSignal
      readonly timeoutMs?: number
    } = {},
  ) {
    this.url = url.replace(/\/+$/, '')
    this.#token = options.token
    this.#signal = options.signal
    this.#timeoutMs = options.timeoutMs ?? REQUEST_MS
  }

  /**
   * @param waitMs how long the daemon was told to wait before it answers; its answer may take its usual time after that
   * @throws CodedError what the daemon says is wrong, or `DAEMON_UNREACHABLE`
   */
  async get<T>(path: string, waitMs = 0): Promise<T> {
    return unwrap<T>('GET', await this.request('GET', path, undefined, waitMs))
  }

  /** @throws CodedError as `get`; `ANSWER_LOST` when it may have been done */
  async post<T>(path: string, body?: unknown): Promise<T> {
    return unwrap<T>('POST', await this.request('POST', path, body))
  }

  /** @throws CodedError as `post` */
  async put<T>(path: string, body: unknown): Promise<T> {
    return unwrap<T>('PUT', await this.request('PUT', path, body))
  }

  /** @throws CodedError as `post` */
  async remove<T>(path: string): Promise<T> {
    return unwrap<T>('DELETE', await this.request('DELETE', path))
  }

  /** The answer whatever its status: for paths whose refusal is an answer (`/readyz`). */
  async request(method: Method, path: string, body?: unknown, waitMs = 0): Promise<Answer> {
    const limitMs = this.#timeoutMs + waitMs
    const limit = AbortSignal.timeout(limitMs)
    const signal = this.#signal === undefined ? limit : AbortSignal.any([limit, this.#signal])
    try {
      const { status, type, content } = await this.#exchange(method, path, body, signal)
      return { status, body: this.#parse(content, type) }
    } catch (error) {
      if (this.#signal?.aborted) throw this.#signal.reason
      const why = limit.aborted ? `no answer within ${limitMs / 1_000} s` : reason(error)
      throw this.#broken(method, why, error)
    }
  }

  /**
   * An answer that need not end, in pieces as they come. It must begin within the time limit, and may then be silent for
   * `STREAM_SILENCE_MS` at a time.
   * @throws CodedError what the daemon says is wrong, or `DAEMON_UNREACHABLE`
   */
  async *stream(path: string, headers: Readonly<Record<string, string>>): AsyncGenerator<string> {
    const base = new URL(this.url)
    const options = this.#optionsOf('GET', path, undefined, this.#signal)
    try {
      const response = await open(
        base,
        { ...options, headers: { ...options.headers, ...headers } },
        this.#timeoutMs,
      )
      if (response.statusCode !== 200) throw problemOf('GET', await this.#refusal(response))
      for await (const chunk of response.setEncoding('utf8')) yield String(chunk)
    } catch (error) {
      // A connection that is cut under its reader does not say who cut it.
      if (this.#signal?.aborted) throw this.#signal.reason
      if (error instanceof CodedError) throw error
      throw this.#broken('GET', reason(error), error)
    }
  }

  /**
   * Sends lines as fast as the daemon takes them, and gives the lines that it answers meanwhile.
   * @throws CodedError what the daemon says is wrong, `DAEMON_UNREACHABLE` when nothing was sent, or `ANSWER_LOST`
   */
  async *lines(path: string, source: AsyncIterable<string>): AsyncGenerator<string> {
    const base = new URL(this.url)
    const options = this.#optionsOf('POST', path, undefined, this.#signal)
    const headers = { ...options.headers, 'content-type': 'application/x-ndjson' }
    try {
      const sent = requester(base)(base, { ...options, headers, agent: false })
      sent.setTimeout(STREAM_SILENCE_MS, () => sent.destroy(new Error('it has said nothing for too long')))
      const answered = answerTo(sent)
      const sending = pipeline(Readable.from(source), sent)
      // The answer begins before all is sent. When it is a refusal the rest has nowhere to go, and says so here.
      sending.catch(() => undefined)
      const response = await answered
      if (response.statusCode !== 207) throw problemOf('POST', await this.#refusal(response))
      yield* linesIn(response.setEncoding('utf8'))
      await sending
    } catch (error) {
      if (this.#signal?.aborted) throw this.#signal.reason
      if (error instanceof CodedError) throw error
      throw this.#broken('POST', reason(error), error)
    }
  }

  /** Reading changes nothing. Whether anything else was done that went out over a connection is not known here. */
  #broken(method: Method, why: string, cause: unknown): CodedError {
    const code = method === 'GET' || cause instanceof NoConnection ? 'DAEMON_UNREACHABLE' : 'ANSWER_LOST'
    return new CodedError(code, `${this.url}: ${why}.`, { cause })
  }

  async #refusal(response: IncomingMessage): Promise<Answer> {
    const { status, type, content } = await contentOf(response)
    return { status, body: this.#parse(content, type) }
  }

  /** A connection kept from an earlier request may have been closed by the daemon just now: reading may try again. */
  async #exchange(method: Method, path: string, body: unknown, signal: AbortSignal): Promise<Raw> {
    const content = body === undefined ? undefined : JSON.stringify(body)
    const options = this.#optionsOf(method, path, content, signal)
    const base = new URL(this.url)
    try {
      return await send(base, options, content)
    } catch (error) {
      if (method === 'GET' && error instanceof StaleConnection) return await send(base, options, content)
      throw error
    }
  }

  #optionsOf(method: Method, path: string, content: string | undefined, signal: AbortSignal | undefined) {
    return {
      method,
      // As it is: a URL would make `/v1/owner/..` another path.
      path: new URL(this.url).pathname.replace(/\/$/, '') + path,
      headers: {
        accept: 'application/json',
        ...(content === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(content) }),
        ...(this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }),
      },
      ...(signal === undefined ? {} : { signal }),
    }
  }

  #parse(content: string, type: string): unknown {
    if (content === '') return undefined
    if (!/\bjson\b/.test(type)) return content
    try {
      return JSON.parse(content)
    } catch (error) {
      throw new Error('what answers there says it speaks JSON and does not', { cause: error })
    }
  }
}

interface Raw {
  readonly status: number
  readonly type: string
  readonly content: string
}

/** A kept connection that was closed under the request. */
class StaleConnection extends Error {
  override readonly name = 'StaleConnection'
}

/** None was made, so that nothing was sent. */
class NoConnection extends Error {
  override readonly name = 'NoConnection'
}

/** One exchange. `fetch` is not used because it refuses some ports (6000, 6666, 10080) that a daemon may listen on. */
function send(base: URL, options: RequestOptions, content: string | undefined): Promise<Raw> {
  return new Promise((resolve, reject) => {
    const sent = requester(base)(base, options, response => contentOf(response).then(resolve, reject))
    onFailure(sent, error => {
      const stale = sent.reusedSocket && (error as NodeJS.ErrnoException).code === 'ECONNRESET'
      reject(stale ? new StaleConnection(error.message, { cause: error }) : error)
    })
    sent.end(content)
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
  sent.once('error', error => failed(isConnected ? error : new NoConnection(reason(error), { cause: error })))
}

const requester = (base: URL) => (base.protocol === 'https:' ? httpsRequest : httpRequest)

function contentOf(response: IncomingMessage): Promise<Raw> {
  const chunks: Buffer[] = []
  let bytes = 0
  return new Promise((resolve, reject) => {
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      chunks.push(chunk)
      if (bytes > ANSWER_BYTES_MAX)
        response.destroy(new Error(`an answer of more than ${ANSWER_BYTES_MAX} bytes`))
    })
    response.once('error', reject)
    response.once('end', () =>
      resolve({
        status: response.statusCode ?? 0,
        type: response.headers['content-type'] ?? '',
        content: Buffer.concat(chunks).toString('utf8'),
      }),
    )
  })
}

function answerTo(sent: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    sent.once('response', resolve)
    onFailure(sent, reject)
  })
}

async function* linesIn(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let held = ''
  for await (const chunk of chunks) {
    const lines = (held + chunk).split('\n')
    held = lines.pop() ?? ''
    yield* lines
  }
  if (held !== '') yield held
}

/** The head of an answer whose content comes for as long as it likes. */
function open(base: URL, options: RequestOptions, timeoutMs: number): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    // A connection of its own: nobody else waits behind an answer without end.
    const sent = requester(base)(base, { ...options, agent: false }, response => {
      sent.setTimeout(STREAM_SILENCE_MS)
      resolve(response)
    })
    sent.setTimeout(timeoutMs, () => sent.destroy(new Error('it has said nothing for too long')))
    sent.once('error', reject)
    sent.end()
  })
}

/** The client that the options and the environment of a call ask for. */
export function clientOf(call: Call, timeoutMs: number = REQUEST_MS): DaemonClient {
  const { env, interrupted } = call.terminal
  const url = text(call.values, 'url') ?? daemonUrl(env)
  const parsed = URL.parse(url)
  if (parsed === null || !/^https?:$/.test(parsed.protocol))
    throw new CodedError('USAGE', `--url: expected an http or https URL, got ${JSON.stringify(url)}.`)
  const token =
    text(call.values, 'token') ?? (env['ROUNDTABLE_TOKEN'] || tokenFromFile(env['ROUNDTABLE_TOKEN_FILE']))
  return new DaemonClient(url, { token, signal: interrupted, timeoutMs })
}

/** Secrets of containers come as files. */
function tokenFromFile(path: string | undefined): string | undefined {
  if (path === undefined || path === '') return undefined
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    throw new CodedError('USAGE', `ROUNDTABLE_TOKEN_FILE: ${(error as Error).message}.`, { cause: error })
  }
}

/** `connect ECONNREFUSED 127.0.0.1:7373`; a name with several addresses fails with an error for each. */
function reason(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reason(error.errors[0])
  return error instanceof Error ? error.message : String(error)
}

function unwrap<T>(method: Method, answer: Answer): T {
  if (answer.status >= 200 && answer.status < 300 && typeof answer.body === 'object') return answer.body as T
  throw problemOf(method, answer)
}

/**
 * The coded error that an answer carries. What carries none was not sent by a daemon of this kind, but by a proxy, say:
 * one that has lost its daemon (502, 504) may have passed on what it was asked; one that refuses (4xx) has not.
 */
export function problemOf(method: Method, { status, body }: Answer): CodedError {
  const said = (typeof body === 'object' && body !== null ? body : {}) as Readonly<Record<string, unknown>>
  const code = said['code']
  const detail = typeof said['detail'] === 'string' ? said['detail'] : ''
  if (typeof code === 'string' && Object.hasOwn(ERRORS, code)) {
    const problems = Array.isArray(said['problems']) ? (said['problems'] as Problem[]) : []
    return new CodedError(code as ErrorCode, detail, { problems })
  }
  const refused = method === 'GET' || (status >= 400 && status < 500)
  return new CodedError(
    refused ? 'DAEMON_UNREACHABLE' : 'ANSWER_LOST',
    `HTTP status ${status} from something that is no roundtable daemon.`,
  )
}
