/**
 * FNV-1a with a murmur3 finish, 32 bits: for worker numbers, circle positions, view digests. Not for the ring (which
 * uses ketama's MD5 so that other languages agree) and not against an adversary.
 */
export function hash32(text: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) {
    h ^= text.charCodeAt(i)
    h = Math.imul(h, 0x01000193)
  }
  h ^= h >>> 16
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  h ^= h >>> 16
  return h >>> 0
}
