import { after, elapsedMs, type Instant, later } from '../base/time.ts'

/** Shortest and longest time without a word about silence after this node stood still, in ms. */
const MUTE_MS_MIN = 1_000
const MUTE_MS_MAX = 5_000
/** Standstills that come within so many ms of each other are one series. */
const SERIES_GAP_MS = 2_000
/** After a series of so many ms standstills are how this node lives. */
const USED_TO_MS = 10_000
/** But not longer ones than this, in ms: who is silent for longer again and again is called dead (`silenceMsMax`). */
const USED_TO_LATE_MS_MAX = 3_000

/**
 * When must this node say nothing of silence? For a while after it stood still, since what others said meanwhile may still be
 * on its way to it.
 *
 * Whoever stutters every second would never speak, and its fellow observers would wait for its word for ever: of three
 * nodes one that is dead would stay. So standstills count as a way to live once they have come in a series for ten
 * seconds. What was heard is moved forward by each all the same, so that silence is counted in time awake. Not taken: to
 * leave out of the panel whoever is mute. One bad link of the other observer would bury a living member.
 */
export class Mute {
  #until: Instant
  /** When the first and the last standstill of this series ended; undefined: there was none. */
  #series: { readonly since: Instant; readonly last: Instant } | undefined

  constructor(now: Instant) {
    this.#until = now
  }

  /**
   * True when it was short, or this node is used to it: holds then go on in time awake, as silence does. After a short one no
   * hold ends sooner than if it had begun anew, but for that of a mass death, which would never end where this node stands
   * still every three seconds.
   */
  stoodStill(lateMs: number, now: Instant): boolean {
    const series = this.#series
    const goesOn = series !== undefined && elapsedMs(series.last, now) - lateMs <= SERIES_GAP_MS
    this.#series = { since: goesOn ? series.since : now, last: now }
    const isShort = lateMs <= MUTE_MS_MIN
    const isUsedTo = lateMs <= USED_TO_LATE_MS_MAX && elapsedMs(this.#series.since, now) >= USED_TO_MS
    if (!isUsedTo) this.begin(Math.min(lateMs, MUTE_MS_MAX), now)
    return isShort || isUsedTo
  }

  /** From now on for so long, in ms, or for the shortest time if that is longer. */
  begin(forMs: number, now: Instant): void {
    this.#until = later(this.#until, after(now, Math.max(MUTE_MS_MIN, forMs)))
  }

  holds(now: Instant): boolean {
    return now < this.#until
  }
}
