/**
 * How many attempts are noted before a place is free for them.
 *
 * An attempt is noted on the disks of its holders before it is executed. While that is under way its place does nothing,
 * and of short work that is most of the time: the disks, not the places, would say how much is done. So as many are under
 * way as it takes to have the next one noted when a place becomes free: what the places do in the time of a note. Of work
 * that takes much longer than a note that is none.
 */

/** Attempts that are noted and have no place yet, or are being noted, at most. */
export const AHEAD_MAX = 64
/** Who waits for a place for so long, in ms, is given back: another may go first then, or another node may take the key. */
export const AHEAD_MS_MAX = 500
/** Share of the latest in the averages. */
const LATEST = 1 / 16

export class Ahead {
  #noteMs = 0
  #runMs: number | undefined

  /** It took so long until an attempt was noted. */
  noted(ms: number): void {
    this.#noteMs += (ms - this.#noteMs) * LATEST
  }

  /** An attempt has ended so long after it was ordered. */
  ran(ms: number): void {
    this.#runMs = this.#runMs === undefined ? ms : this.#runMs + (ms - this.#runMs) * LATEST
  }

  /**
   * What was noted had to wait for too long. How long what runs will take is not known before it ends: as often as this is said
   * anew it is taken for twice as long, or the same few would be noted and given back for all that time.
   */
  tooMany(): void {
    this.#runMs = 2 * Math.max(this.#runMs ?? 0, AHEAD_MS_MAX / 2)
  }

  beyond(places: number): number {
    if (this.#runMs === undefined) return 0
    return Math.min(AHEAD_MAX, Math.floor((places * this.#noteMs) / Math.max(1, this.#runMs)))
  }
}
