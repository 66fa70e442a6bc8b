import type { EventQueue } from './queue.ts'

/** Something that takes a while to run, and takes none of it while it stands still (SIGSTOP). */
export class Body {
  readonly #queue: EventQueue
  readonly #done: () => void
  #leftMs: number
  #since = 0
  /** Counts the times it was set going: a planned end of an earlier time is void. */
  #turn = 0
  #state: 'still' | 'going' | 'ended' = 'still'

  /** It stands still at first. @param done called when it has run for `takesMs` */
  constructor(queue: EventQueue, takesMs: number, done: () => void) {
    this.#queue = queue
    this.#leftMs = takesMs
    this.#done = done
  }

  get going(): boolean {
    return this.#state === 'going'
  }

  get ended(): boolean {
    return this.#state === 'ended'
  }

  go(): void {
    if (this.#state !== 'still') return
    this.#state = 'going'
    this.#since = this.#queue.now
    const turn = ++this.#turn
    this.#queue.in(this.#leftMs, () => {
      if (turn !== this.#turn || this.#state !== 'going') return
      this.#state = 'ended'
      this.#done()
    })
  }

  stand(): void {
    if (this.#state !== 'going') return
    this.#state = 'still'
    this.#leftMs -= this.#queue.now - this.#since
    this.#turn++
  }

  /** For good, whatever it was doing. */
  end(): void {
    this.#state = 'ended'
  }
}
