import type { TaskId } from '../base/ids.ts'
import { Heap, type Slotted } from './heap.ts'
import type { Entry } from './table.ts'

interface Watched extends Slotted {
  readonly entry: Entry
  /** By the wall clock: that may be set before its time comes. */
  readonly at: number
}

/** Unfinished tasks of this node that must not be started after a time, the next one first. */
export class Deadlines {
  readonly #watched = new Map<TaskId, Watched>()
  readonly #heap = new Heap<Watched>((a, b) => a.at < b.at)

  get size(): number {
    return this.#watched.size
  }

  /** Undefined: none. */
  first(): Pick<Watched, 'entry' | 'at'> | undefined {
    return this.#heap.first()
  }

  watch(entry: Entry, at: number): void {
    this.forget(entry.id)
    const watched = { entry, at, slot: -1 }
    this.#watched.set(entry.id, watched)
    this.#heap.add(watched)
  }

  /** It has ended, is known here no more, or is another node's. */
  forget(task: TaskId): void {
    const watched = this.#watched.get(task)
    if (watched === undefined) return
    this.#heap.remove(watched)
    this.#watched.delete(task)
  }
}
