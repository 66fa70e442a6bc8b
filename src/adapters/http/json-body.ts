/** Reads a JSON body: UTF-8, no deeper than allowed, without keys that reach for a prototype, and without what would be lost. */

import { doubledIn, endOfText } from '../../base/doubled-names.ts'
import { CodedError } from '../../base/errors.ts'
import { lossOf } from '../../base/faithful-json.ts'
import { levelsOf } from '../../base/levels.ts'
import { shown } from './shown.ts'

/** JSON that could be read and is refused all the same: whoever answers can say of what. */
export class JsonRefused extends CodedError {
  /** What was read; of a list the value that is refused. Undefined where its `id` stands twice: which one is meant is not known. */
  readonly value: unknown

  constructor(detail: string, value: unknown) {
    super('BAD_REQUEST', detail)
    this.value = value
  }
}

/** Throws BAD_REQUEST. An empty body is `undefined`. */
export function parseJsonBody(body: Buffer, depthMax: number): unknown {
  if (body.length === 0) return undefined
  const text = decode(body)
  // Checked on the text, before a parser or anything recursive meets it.
  if (levelsOf(text) > depthMax)
    throw new CodedError('BAD_REQUEST', `Expected JSON of at most ${depthMax} levels, got more.`)
  const value = parse(text)
  const trouble = troubleOf(text, value)
  if (trouble === undefined) return value
  if (Array.isArray(value)) {
    let place = 0
    for (const part of partsOf(text)) {
      const entry: unknown = value[place++]
      const found = troubleOf(part, entry)
      if (found !== undefined)
        throw new JsonRefused(`Entry ${place} of the list: ${found}`, namedBy(part, entry))
    }
  }
  throw new JsonRefused(trouble, namedBy(text, value))
}

/** What is wrong with JSON that could be read. */
function troubleOf(text: string, value: unknown): string | undefined {
  if ((text.includes('__proto__') || text.includes('\\u')) && hasPrototypeKey(value))
    return 'Expected JSON without the key __proto__.'
  const loss = lossOf(text, value)
  return loss === undefined ? undefined : `Expected ${loss.expected}, got ${loss.got}.`
}

const namedBy = (text: string, value: unknown): unknown =>
  doubledIn(text, value) === 'id' ? undefined : value

/** The text of each value of a JSON list. */
function* partsOf(list: string): Generator<string> {
  let [levels, from] = [0, 0]
  for (let i = 0; i < list.length; i++) {
    const sign = list.charAt(i)
    if (sign === '"') i = endOfText(list, i)
    else if (sign === '[' || sign === '{') {
      if (++levels === 1) from = i + 1
    } else if (sign === ']' || sign === '}') {
      if (--levels === 0) yield list.slice(from, i)
    } else if (sign === ',' && levels === 1) {
      yield list.slice(from, i)
      from = i + 1
    }
  }
}

/**
 * JSON is UTF-8 (RFC 8259), but clients may name a charset, and one that names another means other characters by its bytes.
 * Throws UNSUPPORTED_MEDIA_TYPE.
 */
export function refuseOtherCharset(contentType: string | undefined): void {
  const charset = /;\s*charset\s*=\s*"?([^\s;"]*)/i.exec(contentType ?? '')?.[1]
  if (charset === undefined || /^utf-?8$/i.test(charset)) return
  throw new CodedError('UNSUPPORTED_MEDIA_TYPE', `Expected JSON in UTF-8, got the charset ${shown(charset)}.`)
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

function hasPrototypeKey(root: unknown): boolean {
  const open = [root]
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (typeof value !== 'object' || value === null) continue
    if (Object.hasOwn(value, '__proto__')) return true
    for (const part of Object.values(value)) if (typeof part === 'object' && part !== null) open.push(part)
  }
  return false
}
