/** Where an item stands in its heap; -1 while it is in none. An item is in one heap at a time. */
export interface Slotted {
  slot: number
}

/** A binary heap that can also remove or move any item in O(log n), since each item knows its own place. */
export class Heap<T extends Slotted> {
  readonly #before: (a: T, b: T) => boolean
  readonly #items: T[] = []

  /** @param before a strict order: is `a` to come out before `b`? */
  constructor(before: (a: T, b: T) => boolean) {
    this.#before = before
  }

  get size(): number {
    return this.#items.length
  }

  first(): T | undefined {
    return this.#items[0]
  }

  has(item: T): boolean {
    return this.#items[item.slot] === item
  }

  /** In no order. Nothing may come or go during the walk. */
  items(): IterableIterator<T> {
    return this.#items.values()
  }

  add(item: T): void {
    item.slot = this.#items.length
    this.#items.push(item)
    this.#up(item)
  }

  remove(item: T): void {
    const last = this.#items.pop() as T
    const slot = item.slot
    item.slot = -1
    if (last === item) return
    this.#put(last, slot)
    this.moved(last)
  }

  /** The item's order has changed. */
  moved(item: T): void {
    this.#up(item)
    this.#down(item)
  }

  #put(item: T, slot: number): void {
    this.#items[slot] = item
    item.slot = slot
  }

  #up(item: T): void {
    while (item.slot > 0) {
      const slot = item.slot
      const parent = this.#items[(slot - 1) >> 1] as T
      if (!this.#before(item, parent)) return
      this.#put(item, parent.slot)
      this.#put(parent, slot)
    }
  }

  #down(item: T): void {
    for (;;) {
      const slot = item.slot
      const left = this.#items[2 * slot + 1]
      if (left === undefined) return
      const right = this.#items[2 * slot + 2]
      const child = right !== undefined && this.#before(right, left) ? right : left
      if (!this.#before(child, item)) return
      this.#put(item, child.slot)
      this.#put(child, slot)
    }
  }
}
