/**
 * What must hold of a key so that a voter's grant is good for it: that certain scopes of this node claim it, and that
 * certain promises to others do not cover it. A set of conditions is a conjunction; it stands for a set of keys that
 * nobody has to list. Sets are kept without what follows from the rest.
 */
import type { NodeId } from '../base/ids.ts'
import type { Exception, Scope } from './messages.ts'
import { disjoint, excepted, type KnownRings, surelyCovers, within } from './scopes.ts'

export type Condition =
  | { readonly kind: 'claimed'; readonly scope: Scope }
  | { readonly kind: 'not-excepted'; readonly exception: Exception }

export class Conditions {
  readonly #self: NodeId
  readonly #rings: KnownRings

  constructor(self: NodeId, rings: KnownRings) {
    this.#self = self
    this.#rings = rings
  }

  hold(conditions: readonly Condition[], key: string): boolean {
    return conditions.every(condition =>
      condition.kind === 'claimed'
        ? surelyCovers(this.#self, condition.scope, key, this.#rings)
        : !excepted(condition.exception, key, this.#rings),
    )
  }

  /** Do all of `wanted` follow from `given`? */
  follow(wanted: readonly Condition[], given: readonly Condition[]): boolean {
    return wanted.every(condition => this.#follows(condition, given))
  }

  /** Those of `wanted` that do not follow from `given`. */
  missing(wanted: readonly Condition[], given: readonly Condition[]): readonly Condition[] {
    return wanted.filter(condition => !this.#follows(condition, given))
  }

  /** Both sets at once. */
  and(given: readonly Condition[], more: readonly Condition[]): readonly Condition[] {
    return more.reduce<readonly Condition[]>((all, condition) => {
      if (this.#follows(condition, all)) return all
      return [...all.filter(old => !this.#follows(old, [condition])), condition]
    }, given)
  }

  #follows(condition: Condition, given: readonly Condition[]): boolean {
    if (condition.kind === 'claimed') {
      return given.some(each => each.kind === 'claimed' && within(each.scope, condition.scope))
    }
    return given.some(each =>
      each.kind === 'claimed'
        ? this.#apart(each.scope, condition.exception)
        : narrower(condition.exception, each.exception),
    )
  }

  #apart(mine: Scope, { node, scopes }: Exception): boolean {
    return scopes.some(theirs => disjoint(this.#self, mine, node, theirs, this.#rings))
  }
}

/** Does every key that `a` covers lie in `b`? */
const narrower = (a: Exception, b: Exception): boolean =>
  a.node === b.node && b.scopes.every(outer => a.scopes.some(inner => within(inner, outer)))
