import type { ItemResult } from '../adapters/http/batch.ts'
import type { Sent } from './fresh-lines.ts'

/** Of a line that is sent, and of which nothing was heard. */
export const NO_ANSWER: ItemResult = {
  line: 0,
  code: 'ANSWER_LOST',
  stored: 'unknown',
  detail: 'no answer came',
}

/**
 * Lines that have been taken from their source and have not come to an end, and what was last heard of each: for when there
 * is no further round. There are as many as wait for an answer or to be sent again, so they are bounded with these.
 */
export class UnsettledLines {
  readonly #heard = new Map<Sent, ItemResult | undefined>()
  #last = 0

  /** Number of the last line that was taken. */
  get last(): number {
    return this.#last
  }

  taken(sent: Sent): void {
    this.#last = Math.max(this.#last, sent.line)
    if (!this.#heard.has(sent)) this.#heard.set(sent, undefined)
  }

  /**
   * It was not stored this time, or nobody knows. What may have been stored the time before may be there still, whatever is
   * refused now.
   */
  refused(sent: Sent, result: ItemResult): ItemResult {
    const before = this.#heard.get(sent)?.stored
    const heard: ItemResult = before === 'unknown' ? { ...result, stored: before } : result
    this.#heard.set(sent, heard)
    return heard
  }

  settled(sent: Sent): void {
    this.#heard.delete(sent)
  }

  /** All that there are, in the order of their lines. */
  all(): readonly (readonly [sent: Sent, heard: ItemResult])[] {
    const each = [...this.#heard].map(([sent, heard]) => [sent, heard ?? NO_ANSWER] as const)
    return each.sort(([one], [other]) => one.line - other.line)
  }
}
