import type { TaskId } from '../base/ids.ts'
import { elapsedMs, type Instant } from '../base/time.ts'
import { gauge, type Metric } from './counts.ts'

/** Gained tasks that are remembered at once; with more, keys of the rest go untimed. */
export const TIMED_MAX = 10_000

/** A key that waits for its first start here, and the tasks for which it does. */
interface Gained {
  readonly at: Instant
  readonly tasks: Set<TaskId>
}

/** How long the work of a key stands still when the key changes hands: from gaining it to the first start here. */
export class Handoffs {
  readonly #gained = new Map<string, Gained>()
  /** Of all these keys. */
  #tasks = 0
  #count = 0
  #sumMs = 0
  #maxMs = 0

  /** This unfinished task of the key has come from another node. */
  gained(key: string, task: TaskId, now: Instant): void {
    if (this.#tasks >= TIMED_MAX) return
    const gained = this.#gained.get(key) ?? { at: now, tasks: new Set() }
    this.#gained.set(key, gained)
    this.#tasks -= gained.tasks.size
    gained.tasks.add(task)
    this.#tasks += gained.tasks.size
  }

  /** The task has settled, wherever that was, or is known no more: a key with no other has nothing to start. */
  ended(key: string, task: TaskId): void {
    const gained = this.#gained.get(key)
    if (gained?.tasks.delete(task) !== true) return
    this.#tasks--
    if (gained.tasks.size === 0) this.#gained.delete(key)
  }

  lost(key: string): void {
    this.#tasks -= this.#gained.get(key)?.tasks.size ?? 0
    this.#gained.delete(key)
  }

  started(key: string, now: Instant): void {
    const gained = this.#gained.get(key)
    if (gained === undefined) return
    this.lost(key)
    const ms = elapsedMs(gained.at, now)
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
