import { assert } from '../base/assert.ts'
import { Heap, type Slotted } from './heap.ts'
import type { Priority } from './task.ts'

/** Waiting this long is worth one class of priority. */
export const AGING_MS = 60_000

/** What the queue orders. */
export interface Queued extends Slotted {
  readonly key: string
  /** Lower runs first; see `rankOf`. */
  readonly rank: number
  /** Breaks ties: lower came first. */
  readonly order: number
}

interface Lane<T> extends Slotted {
  readonly key: string
  readonly items: Heap<Queued & T>
  /** Things of this key that run now, here or elsewhere. */
  busy: number
  /** The key may not be acted for. */
  withheld: boolean
  /** The starting line on which it stands. */
  line: Heap<Lane<T>> | undefined
}

/**
 * A task's rank never changes while it waits, although it ages: everybody ages at the same pace, so only the
 * difference counts. Priority 3 accepted three intervals before a task of priority 0 ties with it.
 */
export const rankOf = (acceptedAtMs: number, priority: Priority): number => acceptedAtMs + priority * AGING_MS

const before = (a: Queued, b: Queued): boolean => a.rank < b.rank || (a.rank === b.rank && a.order < b.order)

/**
 * What is ready to run, best first, one at a time per key.
 *
 * Picture a lane per key, each sorted, and a starting line where only the heads of the free lanes stand, sorted as
 * well. Taking, adding, removing and freeing a lane cost O(log n), even when 100,000 tasks share one key: with a
 * single heap every take would have to step over all tasks of the busy keys. A lane whose key may not be acted for is
 * withheld as a whole, and not looked at again before it is released.
 *
 * There is a line for each class of things, and whoever takes says which lines are open: however many things wait for a
 * hand of one class, they are not stepped over to find one of another. The head of a lane decides its class, so what
 * stands behind it in its key waits with it.
 */
export class Queue<T extends Queued> {
  readonly #lanes = new Map<string, Lane<T>>()
  /** By class. */
  readonly #lines = new Map<string, Heap<Lane<T>>>()
  readonly #classOf: (item: T) => string
  #withheld = new Set<Lane<T>>()
  #releasing = new Set<Lane<T>>()
  #size = 0

  /** @param classOf few in number; the same for one item as long as it is queued */
  constructor(classOf: (item: T) => string = () => '') {
    this.#classOf = classOf
  }

  get size(): number {
    return this.#size
  }

  /** Of these, how many wait in lanes that are withheld. Costs a walk over those. */
  get withheld(): number {
    let size = 0
    for (const lanes of [this.#withheld, this.#releasing]) for (const { items } of lanes) size += items.size
    return size
  }

  add(item: T): void {
    const lane = this.#lane(item.key)
    lane.items.add(item)
    this.#size++
    this.#align(lane)
  }

  remove(item: T): void {
    const lane = this.#lane(item.key)
    assert(item.slot >= 0, 'an item that is removed is queued', { key: item.key })
    const head = lane.items.first() === item
    // The line compares heads, so a lane leaves it before its head may become undefined.
    if (head) this.#stepOff(lane)
    lane.items.remove(item)
    this.#size--
    this.#align(lane)
  }

  /** The best task whose key is free, of the classes that are open; it stays. */
  first(open: (name: string) => boolean = () => true): T | undefined {
    let best: T | undefined
    for (const [name, line] of this.#lines) {
      const item = line.first()?.items.first()
      if (item !== undefined && (best === undefined || before(item, best)) && open(name)) best = item
    }
    return best
  }

  /** Keys that are free and whose best task is of this class. */
  standing(name: string): number {
    return this.#lines.get(name)?.size ?? 0
  }

  /** Nothing of this key is offered until it is released. */
  withhold(key: string): void {
    const lane = this.#lane(key)
    lane.withheld = true
    this.#withheld.add(lane)
    this.#align(lane)
  }

  /** What is withheld now is to be released by `release`. */
  recall(): void {
    if (this.#releasing.size === 0) [this.#releasing, this.#withheld] = [this.#withheld, this.#releasing]
    for (const lane of this.#withheld) this.#releasing.add(lane)
    this.#withheld.clear()
  }

  /** Offers again what was recalled, `max` keys at most. True when there is more. */
  release(max: number): boolean {
    let released = 0
    for (const lane of this.#releasing) {
      if (released++ === max) return true
      this.#releasing.delete(lane)
      lane.withheld = false
      this.#align(lane)
    }
    return false
  }

  /** The best task whose key is free. The caller makes the key busy when it runs it. */
  take(): T | undefined {
    const item = this.first()
    if (item !== undefined) this.remove(item)
    return item
  }

  /** One more thing of this key runs. */
  block(key: string): void {
    const lane = this.#lane(key)
    lane.busy++
    this.#align(lane)
  }

  /** One thing of this key has ended. */
  unblock(key: string): void {
    const lane = this.#lane(key)
    assert(lane.busy > 0, 'a key that is freed was busy', { key })
    lane.busy--
    this.#align(lane)
  }

  #lane(key: string): Lane<T> {
    let lane = this.#lanes.get(key)
    if (lane === undefined) {
      lane = { key, items: new Heap<T>(before), busy: 0, withheld: false, line: undefined, slot: -1 }
      this.#lanes.set(key, lane)
    }
    return lane
  }

  /** Puts the lane where it belongs: on the line, off it, or away when it is empty and free. */
  #align(lane: Lane<T>): void {
    const head = lane.busy === 0 && !lane.withheld ? lane.items.first() : undefined
    if (head === undefined) this.#stepOff(lane)
    else this.#stepOn(lane, this.#classOf(head))
    if (lane.busy > 0 || lane.items.size > 0) return
    this.#lanes.delete(lane.key)
    this.#withheld.delete(lane)
    this.#releasing.delete(lane)
  }

  #stepOn(lane: Lane<T>, name: string): void {
    const line = this.#lines.get(name) ?? this.#newLine(name)
    if (lane.line === line) {
      line.moved(lane)
      return
    }
    this.#stepOff(lane)
    line.add(lane)
    lane.line = line
  }

  #stepOff(lane: Lane<T>): void {
    lane.line?.remove(lane)
    lane.line = undefined
  }

  #newLine(name: string): Heap<Lane<T>> {
    const line = new Heap<Lane<T>>((a, b) => before(a.items.first() as T, b.items.first() as T))
    this.#lines.set(name, line)
    return line
  }
}
