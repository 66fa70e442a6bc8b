import type { Ring } from '../ring/ring.ts'
import type { Epochs } from './right.ts'
import type { View } from './view.ts'

/** How a term's round ended. */
interface Conclusion {
  /** Under this ring everybody told what it holds of the keys that the ring gives to this node. */
  readonly ring: Ring
  /** Of these, which the ring gives to others and this node keeps, all was known then. */
  readonly kept: ReadonlySet<string>
  /** A quorum knew of every ring, and nobody was forgotten. */
  readonly certain: boolean
}

/**
 * Terms about which everybody was asked, and what they are complete for: what the ring of then gave to this node, and what was
 * complete already. A key that was kept, and was not, is asked about when a ring brings it back, since that takes a new term.
 */
export class Concluded {
  readonly #view: View
  readonly #epochs: Epochs
  readonly #terms = new Map<number, Conclusion>()

  constructor(view: View, epochs: Epochs) {
    this.#view = view
    this.#epochs = epochs
  }

  /** The newest first. */
  get terms(): readonly number[] {
    return [...this.#terms.keys()].reverse()
  }

  has(term: number): boolean {
    return this.#terms.has(term)
  }

  /** @param covers whether the key was complete until now */
  note(term: number, ring: Ring, certain: boolean, covers: (key: string) => boolean): void {
    const kept = new Set(this.#epochs.keeps.filter(covers))
    this.#terms.set(term, { ring, kept, certain })
  }

  /** A term that is not held any more says nothing: another may have acted since. */
  forgetBut(held: readonly number[]): void {
    for (const term of this.#terms.keys()) if (!held.includes(term)) this.#terms.delete(term)
  }

  covers(key: string): boolean {
    return this.#find(key, (_, { ring, kept }) => this.#gives(ring, key) || kept.has(key))
  }

  /** Was everybody asked for what was written of the key under terms up to this one, and did enough answer? */
  surely(key: string, upTo: number): boolean {
    return this.#find(key, (term, { ring, certain }) => certain && term >= upTo && this.#gives(ring, key))
  }

  #find(key: string, fits: (term: number, conclusion: Conclusion) => boolean): boolean {
    for (const [term, conclusion] of this.#terms) {
      if (fits(term, conclusion) && this.#epochs.hasUnder(key, new Set([term]))) return true
    }
    return false
  }

  #gives(ring: Ring, key: string): boolean {
    const { ring: now, self } = this.#view
    return (ring.checksum === now?.checksum ? this.#view.owner(key) : ring.owner(key)) === self
  }
}
