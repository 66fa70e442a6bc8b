/** What a client says to its node, and how the node's refusals come out: as coded errors. */
import { CodedError, ERRORS, type ErrorCode } from '../base/errors.ts'

/** A request that is answered at once takes no longer than this, in ms. */
const ANSWER_MS = 10_000

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
   * @throws CodedError what the node refuses, or DAEMON_UNREACHABLE
   */
  async post<T>(path: string, body: unknown, waitMs: number, signal?: AbortSignal): Promise<T> {
    const limit = AbortSignal.timeout(waitMs + ANSWER_MS)
    const either = signal === undefined ? limit : AbortSignal.any([limit, signal])
    const { status, answer } = await this.#exchange(path, JSON.stringify(body), either)
    if (status < 400) return answer as T
    throw refusalOf(status, answer)
  }

  async #exchange(path: string, body: string, signal: AbortSignal) {
    try {
      const request = { method: 'POST', headers: this.#headers, body, signal }
      const response = await fetch(`${this.#url}${path}`, request)
      return { status: response.status, answer: (await response.json()) as unknown }
    } catch (cause) {
      const why =
        cause instanceof Error ? (cause.cause instanceof Error ? cause.cause : cause).message : cause
      throw new CodedError('DAEMON_UNREACHABLE', `${this.#url}: ${why}`, { cause })
    }
  }
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
