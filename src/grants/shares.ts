/**
 * Whose kept keys are, under the voter's ring: of all that others keep a node need be told only what that ring gives to it.
 *
 * Of the rest it claims nothing but what it keeps itself, and that is good in spite of exceptions. Told in full to everybody
 * kept keys would be the square of the cluster, and soon more than a frame holds: then nobody could act on anything until
 * they have drained.
 */
import type { NodeId } from '../base/ids.ts'
import type { KnownRings } from './scopes.ts'

type ByOwner = ReadonlyMap<NodeId | undefined, readonly string[]>

const NONE: readonly string[] = []

export class Shares {
  readonly #rings: KnownRings
  #ring: string | undefined
  /** Under that ring; a list of keys belongs to one promise, and is asked about by everybody. */
  #of = new WeakMap<readonly string[], ByOwner>()

  constructor(rings: KnownRings) {
    this.#rings = rings
  }

  /** Those of the keys that the ring gives to the node; all of them where the ring is not known. */
  of(node: NodeId, keys: readonly string[], ring: string): readonly string[] {
    const known = this.#rings.get(ring)
    if (known === undefined || keys.length === 0) return keys
    if (ring !== this.#ring) this.#of = new WeakMap()
    this.#ring = ring
    const byOwner = this.#of.get(keys) ?? Map.groupBy(keys, key => known.owner(key))
    this.#of.set(keys, byOwner)
    return byOwner.get(node) ?? NONE
  }
}
