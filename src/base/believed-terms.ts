/**
 * How high a term may be that another tells. Whoever takes a term asks for a higher one than any that it has heard of, and
 * tokens are bounded (64 bits): after one word of the highest there is, of a peer whose memory failed or that means harm,
 * nobody could take a term any more, for good.
 *
 * The rule: what a clock may say is believed, and a step beyond the highest that was believed before. Terms are clocks, or
 * a little above each other, so none is refused in a cluster whose nodes do as they should. Each word that is beyond
 * moves the bound by a step all the same: where others have come farther, who asks again and again is believed in the end.
 * To reach the last term like that takes a hundred million words.
 */

/** The last millisecond that a clock counts which counts nanoseconds in 64 bits: in the year 2262. */
export const CLOCK_MAX = 9_223_372_036_854
/** Further than the terms of a cluster ever are from each other. */
export const TERM_STEP = 1_000_000
/** So that a token fits 64 bits: the year 6429. */
export const TERM_MAX = 2 ** 47 - 1

/** Peers whose words were not believed are remembered, so that it is said once of each. */
const PEERS_MAX = 1_024

export class BelievedTerms {
  #highest = CLOCK_MAX
  readonly #peers = new Set<string>()
  /** Words that were not believed. */
  refused = 0

  /** Is it believed? What is not counts as not said. @param known the highest that this node has taken or noted itself */
  takes(term: number, known = 0): boolean {
    const bound = Math.min(TERM_MAX, Math.max(this.#highest, known) + TERM_STEP)
    this.#highest = Math.max(this.#highest, Math.min(term, bound))
    if (term <= bound) return true
    this.refused++
    return false
  }

  /** Was none of this one's refused before? */
  isFirstOf(peer: string): boolean {
    if (this.#peers.has(peer) || this.#peers.size >= PEERS_MAX) return false
    this.#peers.add(peer)
    return true
  }
}
