/**
 * Says of many deadlines when each is near. The clock decides, not the timer: `look()` may be called at any time, and
 * whoever may have been frozen calls it before anything else. A timer that comes late therefore delays only what nobody
 * looks at meanwhile.
 */
import { monotonicMs } from './monotonic-clock.ts'
import { timerMs } from './timer.ts'

export class DeadlineWatch {
  readonly #leadMs: number
  readonly #onDue: (id: number) => void
  readonly #deadlines = new Map<number, number>()
  /** No entry is due before this; it may be early, as an extension moves an entry and not this. */
  #nextMs = Number.POSITIVE_INFINITY
  #timer: NodeJS.Timeout | undefined

  /**
   * @param leadMs how long before its deadline an entry is due, in ms
   * @param onDue is told once of each; the entry is gone by then
   */
  constructor(leadMs: number, onDue: (id: number) => void) {
    this.#leadMs = leadMs
    this.#onDue = onDue
  }

  /** Watches a deadline on the shared clock; null is one that never comes. */
  add(id: number, deadlineMs: number | null): void {
    this.#deadlines.set(id, deadlineMs ?? Number.POSITIVE_INFINITY)
    const dueMs = (deadlineMs ?? Number.POSITIVE_INFINITY) - this.#leadMs
    if (dueMs < this.#nextMs) this.#expect(dueMs)
  }

  /** Moves a deadline, never to an earlier time. False when the entry is unknown: it was due, or nobody added it. */
  extend(id: number, deadlineMs: number | null): boolean {
    const known = this.#deadlines.get(id)
    if (known === undefined) return false
    this.#deadlines.set(id, Math.max(known, deadlineMs ?? Number.POSITIVE_INFINITY))
    return true
  }

  delete(id: number): void {
    this.#deadlines.delete(id)
    if (this.#deadlines.size === 0) this.#expect(Number.POSITIVE_INFINITY)
  }

  /** Looks at the clock and says which are due. Costs next to nothing when none can be. */
  look(): void {
    const now = monotonicMs()
    if (now < this.#nextMs) return
    const due: number[] = []
    let nextMs = Number.POSITIVE_INFINITY
    for (const [id, deadlineMs] of this.#deadlines) {
      if (deadlineMs - this.#leadMs <= now) due.push(id)
      else nextMs = Math.min(nextMs, deadlineMs - this.#leadMs)
    }
    this.#expect(nextMs)
    for (const id of due) this.#deadlines.delete(id)
    for (const id of due) this.#onDue(id)
  }

  /** Timers take whole ms, fire a moment early, and none waits longer than 24 days: hence the second look. */
  #expect(nextMs: number): void {
    clearTimeout(this.#timer)
    this.#nextMs = nextMs
    if (!Number.isFinite(nextMs)) return
    this.#timer = setTimeout(
      () => {
        if (monotonicMs() < this.#nextMs) this.#expect(this.#nextMs)
        else this.look()
      },
      timerMs(Math.ceil(nextMs - monotonicMs())),
    )
  }
}
