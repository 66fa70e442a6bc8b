import type { TaskId } from '../base/ids.ts'

/** Removed ids are cleared away once they are more than this many and a half of all. */
const GONE_MAX = 1_000

/**
 * The ids of all tasks in order, for pages. Ids mostly come in the order of time, so what is new is mostly put at the
 * end: reading after a change costs the new ones, or one merge, and never a sort of all. What is gone stays in the list
 * for a while, so whoever reads it looks each id up.
 */
export class SortedIds {
  #ids: TaskId[] = []
  #added: TaskId[] = []
  #gone = 0

  add(id: TaskId): void {
    this.#added.push(id)
  }

  removed(): void {
    this.#gone++
  }

  /** @param has is it still there; an id may come twice when it went and came again */
  read(has: (id: TaskId) => boolean): readonly TaskId[] {
    if (this.#gone > GONE_MAX && this.#gone * 2 > this.#ids.length) {
      this.#ids = this.#ids.filter(has)
      this.#gone = 0
    }
    if (this.#added.length > 0) this.#merge()
    return this.#ids
  }

  #merge(): void {
    const added = [...new Set(this.#added)].sort()
    this.#added = []
    const last = this.#ids.at(-1)
    if (last === undefined || (added[0] as TaskId) > last) {
      for (const id of added) this.#ids.push(id)
      return
    }
    const merged: TaskId[] = []
    let next = 0
    for (const id of this.#ids) {
      while (next < added.length && (added[next] as TaskId) < id) merged.push(added[next++] as TaskId)
      // One that went and came again stands where it stood.
      if (added[next] === id) next++
      merged.push(id)
    }
    while (next < added.length) merged.push(added[next++] as TaskId)
    this.#ids = merged
  }
}
