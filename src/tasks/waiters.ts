import type { TaskId } from '../base/ids.ts'
import type { Instant } from '../base/time.ts'
import { NEVER } from '../base/time.ts'
import { Heap, type Slotted } from './heap.ts'
import type { Origin } from './origin.ts'

/** Requests that wait on one node for the end of a task; more are answered at once with how it stands. */
export const WAITERS_MAX = 10_000

export interface Waiter extends Slotted {
  readonly origin: Origin
  readonly task: TaskId
  readonly until: Instant
}

/** Who waits at the owner for a task to come to its end, or for the time to be up. */
export class Waiters {
  readonly #byTask = new Map<TaskId, Set<Waiter>>()
  readonly #byTime = new Heap<Waiter>((a, b) => a.until < b.until)
  #due: Waiter[] = []
  #size = 0

  get size(): number {
    return this.#size
  }

  get full(): boolean {
    return this.#size >= WAITERS_MAX
  }

  add(origin: Origin, task: TaskId, until: Instant): void {
    const waiter: Waiter = { origin, task, until, slot: -1 }
    const found = this.#byTask.get(task)
    if (found === undefined) this.#byTask.set(task, new Set([waiter]))
    else found.add(waiter)
    this.#byTime.add(waiter)
    this.#size++
  }

  /** It has come to its end, or is not this node's any more: whoever waits is to be answered. */
  release(task: TaskId): void {
    for (const waiter of this.#byTask.get(task) ?? []) {
      this.#byTime.remove(waiter)
      this.#due.push(waiter)
    }
    this.#byTask.delete(task)
  }

  /** Everybody is to be answered: owners have changed. */
  releaseAll(): void {
    for (const task of [...this.#byTask.keys()]) this.release(task)
  }

  /** Those who are to be answered now; each is given once. */
  take(now: Instant): readonly Waiter[] {
    for (
      let first = this.#byTime.first();
      first !== undefined && first.until <= now;
      first = this.#byTime.first()
    ) {
      this.#byTime.remove(first)
      const others = this.#byTask.get(first.task)
      others?.delete(first)
      if (others?.size === 0) this.#byTask.delete(first.task)
      this.#due.push(first)
    }
    if (this.#due.length === 0) return this.#due
    const due = this.#due
    this.#due = []
    this.#size -= due.length
    return due
  }

  nextWake(): Instant {
    return this.#byTime.first()?.until ?? NEVER
  }
}
