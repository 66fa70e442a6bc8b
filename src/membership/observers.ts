import { hash32 } from '../base/hash.ts'
import type { NodeId } from '../base/ids.ts'

/** Members whose duty is to watch one: more make a verdict surer, fewer make it cheaper. */
export const OBSERVERS_MAX = 10

/**
 * The observers of each member: the next `OBSERVERS_MAX` members on a circle with one hash point per member, so that
 * the observers of a member are near each other and linked. Up to 11 members everybody observes everybody.
 */
export function observersOf(subject: NodeId, members: readonly NodeId[]): NodeId[] {
  const others = members.filter(id => id !== subject)
  if (others.length <= OBSERVERS_MAX) return others
  const circle = members
    .map(id => ({ id, point: hash32(id) }))
    .sort((a, b) => a.point - b.point || (a.id < b.id ? -1 : 1))
  const at = circle.findIndex(spot => spot.id === subject)
  return Array.from(
    { length: OBSERVERS_MAX },
    (_, i) => circle[(at + 1 + i) % circle.length]?.id ?? subject,
  ).filter(id => id !== subject)
}
