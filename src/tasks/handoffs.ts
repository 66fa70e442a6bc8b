import { elapsedMs, type Instant } from '../base/time.ts'
import { gauge, type Metric } from './counts.ts'

/** Keys that are timed at once; with more, the rest go untimed. */
const TIMED_MAX = 10_000

/** How long the work of a key stands still when the key changes hands: from gaining it to the first start here. */
export class Handoffs {
  readonly #gained = new Map<string, Instant>()
  #count = 0
  #sumMs = 0
  #maxMs = 0

  /** Unfinished work of this key has come from another node. */
  gained(key: string, now: Instant): void {
    if (this.#gained.size < TIMED_MAX && !this.#gained.has(key)) this.#gained.set(key, now)
  }

  lost(key: string): void {
    this.#gained.delete(key)
  }

  started(key: string, now: Instant): void {
    const gainedAt = this.#gained.get(key)
    if (gainedAt === undefined) return
    this.#gained.delete(key)
    const ms = elapsedMs(gainedAt, now)
    this.#count++
    this.#sumMs += ms
    this.#maxMs = Math.max(this.#maxMs, ms)
  }

  metrics(): Metric[] {
    return [
      counter('handoff_waits_total', 'Gained keys whose queued work has started here.', this.#count),
      counter('handoff_wait_ms_total', 'Time from gaining these keys to their first start, ms.', this.#sumMs),
      gauge('handoff_wait_ms_max', 'The longest of these times since boot, ms.', this.#maxMs),
      gauge('handoffs_timed', 'Gained keys whose work has not started yet.', this.#gained.size),
    ]
  }
}

const counter = (name: string, help: string, value: number): Metric => ({
  ...gauge(name, help, value),
  type: 'counter',
})
