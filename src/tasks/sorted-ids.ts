import type { TaskId } from '../base/ids.ts'

/** A chunk of more ids than this is cut in two. */
const CHUNK_MAX = 512

/**
 * The ids of all tasks in order, for pages: a list of short sorted lists. What comes or goes moves a few hundred places in
 * one of them, and a page begins with two searches by halves, so no call costs more with a million of them.
 *
 * Not taken: one list that is sorted when it is read. It grew by every task that ever was until somebody read it, and that
 * reading then stood still for all of them.
 */
export class SortedIds {
  readonly #chunks: TaskId[][] = []
  #size = 0

  get size(): number {
    return this.#size
  }

  /** False when it is there already. */
  add(id: TaskId): boolean {
    const at = this.#chunkOf(id)
    const chunk = this.#chunks[at]
    if (chunk === undefined) {
      this.#chunks.push([id])
      this.#size++
      return true
    }
    const place = firstNotBelow(chunk, id)
    if (chunk[place] === id) return false
    chunk.splice(place, 0, id)
    this.#size++
    // Ids mostly come in the order of time: what is full at the end stays full.
    if (chunk.length > CHUNK_MAX) {
      const from = at === this.#chunks.length - 1 ? CHUNK_MAX : CHUNK_MAX / 2
      this.#chunks.splice(at + 1, 0, chunk.splice(from))
    }
    return true
  }

  /** False when it was not there. */
  remove(id: TaskId): boolean {
    const at = this.#chunkOf(id)
    const chunk = this.#chunks[at]
    const place = chunk === undefined ? 0 : firstNotBelow(chunk, id)
    if (chunk?.[place] !== id) return false
    chunk.splice(place, 1)
    this.#size--
    if (chunk.length === 0) this.#chunks.splice(at, 1)
    return true
  }

  /** Those above `after`, in order; all of them without it. Nothing may come or go while they are read. */
  *above(after?: string): Generator<TaskId, void> {
    let at = after === undefined ? 0 : this.#chunkOf(after)
    const first = this.#chunks[at]
    let place = after === undefined || first === undefined ? 0 : firstNotBelow(first, after)
    if (after !== undefined && first?.[place] === after) place++
    for (; at < this.#chunks.length; at++, place = 0) {
      const chunk = this.#chunks[at] ?? []
      for (; place < chunk.length; place++) yield chunk[place] as TaskId
    }
  }

  /** The last chunk that begins at or below the id, or the first one. */
  #chunkOf(id: string): number {
    let [low, high] = [0, this.#chunks.length]
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if ((this.#chunks[middle]?.[0] as TaskId) <= id) low = middle
      else high = middle
    }
    return low
  }
}

function firstNotBelow(chunk: readonly TaskId[], id: string): number {
  let [low, high] = [0, chunk.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((chunk[middle] as TaskId) < id) low = middle + 1
    else high = middle
  }
  return low
}
