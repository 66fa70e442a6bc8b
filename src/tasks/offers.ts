/**
 * Places that clients offer for tasks of the types that are served by claim.
 *
 * Intuition: for most types this node is the worker and has so many hands. For these types somebody else is: an attempt is
 * begun only when a client waits for it, or it would lie about under a lease that nobody renews.
 * Rule: an offer is so many free places for any of its types. Beginning an attempt takes one place, of the offer that
 * waits longest, and the order names that offer. An attempt that was given up before it was ordered gives its place back. What
 * is over is withdrawn by whoever made it, also when all of its places are taken.
 * Not taken: to be told how many wait, as a number. While an order is under way to the disk the number still counts the
 * client that the order is for, and a second task would be begun for it.
 */

interface Offer {
  readonly types: readonly string[]
  free: number
}

export class Offers {
  readonly #served: ReadonlySet<string>
  readonly #offers = new Map<number, Offer>()
  /** Type -> numbers of the offers with free places, the oldest first. */
  readonly #byType = new Map<string, Set<number>>()

  /** @param served the types that only clients carry out */
  constructor(served: readonly string[] = []) {
    this.#served = new Set(served)
  }

  /** Is an attempt of this type carried out by whoever claims it? */
  serves(type: string): boolean {
    return this.#served.has(type)
  }

  get served(): readonly string[] {
    return [...this.#served]
  }

  /** Does anybody wait for a task of this type? */
  has(type: string): boolean {
    return this.#byType.has(type)
  }

  /** Places free in all offers together. */
  get free(): number {
    let free = 0
    for (const offer of this.#offers.values()) free += offer.free
    return free
  }

  /** @param number names the offer, and no other in the life of this process */
  add(number: number, types: readonly string[], free: number): void {
    const served = types.filter(type => this.#served.has(type))
    if (free < 1 || served.length === 0) return
    this.#offers.set(number, { types: served, free })
    for (const type of served) {
      const numbers = this.#byType.get(type)
      if (numbers === undefined) this.#byType.set(type, new Set([number]))
      else numbers.add(number)
    }
  }

  /** Nobody waits for the places that are left of it. */
  withdraw(number: number): void {
    const offer = this.#offers.get(number)
    if (offer === undefined) return
    this.#offers.delete(number)
    this.#unlist(number, offer)
  }

  /** Takes a place for a task of this type: the number of its offer; undefined when there is none. */
  take(type: string): number | undefined {
    const [number] = this.#byType.get(type) ?? []
    const offer = number === undefined ? undefined : this.#offers.get(number)
    if (number === undefined || offer === undefined) return undefined
    offer.free--
    if (offer.free === 0) this.#unlist(number, offer)
    return number
  }

  /** The place that was taken of it was not used. It is free again, if its client still waits. */
  putBack(number: number): void {
    const offer = this.#offers.get(number)
    if (offer === undefined) return
    offer.free++
    if (offer.free > 1) return
    for (const type of offer.types) {
      const others = this.#byType.get(type) ?? []
      this.#byType.set(type, new Set([...others, number].sort((a, b) => a - b)))
    }
  }

  #unlist(number: number, { types }: Offer): void {
    for (const type of types) {
      const numbers = this.#byType.get(type)
      numbers?.delete(number)
      if (numbers?.size === 0) this.#byType.delete(type)
    }
  }
}
