import type { Sent } from './fresh-lines.ts'

/** Lines that may wait to be sent again while further ones are read, and their bytes. */
const AGAIN_MAX = 10_000
const AGAIN_BYTES_MAX = 32 * 1024 * 1024
/** With those that are sent and not answered yet. Sockets on the way hold many short lines. */
const HELD_MAX = 2 * AGAIN_MAX
const HELD_BYTES_MAX = 2 * AGAIN_BYTES_MAX

/**
 * What one request has in its hands: lines without an answer, and lines that are to be sent again. Both are bounded, so that an
 * input without an end needs no more memory than a long one, whoever is slow or full.
 */
export class LinesInHand {
  /** Without an answer, by their line in this request. */
  readonly #open = new Map<number, Sent>()
  readonly #again: Sent[] = []
  #openBytes = 0
  #againBytes = 0
  #number = 0
  #room = Promise.withResolvers<void>()
  #ended = false

  /** True when so many wait to be sent again that nothing new is read before they are. */
  get full(): boolean {
    return this.#again.length >= AGAIN_MAX || this.#againBytes >= AGAIN_BYTES_MAX
  }

  /** Something waits to be sent again. */
  get waits(): boolean {
    return this.#again.length > 0
  }

  /** Ends when there is room for another one, or none will come before what waits is sent again. */
  async room(): Promise<void> {
    while (!this.#ended && !this.full && this.#isHeavy) await this.#room.promise
  }

  sent(sent: Sent): void {
    this.#open.set(++this.#number, sent)
    this.#openBytes += sent.text.length
  }

  /** The one with this number has its answer. Undefined: there is none. */
  answered(number: number): Sent | undefined {
    const sent = this.#open.get(number)
    if (sent === undefined) return undefined
    this.#open.delete(number)
    this.#openBytes -= sent.text.length
    this.#wake()
    return sent
  }

  /** What is to be sent again. */
  get again(): readonly Sent[] {
    return this.#again
  }

  sendAgain(sent: Sent): void {
    this.#again.push(sent)
    this.#againBytes += sent.text.length
  }

  /** Nothing more will be answered: those without an answer. */
  end(): readonly Sent[] {
    this.#ended = true
    this.#wake()
    return [...this.#open.values()]
  }

  get #isHeavy(): boolean {
    const lines = this.#open.size + this.#again.length
    return lines >= HELD_MAX || this.#openBytes + this.#againBytes >= HELD_BYTES_MAX
  }

  /** Whoever waits for room looks again. */
  #wake(): void {
    this.#room.resolve()
    this.#room = Promise.withResolvers<void>()
  }
}
