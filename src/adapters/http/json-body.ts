/** Reads a JSON body: UTF-8, no deeper than allowed, without keys that reach for a prototype, and without what would be lost. */
import { CodedError } from '../../base/errors.ts'
import { lossOf } from '../../base/faithful-json.ts'
import { levelsOf } from '../../base/levels.ts'

/** Throws BAD_REQUEST. An empty body is `undefined`. */
export function parseJsonBody(body: Buffer, depthMax: number): unknown {
  if (body.length === 0) return undefined
  const text = decode(body)
  // Checked on the text, before a parser or anything recursive meets it.
  if (levelsOf(text) > depthMax)
    throw new CodedError('BAD_REQUEST', `Expected JSON of at most ${depthMax} levels, got more.`)
  const value = parse(text)
  if (text.includes('__proto__') || text.includes('\\u')) refusePrototypeKeys(value)
  const loss = lossOf(text, value)
  if (loss !== undefined) throw new CodedError('BAD_REQUEST', `Expected ${loss.expected}, got ${loss.got}.`)
  return value
}

/**
 * JSON is UTF-8 (RFC 8259), but clients may name a charset, and one that names another means other characters by its bytes.
 * Throws UNSUPPORTED_MEDIA_TYPE.
 */
export function refuseOtherCharset(contentType: string | undefined): void {
  const charset = /;\s*charset\s*=\s*"?([^\s;"]*)/i.exec(contentType ?? '')?.[1]
  if (charset === undefined || /^utf-?8$/i.test(charset)) return
  const got = JSON.stringify(charset.slice(0, 40))
  throw new CodedError('UNSUPPORTED_MEDIA_TYPE', `Expected JSON in UTF-8, got the charset ${got}.`)
}

function decode(body: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body)
  } catch (cause) {
    throw new CodedError('BAD_REQUEST', 'Expected JSON in UTF-8, got other bytes.', { cause })
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    // The engine's sentence quotes the body, which may hold a secret; only the position is told.
    const position = cause instanceof Error ? /position (\d+)/.exec(cause.message)?.[1] : undefined
    const place = position === undefined ? '' : ` (at character ${position})`
    throw new CodedError('BAD_REQUEST', `Expected JSON, got something else${place}.`, { cause })
  }
}

function refusePrototypeKeys(root: unknown): void {
  const open = [root]
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (typeof value !== 'object' || value === null) continue
    if (Object.hasOwn(value, '__proto__'))
      throw new CodedError('BAD_REQUEST', 'Expected JSON without the key __proto__.')
    for (const part of Object.values(value)) if (typeof part === 'object' && part !== null) open.push(part)
  }
}
