import type { Instant } from '../base/time.ts'

/** The rate is that of so many ms, looked at this often. */
const SPAN_MS = 10_000
const LOOK_MS = 500

/** A wait that is told to a submitter, in seconds. */
const WAIT_S_MIN = 1
const WAIT_S_MAX = 60
/** Said while nothing drains: nobody knows, so neither at once nor never. */
const WAIT_S_UNKNOWN = 15

interface Look {
  readonly at: Instant
  readonly ended: number
}

/**
 * How fast the queue of this node drains, so that a refused submitter is told when to come again. A full queue is not
 * worth coming back to for a single place: all who were refused would meet there. So the wait is until a hundredth of it
 * is free.
 */
export class DrainRate {
  readonly #looks: Look[] = []

  /** @param ended accepted tasks that have come to their end here since boot */
  look(ended: number, now: Instant): void {
    const last = this.#looks.at(-1)
    if (last !== undefined && now < last.at + LOOK_MS) return
    this.#looks.push({ at: now, ended })
    while ((this.#looks[1]?.at ?? now) <= now - SPAN_MS) this.#looks.shift()
  }

  /** Tasks a second; 0 while nothing is known. */
  get perSecond(): number {
    const [first] = this.#looks
    const last = this.#looks.at(-1)
    if (first === undefined || last === undefined || last.at === first.at) return 0
    return ((last.ended - first.ended) * 1_000) / (last.at - first.at)
  }

  /** Whole seconds until a hundredth of the queue is free, as things go. */
  retryAfterS(queueMax: number): number {
    const rate = this.perSecond
    if (rate === 0) return WAIT_S_UNKNOWN
    return Math.min(WAIT_S_MAX, Math.max(WAIT_S_MIN, Math.ceil(Math.max(1, queueMax / 100) / rate)))
  }
}
