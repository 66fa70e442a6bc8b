/** Sizes and equality of JSON values. */
import type { Json } from './task.ts'

const NOT_ASCII = /[^\0-\x7f]/

/** UTF-8 bytes of a text; exact. */
export function utf8Bytes(text: string): number {
  if (!NOT_ASCII.test(text)) return text.length
  let bytes = 0
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4
  }
  return bytes
}

/** Bytes of a value once it is JSON text in UTF-8. */
export const jsonBytes = (value: unknown): number => utf8Bytes(JSON.stringify(value) ?? '')

/** Equal values, whatever the order of their keys. */
export function sameJson(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) || Array.isArray(b)) {
    return (
      Array.isArray(a) &&
      Array.isArray(b) &&
      a.length === b.length &&
      a.every((value, i) => sameJson(value, b[i]))
    )
  }
  const left = a as Readonly<Record<string, Json>>
  const right = b as Readonly<Record<string, Json>>
  const keys = Object.keys(left)
  return (
    keys.length === Object.keys(right).length &&
    keys.every(key => Object.hasOwn(right, key) && sameJson(left[key], right[key]))
  )
}

/**
 * The value itself, or, when it has more bytes or levels than allowed, the beginning of its text and a note that it was cut:
 * `{ truncated: true, bytes, head }`. What lies too deep is `null` in that text, and not among its bytes: to write out what is
 * nested without end would take more stack than there is.
 */
export function cutJson(value: Json, bytesMax: number): { readonly value: Json; readonly cut: boolean } {
  const fits = problemOfJson(value) === undefined
  const text = JSON.stringify(fits ? value : upToLevel(value, PAYLOAD_DEPTH_MAX))
  const bytes = utf8Bytes(text)
  if (bytes <= bytesMax && fits) return { value, cut: false }
  for (let length = bytesMax; ; length >>= 1) {
    const cut = { truncated: true, bytes, head: text.slice(0, length).toWellFormed() }
    if (length === 0 || jsonBytes(cut) <= bytesMax) return { value: cut, cut: true }
  }
}

function upToLevel(value: Json, levels: number): Json {
  if (typeof value !== 'object' || value === null) return value
  if (levels === 0) return null
  if (Array.isArray(value)) return value.map(child => upToLevel(child, levels - 1))
  return Object.fromEntries(
    Object.entries(value).map(([name, child]) => [name, upToLevel(child, levels - 1)]),
  )
}

/** Nesting of payloads and results that is taken; half of what the wire takes, since both travel inside messages. */
export const PAYLOAD_DEPTH_MAX = 32

/** Why a value is not JSON that can be stored and sent; undefined when it is. */
export function problemOfJson(value: unknown, depth = 0): string | undefined {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return undefined
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : `the number ${value}`
  if (typeof value !== 'object') return `a ${typeof value}`
  if (depth >= PAYLOAD_DEPTH_MAX) return `more than ${PAYLOAD_DEPTH_MAX} levels`
  const plain =
    Array.isArray(value) ||
    Object.getPrototypeOf(value) === Object.prototype ||
    Object.getPrototypeOf(value) === null
  if (!plain) return 'an object that is not plain'
  for (const child of Array.isArray(value) ? value : Object.values(value)) {
    const problem = problemOfJson(child, depth + 1)
    if (problem !== undefined) return problem
  }
  return undefined
}
