import { after, elapsedMs, type Instant } from '../base/time.ts'

/** In ms. A lease that ended while the process stood still comes back once the voters have been asked again. */
const OUT_OF_TOUCH_MS = 2_500

/** Has this node been without a lease for so long that nothing would come of waiting for the voters? */
export class Touch {
  #lostAt: Instant | undefined
  #seenAt = 0 as Instant

  /** While the process stands still nobody can renew its lease: that is no time without touch. */
  see(inTouch: boolean, now: Instant): void {
    const stood = elapsedMs(this.#seenAt, now) >= OUT_OF_TOUCH_MS
    this.#seenAt = now
    if (inTouch) this.#lostAt = undefined
    else if (stood || this.#lostAt === undefined) this.#lostAt = now
  }

  isLost(now: Instant): boolean {
    return this.#lostAt !== undefined && now >= after(this.#lostAt, OUT_OF_TOUCH_MS)
  }
}
