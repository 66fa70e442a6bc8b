/**
 * What must hold of a key so that a voter's grant is good for it: that certain scopes of this node claim it, and that
 * certain promises to others do not cover it. A set of conditions is a conjunction; it stands for a set of keys that
 * nobody has to list. Sets are kept without what follows from the rest.
 */
import type { NodeId } from '../base/ids.ts'
import type { Exception, Scope } from './messages.ts'
import { disjoint, excepted, type KnownRings, subset, surelyCovers, whoseOf, within } from './scopes.ts'

export type Condition =
  | { readonly kind: 'claimed'; readonly scope: Scope }
  /** Of the keys of an exception only `saved` ones are good all the same: the keeps that came with the same grant. */
  | { readonly kind: 'not-excepted'; readonly exception: Exception; readonly saved: readonly string[] }

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
        : condition.saved.includes(key) || !excepted(condition.exception, this.#self, key, this.#rings),
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

  /** Do both stand for the same keys, whatever the rings? */
  same(a: readonly Condition[], b: readonly Condition[]): boolean {
    if (a === b) return true
    return a.length === b.length && this.missing(a, b).length === 0 && this.missing(b, a).length === 0
  }

  #follows(condition: Condition, given: readonly Condition[]): boolean {
    if (condition.kind === 'claimed') {
      return given.some(each => each.kind === 'claimed' && within(each.scope, condition.scope))
    }
    return given.some(each =>
      each.kind === 'claimed'
        ? this.#apart(each.scope, condition.exception)
        : narrower(condition.exception, each.exception) && subset(each.saved, condition.saved),
    )
  }

  #apart(mine: Scope, exception: Exception): boolean {
    const whose = whoseOf(exception, this.#self)
    return exception.scopes.some(theirs => disjoint(this.#self, mine, whose, theirs, this.#rings))
  }
}

/** Does every key that `a` covers lie in `b`? */
const narrower = (a: Exception, b: Exception): boolean =>
  (a.node === b.node || b.node === undefined) &&
  b.scopes.every(outer => a.scopes.some(inner => within(inner, outer)))
