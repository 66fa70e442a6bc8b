import type { Instant, Now } from '../base/time.ts'

/** When a point of the wall clock comes, as far as is known: that clock may be set at any time, so this holds until the next look. */
export class WallSight {
  #aheadMs = 0

  see({ mono, wall }: Now): void {
    this.#aheadMs = wall - mono
  }

  instantOf(wall: number): Instant {
    return (wall - this.#aheadMs) as Instant
  }
}
