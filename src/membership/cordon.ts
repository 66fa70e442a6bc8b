import type { Now } from '../base/time.ts'
import type { News } from './news.ts'
import type { Roster } from './roster.ts'

/** `operator`: asked for. `joining`: it has just come. `namesake`: another node bears its name. */
export type CordonReason = 'operator' | 'joining' | 'namesake'

/**
 * Whether this node is asked to own nothing. It stays a member, answers, observes and votes, and is in nobody's ring
 * while there is any reason for that. Every change is a new incarnation of its record, so that it overtakes the old one.
 */
export class Cordon {
  readonly #roster: Roster
  readonly #news: News
  readonly #reasons = new Set<CordonReason>()

  constructor(roster: Roster, news: News) {
    this.#roster = roster
    this.#news = news
    if (roster.self.cordoned) this.#reasons.add('joining')
  }

  get reasons(): ReadonlySet<CordonReason> {
    return this.#reasons
  }

  /** The same for a node that is not listened to: only its own rings change, and what it says of itself in a hello. */
  setSilently(reason: CordonReason, now: Now): void {
    this.#reasons.add(reason)
    this.#roster.setSelf({ cordoned: true }, now.mono, now.wall)
  }

  /** @param incarnationMin the record is said anew in at least this incarnation, changed or not */
  set(reason: CordonReason, on: boolean, now: Now, incarnationMin = 0): void {
    if (on) this.#reasons.add(reason)
    else this.#reasons.delete(reason)
    const { self } = this.#roster
    const cordoned = this.#reasons.size > 0
    if (cordoned === (self.cordoned === true) && incarnationMin <= self.incarnation) return
    const incarnation = Math.max(incarnationMin, self.incarnation + 1)
    this.#news.proclaim({ cordoned, incarnation }, cordoned ? 'cordoned' : 'uncordoned', { reason }, now)
  }
}
