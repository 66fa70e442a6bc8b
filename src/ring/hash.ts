/**
 * The two uses of MD5 in ketama. Not for secrecy: it spreads names evenly and every language has it. `crypto.hash` with
 * text output takes 0.3 us a call; as a buffer 0.9 us, and through `createHash`, which hashring uses by itself, 1.7 us.
 */
import { hash } from 'node:crypto'

/** The 16 bytes of the MD5 of a vnode's name, in the shape that hashring reads fastest. */
export function digest(name: string): readonly number[] {
  const text = hash('md5', name, 'binary')
  const bytes = new Array<number>(text.length)
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}

/**
 * Positions of the keys asked for lately, since a running task's key is asked for again and again: 0.1 us instead of 0.5.
 * A position does not depend on the ring, so one memory serves every ring and outlives every change of view (hashring
 * keeps 5,000 answers per ring and forgets them with it). Two generations: when the young one is full the old one is
 * dropped. At most 2 x 4,096 keys of 256 characters: 4 MB at worst, 0.5 MB with keys as they are.
 */
const GENERATION_MAX = 4_096
const REMEMBERED_CHARACTERS_MAX = 256
let young = new Map<string, number>()
let old = new Map<string, number>()

/** A key's place on the circle, 0 to 2^32 - 1: the first four bytes of its MD5, the lowest first. */
export function position(key: string): number {
  const known = young.get(key)
  if (known !== undefined) return known
  const at = old.get(key) ?? firstWord(key)
  if (key.length <= REMEMBERED_CHARACTERS_MAX) remember(key, at)
  return at
}

function remember(key: string, at: number): void {
  if (young.size >= GENERATION_MAX) {
    old = young
    young = new Map()
  }
  young.set(key, at)
}

function firstWord(key: string): number {
  const text = hash('md5', key, 'binary')
  const word =
    text.charCodeAt(0) | (text.charCodeAt(1) << 8) | (text.charCodeAt(2) << 16) | (text.charCodeAt(3) << 24)
  return word >>> 0
}

/** 64 bits of SHA-256 in hex: short enough for every heartbeat, and nobody's rings collide by accident. */
export const checksumOf = (text: string): string => hash('sha256', text, 'hex').slice(0, 16)
