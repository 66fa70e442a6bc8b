/**
 * Messages to bytes and back. JSON in UTF-8, because what goes wrong on a wire must be readable by whoever captures it;
 * a binary format would save a third of the bytes and cost every debugging session. Frames on a link carry their length
 * in four bytes, big endian, in front; gossip needs none.
 */
import type { GossipMessage, LinkMessage } from '../../node/machine.ts'
import { jsonTexts } from '../../runtime/json-texts.ts'
import { GOSSIP_BYTES_MAX, LINK_FRAME_BYTES_MAX } from './limits.ts'
import { isPlain } from './plain.ts'
import { gossipSchema, linkSchema } from './schema.ts'

/** Bytes of the length in front of a frame. */
export const HEADER_BYTES = 4

export type Encoded =
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly reason: 'too-large' | 'not-encodable'; readonly detail: string }

export type Decoded<M> =
  | { readonly ok: true; readonly message: M }
  | { readonly ok: false; readonly detail: string }

/** A whole frame, length in front, ready for a link stream. */
export function encodeLinkFrame(message: LinkMessage): Encoded {
  const text = stringify(message)
  if (text === undefined) return notEncodable(message.type)
  const bytes = Buffer.byteLength(text)
  if (bytes > LINK_FRAME_BYTES_MAX) return tooLarge(message.type, bytes, LINK_FRAME_BYTES_MAX)
  const frame = Buffer.allocUnsafe(HEADER_BYTES + bytes)
  frame.writeUInt32BE(bytes)
  frame.write(text, HEADER_BYTES, 'utf8')
  return { ok: true, bytes: frame }
}

export function encodeGossip(message: GossipMessage): Encoded {
  const text = stringify(message)
  if (text === undefined) return notEncodable(message.type)
  const bytes = Buffer.from(text)
  if (bytes.byteLength > GOSSIP_BYTES_MAX) return tooLarge(message.type, bytes.byteLength, GOSSIP_BYTES_MAX)
  return { ok: true, bytes }
}

/** @param body a frame without its length */
export function decodeLinkFrame(body: Uint8Array): Decoded<LinkMessage> {
  return decode(body, LINK_FRAME_BYTES_MAX, value =>
    isPlain(value) ? { success: true, data: value } : linkSchema.safeParse(value),
  )
}

export function decodeGossip(bytes: Uint8Array): Decoded<GossipMessage> {
  return decode(bytes, GOSSIP_BYTES_MAX, value => gossipSchema.safeParse(value))
}

interface Checked<M> {
  readonly success: boolean
  readonly data?: M | undefined
  readonly error?: { readonly issues: readonly Issue[] } | undefined
}

interface Issue {
  readonly path: readonly PropertyKey[]
  readonly message: string
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

function decode<M>(bytes: Uint8Array, bytesMax: number, check: (value: unknown) => Checked<M>): Decoded<M> {
  if (bytes.byteLength > bytesMax) {
    return { ok: false, detail: `expected at most ${bytesMax} bytes, got ${bytes.byteLength}` }
  }
  const value = parse(bytes)
  if (value === undefined) return { ok: false, detail: 'expected JSON in UTF-8' }
  const checked = check(value)
  if (checked.success && checked.data !== undefined) return { ok: true, message: checked.data }
  return { ok: false, detail: describe(checked.error?.issues[0]) }
}

/** JSON has no `undefined`, so it can stand for "not JSON". */
function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(bytes))
  } catch {
    return undefined // not UTF-8 or not JSON: the caller says so
  }
}

function stringify(message: LinkMessage | GossipMessage): string | undefined {
  try {
    return message.type === 'replicate' ? replicateText(message) : JSON.stringify(message)
  } catch {
    return undefined // nested too deeply for the stack, or a cycle: the caller says so
  }
}

/** Each record goes to two nodes and to the disk, and is written out once. */
function replicateText({ records, ...rest }: Extract<LinkMessage, { type: 'replicate' }>): string {
  const head = JSON.stringify(rest).slice(0, -1)
  return `${head},"records":[${records.map(record => jsonTexts.of(record)).join(',')}]}`
}

/** The path is the sender's choice of keys only where the schema has them, so it is short; the value is not repeated. */
function describe(issue: Issue | undefined): string {
  if (issue === undefined) return 'expected a message'
  return `at ${issue.path.map(String).join('.') || 'top'}: ${issue.message}`.slice(0, 300)
}

function tooLarge(type: string, bytes: number, bytesMax: number): Encoded {
  return {
    ok: false,
    reason: 'too-large',
    detail: `expected ${type} of at most ${bytesMax} bytes, got ${bytes}`,
  }
}

function notEncodable(type: string): Encoded {
  return { ok: false, reason: 'not-encodable', detail: `expected ${type} to be JSON` }
}
