/**
 * Bytes of batches that are under way to their owners, over all requests. A link queues 8 MiB and is cut off above that,
 * so a batch waits here, and its client with it, until there is room.
 */
export class BatchBudget {
  readonly #waiting: { readonly bytes: number; readonly go: () => void }[] = []
  #left: number
  readonly #max: number

  constructor(bytesMax: number) {
    this.#left = bytesMax
    this.#max = bytesMax
  }

  /** Bytes under way. */
  get used(): number {
    return this.#max - this.#left
  }

  /** Waits for its turn. What is larger than all of it goes alone. The bytes are given back by the answer, once. */
  async take(bytes: number): Promise<() => void> {
    const wanted = Math.min(bytes, this.#max)
    if (this.#waiting.length > 0 || wanted > this.#left) {
      await new Promise<void>(go => this.#waiting.push({ bytes: wanted, go }))
    } else this.#left -= wanted
    let given = false
    return () => {
      if (given) return
      given = true
      this.#left += wanted
      this.#next()
    }
  }

  #next(): void {
    for (
      let first = this.#waiting[0];
      first !== undefined && first.bytes <= this.#left;
      first = this.#waiting[0]
    ) {
      this.#waiting.shift()
      this.#left -= first.bytes
      first.go()
    }
  }
}
