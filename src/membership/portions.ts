/** Characters of what is published at once: a gossip message has 64 KiB, and what is around the items is short. */
const PUBLISHED_CHARS_MAX = 60_000

/**
 * Cuts a list into parts that each fit a message, that of gossip if nothing else is said. By what they take and not by their
 * number: a name may have 128 characters and an address 300, and a message that is too large is not sent at all.
 */
export function portions<T>(items: readonly T[], charsMax = PUBLISHED_CHARS_MAX): T[][] {
  const parts: T[][] = []
  let room = 0
  for (const item of items) {
    const chars = JSON.stringify(item).length + 1
    if (chars > room) {
      parts.push([])
      room = charsMax
    }
    room -= chars
    parts.at(-1)?.push(item)
  }
  return parts
}
