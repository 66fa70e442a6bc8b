/**
 * The rounds of questions that one request makes. A living node that is silent makes each of them last `tasks.forwardMs`,
 * so what takes many is answered in parts, each with where to go on, before whoever asked has lost patience.
 *
 * To leave who was silent out of the later rounds would be quicker and is not possible: a survey goes to all who live.
 */
import type { FastifyReply } from 'fastify'

export class Rounds {
  readonly #endMs: number
  #gone = false
  #longestMs = 0

  /** @param limitMs no round is begun that would end later, if it takes as long as the longest so far */
  constructor(limitMs: number) {
    this.#endMs = performance.now() + limitMs
  }

  /** For this answer: when the client goes, no more rounds are made. */
  static of(reply: FastifyReply, limitMs: number): Rounds {
    const rounds = new Rounds(limitMs)
    reply.raw.once('close', () => {
      rounds.#gone = true
    })
    return rounds
  }

  /** Nobody waits for the answer any more. */
  get gone(): boolean {
    return this.#gone
  }

  /** Is there time for another, and somebody who wants it? There is for the first. */
  get open(): boolean {
    return !this.#gone && performance.now() + this.#longestMs <= this.#endMs
  }

  async run<T>(round: () => Promise<T>): Promise<T> {
    const begunMs = performance.now()
    try {
      return await round()
    } finally {
      this.#longestMs = Math.max(this.#longestMs, performance.now() - begunMs)
    }
  }
}
