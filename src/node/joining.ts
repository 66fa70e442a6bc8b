import { elapsedMs, type Instant, type Now } from '../base/time.ts'
import type { Membership } from '../membership/membership.ts'

/**
 * A node that has just come owns nothing until its start gate has been open for the join delay: in a rolling restart its
 * keys then move once, when it is warm, and not while it still starts.
 *
 * It waits only while as many others own something as a change needs copies. With fewer of them all would be accepted on fewer
 * disks for the whole delay: in a cluster that starts as a whole on one, that of whoever came first. So there the first ones
 * wait for nothing but the gate. Not taken: as many others as a key has holders; of three nodes none would ever wait.
 */
export class Joining {
  readonly #membership: Membership
  readonly #delayMs: number
  readonly #ownersMin: number
  #openedAt: Instant | undefined
  #over: boolean

  /**
   * @param delayMs 0: it owns its share from the first hello on
   * @param ownersMin with fewer other owners it does not wait; the copies that a change needs
   */
  constructor(membership: Membership, delayMs: number, ownersMin: number) {
    this.#membership = membership
    this.#delayMs = delayMs
    this.#ownersMin = ownersMin
    this.#over = delayMs === 0
  }

  /** To be called after every step. */
  advance(gateOpen: boolean, now: Now): void {
    if (this.#over || !gateOpen) return
    this.#openedAt ??= now.mono
    if (elapsedMs(this.#openedAt, now.mono) < this.#delayMs && this.#othersSuffice()) return
    this.#over = true
    this.#membership.orders.setCordoned('joining', false, now)
  }

  #othersSuffice(): boolean {
    const { roster, self } = this.#membership
    let owners = 0
    for (const { record } of roster.living())
      if (record.id !== self.id && !record.leaving && record.cordoned !== true) owners++
    return owners >= this.#ownersMin
  }
}
