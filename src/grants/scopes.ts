/**
 * Does a scope cover a key? Two answers, for two uses: what a node may act on is what its scope surely covers; what
 * others must keep away from is what it possibly covers. They differ only while a ring is unknown here: then it gives
 * its node nothing, and keeps everybody else from everything. So forgetting a ring costs availability, never safety.
 */
import type { NodeId } from '../base/ids.ts'
import type { Ring } from '../ring/ring.ts'
import type { Exception, Scope } from './messages.ts'

/** Whose claims a scope is about: of one node, or of any but one. */
export type Whose = NodeId | { readonly notOf: NodeId }

/** Finds a ring by its checksum. */
export interface KnownRings {
  get(checksum: string): Pick<Ring, 'owner'> | undefined
}

export const surelyCovers = (node: NodeId, scope: Scope, key: string, rings: KnownRings): boolean =>
  scope.keeps.includes(key) || (!scope.leaving && rings.get(scope.ring)?.owner(key) === node)

export function possiblyCovers(whose: Whose, scope: Scope, key: string, rings: KnownRings): boolean {
  if (scope.keeps.includes(key)) return true
  if (scope.leaving) return false
  const ring = rings.get(scope.ring)
  if (ring === undefined) return true
  return typeof whose === 'string' ? ring.owner(key) === whose : ring.owner(key) !== whose.notOf
}

export const whoseOf = ({ node }: Exception, told: NodeId): Whose => node ?? { notOf: told }

/**
 * A promise covers what all of its scopes cover.
 *
 * @param told the node that was told of it
 */
export function excepted(exception: Exception, told: NodeId, key: string, rings: KnownRings): boolean {
  const whose = whoseOf(exception, told)
  return exception.scopes.every(scope => possiblyCovers(whose, scope, key, rings))
}

export const sameScope = (a: Scope, b: Scope): boolean => a === b || (within(a, b) && within(b, a))

/** Does every key of `a` lie in `b`, whatever the ring, for one and the same node? False where that is not plain. */
export const within = (a: Scope, b: Scope): boolean =>
  a === b || ((a.leaving || (!b.leaving && a.ring === b.ring)) && subset(a.keeps, b.keeps))

/** Is every key of the first among those of the second? */
export function subset(a: readonly string[], b: readonly string[]): boolean {
  if (a === b || a.length === 0) return true
  const all = new Set(b)
  return a.every(key => all.has(key))
}

/** Can no key lie in both scopes, of one node and of others? False where that is not plain. */
export function disjoint(a: NodeId, mine: Scope, b: Whose, theirs: Scope, rings: KnownRings): boolean {
  return (
    (mine.leaving || theirs.leaving || mine.ring === theirs.ring) &&
    !mine.keeps.some(key => possiblyCovers(b, theirs, key, rings)) &&
    !theirs.keeps.some(key => possiblyCovers(a, mine, key, rings))
  )
}
