/** Characters of what is published at once: a gossip message has 64 KiB, and what is around the items is short. */
const PORTION_CHARS_MAX = 60_000

/**
 * Cuts a list into parts that each fit a gossip message. By what they take and not by their number: a name may have 128
 * characters and an address 300, and a message that is too large is not sent at all.
 */
export function portions<T>(items: readonly T[]): T[][] {
  const parts: T[][] = []
  let room = 0
  for (const item of items) {
    const chars = JSON.stringify(item).length + 1
    if (chars > room) {
      parts.push([])
      room = PORTION_CHARS_MAX
    }
    room -= chars
    parts.at(-1)?.push(item)
  }
  return parts
}
