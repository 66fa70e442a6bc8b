import { elapsedMs, type Instant, type Now } from '../base/time.ts'
import type { Membership } from '../membership/membership.ts'

/**
 * A node that has just come owns nothing until its start gate has been open for the join delay: in a rolling restart its
 * keys then move once, when it is warm, and not while it still starts. Where nobody else owns anything, as in a cluster
 * that starts as a whole, it waits for nothing but the gate.
 */
export class Joining {
  readonly #membership: Membership
  readonly #delayMs: number
  #openedAt: Instant | undefined
  #over: boolean

  /** @param delayMs 0: it owns its share from the first hello on */
  constructor(membership: Membership, delayMs: number) {
    this.#membership = membership
    this.#delayMs = delayMs
    this.#over = delayMs === 0
  }

  /** To be called after every step. */
  advance(gateOpen: boolean, now: Now): void {
    if (this.#over || !gateOpen) return
    this.#openedAt ??= now.mono
    if (elapsedMs(this.#openedAt, now.mono) < this.#delayMs && this.#othersOwn()) return
    this.#over = true
    this.#membership.orders.setCordoned('joining', false, now)
  }

  #othersOwn(): boolean {
    const { roster, self } = this.#membership
    return roster
      .living()
      .some(({ record }) => record.id !== self.id && !record.leaving && record.cordoned !== true)
  }
}
