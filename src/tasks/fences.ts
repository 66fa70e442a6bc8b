/**
 * What this node refuses as a holder: writes under a term that another has taken over.
 *
 * A new owner asks what is held of its keys, and names its term. Whoever answers has first noted on its disk that nothing
 * of these keys is written under a lower term any more. The owner of before needs as many copies as make every set of
 * them share a holder with those that answered; so it completes nothing more, also when it was suspended with its clocks
 * and believes that its lease still runs.
 * A note names rings and an owner instead of keys: "what all of these give to this node", which is what its term has. Keys that
 * others still keep are excepted by name. Notes go with the rings that voters have notes of.
 */
import { BelievedTerms } from '../base/believed-terms.ts'
import type { NodeId } from '../base/ids.ts'
import type { Ring } from '../ring/ring.ts'
import type { Counters } from './counts.ts'
import type { Step } from './effects.ts'

/** Notes at once: those of 12 rings and some hundred members. Beyond it the oldest goes. */
export const FENCES_MAX = 4_096
/** Begins the keys of their rows, in the table of the grants. */
const ROW = 'fence '

/** Nothing of what all `rings` give to `owner`, but `without`, is written under a term below `term`. */
export interface Fence {
  readonly rings: readonly string[]
  readonly owner: NodeId
  readonly term: number
  readonly without: readonly string[]
}

/** What the store held of them, among the rows of the grants. */
export const fencesOf = (rows: readonly { readonly key: string; readonly value: unknown }[]): Fence[] =>
  rows.filter(({ key }) => key.startsWith(ROW)).map(({ value }) => value as Fence)

const rowOf = ({ rings, owner }: Fence): string => `${ROW}${rings.join()} ${owner}`

export class Fences {
  readonly #ringOf: (checksum: string) => Ring | undefined
  readonly #counters: Counters
  /** Oldest first. */
  readonly #fences = new Map<string, Fence>()
  #highest = 0
  readonly #believed = new BelievedTerms()

  constructor(stored: readonly Fence[], ringOf: (checksum: string) => Ring | undefined, counters: Counters) {
    this.#ringOf = ringOf
    this.#counters = counters
    for (const fence of stored) this.#fences.set(rowOf(fence), fence)
    this.#measure()
  }

  get size(): number {
    return this.#fences.size
  }

  /** May this be noted? Not for every key there is, nor under a term above which nobody would ever come. */
  takes({ rings, owner, term }: Fence, step: Step): boolean {
    if (rings.length > 0 && this.#believed.takes(term, this.#highest)) return true
    this.#counters.add('fences_refused')
    if (this.#believed.isFirstOf(owner)) step.log('warn', 'fence-refused', { node: owner, term })
    return false
  }

  /** On the disk with this step. */
  note(fence: Fence, step: Step): void {
    const row = rowOf(fence)
    const known = this.#fences.get(row)
    if (known !== undefined && known.term > fence.term) return
    if (known?.term === fence.term && known.without.length <= fence.without.length) return
    this.#fences.delete(row)
    this.#fences.set(row, fence)
    step.writeFence(row, fence)
    this.#highest = Math.max(this.#highest, fence.term)
    if (this.#fences.size <= FENCES_MAX) return
    const [oldest] = this.#fences.keys()
    this.#drop(oldest as string, step)
    this.#counters.add('fences_overflowed')
  }

  /**
   * The term that stands against a write of this key under `term`; undefined when none does. `unknown`: a ring has to be
   * asked for first.
   */
  standing(key: string, term: number): number | 'unknown' | undefined {
    if (term >= this.#highest) return undefined
    const owners = new Map<string, NodeId | undefined>()
    let standing: number | undefined
    for (const fence of this.#fences.values()) {
      if (fence.term <= term || (standing !== undefined && fence.term <= standing)) continue
      if (fence.without.includes(key)) continue
      const owned = this.#owned(fence, key, owners)
      if (owned === 'unknown') return 'unknown'
      if (owned) standing = fence.term
    }
    return standing
  }

  /** Forgets those of rings that nobody has a note of any more. */
  keepOnly(rings: ReadonlySet<string>, step: Step): void {
    for (const [row, fence] of this.#fences)
      if (!fence.rings.some(ring => rings.has(ring))) this.#drop(row, step)
    this.#measure()
  }

  /** @param owners of the key by ring, as far as they were asked for: every owner has fences, of mostly the same rings */
  #owned({ rings, owner }: Fence, key: string, owners: Map<string, NodeId | undefined>): boolean | 'unknown' {
    // Of no ring nobody owns anything.
    if (rings.length === 0) return false
    let unknown = false
    for (const checksum of rings) {
      let found = owners.get(checksum)
      if (found === undefined && !owners.has(checksum)) {
        found = this.#ringOf(checksum)?.owner(key)
        owners.set(checksum, found)
      }
      if (found === undefined) unknown = true
      else if (found !== owner) return false
    }
    return unknown ? 'unknown' : true
  }

  #drop(row: string, step: Step): void {
    this.#fences.delete(row)
    step.writeFence(row, undefined)
  }

  #measure(): void {
    this.#highest = 0
    for (const { term } of this.#fences.values()) this.#highest = Math.max(this.#highest, term)
  }
}
