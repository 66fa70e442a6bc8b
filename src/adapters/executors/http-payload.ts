/**
 * The payload of an `http` task:
 *
 *     { url: 'http://127.0.0.1:8080/hooks/pull', method: 'POST', headers: { 'x-layer': '7' }, body: any JSON value }
 *
 * `url` must lie under a prefix of `executors.http.allow`. `method` may be left out and is always POST. A `body` that is
 * a text is sent as it is, anything else as JSON.
 *
 * The result of a success (any 2xx): `{ status, body (text), truncated }`.
 */
import { validateHeaderName, validateHeaderValue } from 'node:http'
import { CodedError, type Failure } from '../../base/errors.ts'
import type { Json } from '../../tasks/task.ts'
import type { ExecutorsConfig } from './config.ts'
import { invalid, isObject, quote, strangeFields } from './payload.ts'

export interface HttpPayload {
  readonly url: string
  readonly method?: 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Json
}

/** Bytes of a request body. */
const BODY_BYTES_MAX = 1024 * 1024

/** Header fields of a task, and their bytes in all. */
const HEADERS_MAX = 64
const HEADERS_BYTES_MAX = 8 * 1024

const FIELDS = ['url', 'method', 'headers', 'body'] as const

/** Fields that belong to the connection or to us; with them one request could be made to look like two. */
const OUR_HEADERS =
  /^(?:host|connection|content-length|transfer-encoding|te|trailer|upgrade|expect|keep-alive|proxy-.*|roundtable-.*)$/i

/** @throws CodedError CONFIG_INVALID when an entry is no http URL, or has credentials, a query or a fragment */
export function parseAllowed({ http }: ExecutorsConfig): readonly URL[] {
  return http.allow.map((text, index) => {
    const url = URL.canParse(text) ? new URL(text) : undefined
    if (url !== undefined && isPlain(url) && url.search === '' && url.hash === '') return url
    const at = `executors.http.allow.${index}`
    const expected = 'an http or https URL without credentials, query and fragment'
    const problem = { at, expected, got: quote(text) }
    throw new CodedError('CONFIG_INVALID', `${at}: expected ${expected}, got ${problem.got}.`, {
      problems: [problem],
    })
  })
}

export function checkHttpPayload(payload: unknown, allowed: readonly URL[]): Failure | undefined {
  const strange = strangeFields(payload, FIELDS)
  if (strange !== undefined) return strange
  const { url, method, headers, body } = payload as Record<string, unknown>
  if (method !== undefined && method !== 'POST') return invalid('payload.method', '"POST"', method)
  return checkUrl(url, allowed) ?? checkHeaders(headers) ?? checkBody(body)
}

/** The bytes to send, and their type. */
export function bodyOf({ body }: HttpPayload): { readonly bytes: Buffer; readonly type: string } {
  if (typeof body === 'string') return { bytes: Buffer.from(body), type: 'text/plain; charset=utf-8' }
  return { bytes: Buffer.from(body === undefined ? '' : JSON.stringify(body)), type: 'application/json' }
}

function checkUrl(text: unknown, allowed: readonly URL[]): Failure | undefined {
  const expected =
    allowed.length === 0
      ? 'no http task here, as executors.http.allow is empty'
      : `a URL under one of executors.http.allow (${allowed.join(', ')})`
  if (typeof text !== 'string' || !URL.canParse(text)) return invalid('payload.url', expected, text)
  const url = new URL(text)
  if (!isPlain(url))
    return invalid('payload.url', 'an http or https URL without credentials', withoutSecrets(url))
  return allowed.some(prefix => isUnder(url, prefix)) ? undefined : invalid('payload.url', expected, text)
}

const isPlain = (url: URL): boolean =>
  (url.protocol === 'http:' || url.protocol === 'https:') && url.username === '' && url.password === ''

const withoutSecrets = (url: URL): string => `${url.protocol}//...@${url.host}`

/**
 * Compared after parsing, so that `..`, `%2e`, other spellings of a host and default ports are gone; the prefix ends at
 * a segment. An encoded slash is refused, as some servers decode it before they look for `..`.
 */
function isUnder(url: URL, prefix: URL): boolean {
  if (url.origin !== prefix.origin || /%2f|%5c|%00/i.test(url.pathname)) return false
  const base = prefix.pathname.endsWith('/') ? prefix.pathname : `${prefix.pathname}/`
  return url.pathname === prefix.pathname || url.pathname.startsWith(base)
}

function checkHeaders(headers: unknown): Failure | undefined {
  if (headers === undefined) return undefined
  if (!isObject(headers)) return invalid('payload.headers', 'an object of texts', headers)
  const fields = Object.entries(headers)
  if (fields.length > HEADERS_MAX)
    return invalid('payload.headers', `at most ${HEADERS_MAX} fields`, fields.length)
  for (const [name, value] of fields) {
    const failure = checkHeader(name, value)
    if (failure !== undefined) return failure
  }
  const bytes = Buffer.byteLength(JSON.stringify(headers))
  return bytes <= HEADERS_BYTES_MAX
    ? undefined
    : invalid('payload.headers', `at most ${HEADERS_BYTES_MAX} bytes`, bytes)
}

function checkHeader(name: string, value: unknown): Failure | undefined {
  if (OUR_HEADERS.test(name))
    return invalid(`payload.headers.${name}`, 'no field of the connection or ours', value)
  try {
    validateHeaderName(name)
    if (typeof value !== 'string') return invalid(`payload.headers.${name}`, 'a text', value)
    validateHeaderValue(name, value)
    return undefined
  } catch {
    return invalid(`payload.headers.${name}`, 'a valid HTTP header field', value)
  }
}

function checkBody(body: unknown): Failure | undefined {
  const bytes = bodyOf({ body: body as Json } as HttpPayload).bytes.length
  return bytes <= BODY_BYTES_MAX
    ? undefined
    : invalid('payload.body', `at most ${BODY_BYTES_MAX} bytes`, bytes)
}
