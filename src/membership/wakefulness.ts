import { elapsedMs, type Now } from '../base/time.ts'

/** How long this node stood still, and how far its monotonic clock ran meanwhile (less, when only the wall clock jumped). */
export interface Standstill {
  readonly lateMs: number
  readonly shiftMs: number
}

/** Notices that this node stood still (blocked, stopped, starved): the driver's tick is late. */
export class Wakefulness {
  readonly #tickMs: number
  readonly #lateMs: number
  #lastTick: Now
  /** False until the driver runs: what comes between birth and the first tick is no standstill. */
  #ticking = false

  /** @param lateMs a tick later than this is a standstill */
  constructor(tickMs: number, lateMs: number, now: Now) {
    this.#tickMs = tickMs
    this.#lateMs = lateMs
    this.#lastTick = now
  }

  ticked(now: Now): void {
    this.#lastTick = now
    this.#ticking = true
  }

  /** The standstill that ends now, if there was one. */
  check(now: Now): Standstill | undefined {
    if (!this.#ticking) return undefined
    const monoGap = elapsedMs(this.#lastTick.mono, now.mono)
    const wallGap = now.wall - this.#lastTick.wall
    const lateMs = Math.max(monoGap, wallGap) - this.#tickMs
    if (lateMs <= this.#lateMs) return undefined
    this.#lastTick = now
    return { lateMs, shiftMs: Math.max(0, monoGap - this.#tickMs) }
  }
}
