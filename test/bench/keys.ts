/** Keys of a node's own, as the ring of all gives them. */
import { ringOf } from '../operations/cluster.ts'

/** So many keys that this member of these owns. */
export function keysOf(
  owner: string,
  members: readonly string[],
  count: number,
  prefix: string,
): readonly string[] {
  const ring = ringOf(members)
  const keys: string[] = []
  for (let i = 0; keys.length < count; i++) {
    const key = `${prefix}/${i}`
    if (ring.owner(key) === owner) keys.push(key)
  }
  return keys
}
