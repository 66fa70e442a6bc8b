/**
 * Makes a ring of a set of members. The order they are given in does not matter.
 *
 * Laying a circle costs a few milliseconds and views repeat: a member that flaps brings back the ring of a moment ago,
 * and many nodes simulated in one process all ask for the same one. So the last few rings are kept; being values, they
 * can be shared, and the same members give the same object.
 */
import { assert } from '../base/assert.ts'
import type { NodeId } from '../base/ids.ts'
import { countPositions, type Known, layCircle, POSITIONS, tokenAt } from './circle.ts'
import type { RingConfig } from './config.ts'
import { checksumOf, position } from './hash.ts'
import type { KeyPlacement, Ring, RingMember } from './ring.ts'
import { type Vnodes, vnodesOf } from './vnodes.ts'

/** 16 x 6 bytes x tokens: 4 MB with 100 members of weight 1, 40 MB with 1,000 or with as many tokens as a ring may have. */
const RINGS_KEPT_MAX = 16

/** Oldest use first. */
const kept = new Map<string, LaidRing>()

/** @throws AssertionError when a name comes twice or a weight is not above zero: views hold neither. */
export function buildRing(members: readonly RingMember[], config: RingConfig): Ring {
  const sorted = members
    .map(({ id, weight }) => Object.freeze({ id, weight }))
    .sort((a, b) => (a.id < b.id ? -1 : Number(a.id > b.id)))
  sorted.forEach(({ id, weight }, i) => {
    assert(id !== sorted[i - 1]?.id, 'a member is in the ring once', { id })
    assert(Number.isFinite(weight) && weight > 0, 'a weight is above zero', { id, weight })
  })
  const weights = sorted.map(({ weight }) => weight)
  const vnodes = vnodesOf(weights, config.vnodesPerWeight)
  const name = canonical(sorted, config, vnodes.halvings)
  const ring = kept.get(name) ?? new LaidRing(Object.freeze(sorted), vnodes, name, [...kept.values()].at(-1))
  kept.delete(name)
  kept.set(name, ring)
  if (kept.size > RINGS_KEPT_MAX) kept.delete(kept.keys().next().value as string)
  return ring
}

/**
 * Plain code unit order and JSON numbers: what another language can repeat to the letter. Halvings are told where there are
 * some: a node of a version that knows of none has other owners then, and must not take its ring for this one.
 */
const canonical = (members: readonly RingMember[], config: RingConfig, halvings: number): string =>
  JSON.stringify([
    config.version,
    config.hash,
    config.vnodesPerWeight,
    config.replicas,
    members.map(({ id, weight }) => [id, weight]),
    ...(halvings === 0 ? [] : [halvings]),
  ])

class LaidRing implements Ring {
  readonly members: readonly RingMember[]
  readonly checksum: string
  readonly known: Known
  readonly #index: ReadonlyMap<NodeId, number>
  /** Counted when first asked for: most rings never are. */
  #positions: Float64Array | undefined
  #tokens: readonly number[] | undefined

  /** @param last the ring asked for last: views change by few members at a time */
  constructor(members: readonly RingMember[], { counts }: Vnodes, canonicalText: string, last?: LaidRing) {
    this.members = members
    this.checksum = checksumOf(canonicalText)
    const placed = members.map(({ id }, i) => [id, counts[i] as number] as const)
    this.known = { members: placed, circle: layCircle(placed, last?.known) }
    this.#index = new Map(members.map(({ id }, i) => [id, i]))
  }

  has(id: NodeId): boolean {
    return this.#index.has(id)
  }

  owner(key: string): NodeId | undefined {
    return this.ownerAt(position(key))
  }

  ownerAt(at: number): NodeId | undefined {
    const { tokens, owners } = this.known.circle
    if (tokens.length === 0) return undefined
    return this.#member(owners[tokenAt(tokens, at)])
  }

  preferenceList(key: string, count: number): readonly NodeId[] {
    return this.#clockwise(position(key), count)
  }

  explain(key: string, count: number): KeyPlacement {
    const { tokens, owners } = this.known.circle
    assert(tokens.length > 0, 'a ring that explains has members', { key })
    const hash = position(key)
    const at = tokenAt(tokens, hash)
    return {
      key,
      hash,
      token: tokens[at] as number,
      owner: this.#member(owners[at]),
      preferenceList: this.#clockwise(hash, count),
    }
  }

  share(id: NodeId): number {
    const index = this.#index.get(id)
    if (index === undefined) return 0
    this.#positions ??= countPositions(this.known.circle, this.members.length)
    return (this.#positions[index] as number) / POSITIONS
  }

  get tokens(): readonly number[] {
    this.#tokens ??= Object.freeze([...new Set(this.known.circle.tokens)])
    return this.#tokens
  }

  #clockwise(from: number, count: number): readonly NodeId[] {
    const { tokens, owners } = this.known.circle
    const wanted = Math.min(count, this.members.length)
    const found: number[] = []
    for (let i = tokenAt(tokens, from); found.length < wanted; i = (i + 1) % tokens.length) {
      const owner = owners[i] as number
      // Few are wanted: a search costs less than a set.
      if (!found.includes(owner)) found.push(owner)
    }
    return found.map(index => this.#member(index))
  }

  #member(index: number | undefined): NodeId {
    const member = this.members[index as number]
    assert(member, 'a token belongs to a member', { index })
    return member.id
  }
}
