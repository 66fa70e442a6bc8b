import type { Limit } from './limit.ts'

/** How waiting for a slot ended. */
export type Admission = 'admitted' | 'aborted' | 'over'

/** So many at one time; the others wait, first come, first served. */
export class Slots {
  readonly #max: number
  readonly #waiting: Set<() => void> = new Set()
  #taken = 0

  constructor(max: number) {
    this.#max = max
  }

  get taken(): number {
    return this.#taken
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /**
   * Resolves once a slot is taken, or with why none will be; then there is nothing to give back.
   * @param leadMs `over` comes so long before the limit, in ms
   */
  async take(signal: AbortSignal, limit: Limit, leadMs: number): Promise<Admission> {
    if (signal.aborted) return 'aborted'
    if (this.#taken < this.#max) {
      this.#taken++
      return 'admitted'
    }
    const { promise, resolve } = Promise.withResolvers<Admission>()
    const admit = (): void => resolve('admitted')
    const abort = (): void => resolve('aborted')
    this.#waiting.add(admit)
    signal.addEventListener('abort', abort, { once: true })
    const unwatch = limit.watch(leadMs, () => resolve('over'))
    const admission = await promise
    unwatch()
    signal.removeEventListener('abort', abort)
    // Whoever gives a slot to this one has taken it out already, also when it was aborted in the same moment.
    if (admission !== 'admitted' && !this.#waiting.delete(admit)) this.giveBack()
    return admission
  }

  giveBack(): void {
    const [next] = this.#waiting
    if (next === undefined) this.#taken--
    else {
      this.#waiting.delete(next)
      next()
    }
  }
}
