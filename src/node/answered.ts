/**
 * Keys in quorum mode for which somebody was told that this node acts, and until when.
 *
 * Who asked `owner/KEY` may use the answer to its end without asking again. So a key that this node loses meanwhile is
 * kept like one whose work still drains: the new owner gets its right only once the last answer has run out. The road not
 * taken is to let the answer end early: nothing can call back what an application holds.
 */
import type { NodeId } from '../base/ids.ts'
import { type Instant, NEVER } from '../base/time.ts'
import type { Ring } from '../ring/ring.ts'

/** Keys remembered. Their owners are looked up when the view changes: 10 ms for so many. */
export const ANSWERED_MAX = 4_096

const LONG_AGO = Number.NEGATIVE_INFINITY as Instant

export class Answered {
  readonly #self: NodeId
  readonly #until = new Map<string, Instant>()
  /** Answers for which there was no room: while they count, every key remembered is kept, which is too many to name. */
  #crowdedUntil = LONG_AGO
  #ring: Ring | undefined
  #lost: readonly string[] = []
  #lostUntil = LONG_AGO

  constructor(self: NodeId) {
    this.#self = self
  }

  /** Somebody was told that this node acts for the key until then. */
  note(key: string, until: Instant, now: Instant): void {
    if (!this.#until.has(key) && this.#until.size >= ANSWERED_MAX) this.#forget(now)
    if (this.#until.has(key) || this.#until.size < ANSWERED_MAX) this.#until.set(key, until)
    else this.#crowdedUntil = Math.max(this.#crowdedUntil, until) as Instant
  }

  /**
   * Keys of others under this ring for which an answer still counts; the same array until that changes. More than can
   * be kept by name (`KEEPS_MAX`) make this node claim all that it claimed before.
   */
  lost(ring: Ring, now: Instant): readonly string[] {
    if (ring === this.#ring && (this.#lost.length === 0 || now < this.#lostUntil)) return this.#lost
    this.#ring = ring
    this.#forget(now)
    const crowded = this.#crowdedUntil > now
    const lost = [...this.#until].filter(([key]) => crowded || ring.owner(key) !== this.#self)
    const last = Math.max(this.#crowdedUntil, ...lost.map(([, until]) => until))
    this.#lostUntil = last as Instant
    if (lost.length > 0 || this.#lost.length > 0) this.#lost = lost.map(([key]) => key)
    return this.#lost
  }

  /** When the last of the lost keys is free. */
  nextWake(): Instant {
    return this.#lost.length > 0 ? this.#lostUntil : NEVER
  }

  #forget(now: Instant): void {
    for (const [key, until] of this.#until) if (until <= now) this.#until.delete(key)
  }
}
