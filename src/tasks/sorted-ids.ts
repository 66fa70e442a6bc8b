import type { TaskId } from '../base/ids.ts'

/** Ids of one block; with more it is cut in two. Moving half of them costs less than finding the place. */
const BLOCK_MAX = 512

/**
 * Ids in order, for pages.
 *
 * Ids mostly come in the order of time, and then each is put at the end. Clients make others, in any order at all: a block of
 * a few hundred is searched and moved for one, whatever the number of all. Not taken: to gather what is new and to sort it in
 * when somebody reads. That is cheaper for who never reads, and with a million of them the first reader stops the node for
 * as long as it takes others to find it silent.
 */
export class SortedIds {
  /** Each below the next; none is empty. */
  readonly #blocks: TaskId[][] = []

  /** Once while it is there. */
  add(id: TaskId): void {
    const at = this.#blockOf(id)
    const block = this.#blocks[at]
    if (block === undefined) {
      this.#blocks.push([id])
      return
    }
    const isLast = at === this.#blocks.length - 1 && id > (block.at(-1) as TaskId)
    if (isLast && block.length >= BLOCK_MAX) this.#blocks.push([id])
    else if (isLast) block.push(id)
    else {
      block.splice(placeIn(block, id), 0, id)
      if (block.length > BLOCK_MAX) this.#blocks.splice(at + 1, 0, block.splice(BLOCK_MAX >> 1))
    }
  }

  delete(id: TaskId): void {
    const at = this.#blockOf(id)
    const block = this.#blocks[at]
    const place = block === undefined ? 0 : placeIn(block, id)
    if (block?.[place] !== id) return
    block.splice(place, 1)
    if (block.length === 0) this.#blocks.splice(at, 1)
  }

  /** Those above `id`, which need not be there, or all. None may come or go during the walk. */
  *above(id?: TaskId): Generator<TaskId, void, undefined> {
    const first = id === undefined ? 0 : this.#blockOf(id)
    for (let at = first; at < this.#blocks.length; at++) {
      const block = this.#blocks[at] as TaskId[]
      let place = at > first || id === undefined ? 0 : placeIn(block, id)
      if (block[place] === id) place++
      for (; place < block.length; place++) yield block[place] as TaskId
    }
  }

  /** The block that has it, or would have it. */
  #blockOf(id: TaskId): number {
    let low = 0
    let high = this.#blocks.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#blocks[middle]?.[0] as TaskId) <= id) low = middle + 1
      else high = middle
    }
    return Math.max(0, low - 1)
  }
}

/** Where it is, or would be. */
function placeIn(block: readonly TaskId[], id: TaskId): number {
  let low = 0
  let high = block.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((block[middle] as TaskId) < id) low = middle + 1
    else high = middle
  }
  return low
}
