/**
 * What was asked for lately, by key. Two generations: when the young one is full the old one is dropped, so that a flood of
 * keys never forgets all at once what is asked for again and again, and nothing has to be put in order.
 */
export class Recent<K, V> {
  readonly #max: number
  #young = new Map<K, V>()
  #old: ReadonlyMap<K, V> = new Map()

  /** @param max of one generation */
  constructor(max: number) {
    this.#max = max
  }

  get(key: K): V | undefined {
    const young = this.#young.get(key)
    if (young !== undefined) return young
    const old = this.#old.get(key)
    if (old !== undefined) this.set(key, old)
    return old
  }

  set(key: K, value: V): void {
    if (this.#young.size >= this.#max) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, value)
  }

  clear(): void {
    this.#young.clear()
    this.#old = new Map()
  }
}
