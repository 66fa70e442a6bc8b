import { type Instant, later, NEVER } from '../../base/time.ts'
import { timerMs } from './timer.ts'

/** How long one attempt may run: until the right to act for its key ends. It moves later, never earlier. */
export class Limit {
  #until: Instant

  constructor(until: Instant = NEVER) {
    this.#until = until
  }

  get until(): Instant {
    return this.#until
  }

  /** Is the right gone? */
  get over(): boolean {
    return performance.now() >= this.#until
  }

  extend(until: Instant): void {
    this.#until = later(this.#until, until)
  }

  /** Calls `onDue` once, `leadMs` before the limit, wherever it has moved to by then. Returns what ends the watch. */
  watch(leadMs: number, onDue: () => void): () => void {
    let timer: NodeJS.Timeout | undefined
    const look = (): void => {
      const left = this.#until - leadMs - performance.now()
      if (left <= 0) onDue()
      else if (Number.isFinite(left)) timer = setTimeout(look, timerMs(Math.ceil(left)))
    }
    look()
    return () => clearTimeout(timer)
  }
}
