/**
 * What a client carries out at the moment. Not taken: `Promise.race` of all of it whenever there is room for none. Each race
 * leaves a reaction with every promise that goes on, so that beside one long task each short one took memory until that ended.
 */
export class Running {
  readonly #works = new Set<Promise<void>>()
  #end = Promise.withResolvers<void>()

  get size(): number {
    return this.#works.size
  }

  /** @param work never rejects */
  add(work: Promise<void>): void {
    const tracked = work.finally(() => {
      this.#works.delete(tracked)
      this.#end.resolve()
      this.#end = Promise.withResolvers()
    })
    this.#works.add(tracked)
  }

  /** Resolves when the next one ends. */
  nextEnd(): Promise<void> {
    return this.#end.promise
  }

  /** Resolves when all that run now have ended. */
  async all(): Promise<void> {
    await Promise.all(this.#works)
  }
}
