import { Heap, type Slotted } from './heap.ts'
import type { TaskRecord } from './task.ts'

interface Place<T> extends Slotted {
  readonly item: T
  settledAt: number
  readonly order: number
}

/**
 * Settled records that may be dropped, those settled longest ago first, in whatever order they came: after a change of
 * the ring old ones come late, and must not push out results that somebody may still ask for. Every change costs
 * O(log n). Ages are wall times of the nodes that ran the tasks, so clocks that differ blur the order by as much.
 */
export class DropOrder<T extends { readonly record: TaskRecord }> {
  readonly #places = new Map<T, Place<T>>()
  readonly #heap = new Heap<Place<T>>(
    (a, b) => a.settledAt < b.settledAt || (a.settledAt === b.settledAt && a.order < b.order),
  )
  /** Out of the heap for a while. They do not push out others, as they did not while they stood in front. */
  readonly #back = new Set<Place<T>>()
  /** Up to where these were looked at last. */
  #turn: SetIterator<Place<T>> | undefined
  #orders = 0

  /** So many stand back. */
  get standingBack(): number {
    return this.#back.size
  }

  /** Adds it, or puts it where it belongs now. */
  set(item: T): void {
    const settledAt = item.record.settledAt ?? item.record.acceptedAt
    const place = this.#places.get(item)
    if (place === undefined) {
      const added = { item, settledAt, order: this.#orders++, slot: -1 }
      this.#places.set(item, added)
      this.#heap.add(added)
    } else if (place.settledAt !== settledAt) {
      place.settledAt = settledAt
      if (!this.#back.has(place)) this.#heap.moved(place)
    }
  }

  delete(item: T): void {
    const place = this.#places.get(item)
    if (place === undefined) return
    this.#places.delete(item)
    if (!this.#back.delete(place)) this.#heap.remove(place)
  }

  /** It cannot be dropped yet: those behind it are looked at as if it were not there. One that stands back already is the last of these now. */
  missTurn(item: T): void {
    const place = this.#places.get(item)
    if (place === undefined) return
    if (!this.#back.delete(place)) this.#heap.remove(place)
    this.#back.add(place)
  }

  /** Looks at the next ones that stand back, at most `limit`, each in its turn: those that may go by now are in their places again. */
  takeTurn(mayGo: (item: T) => boolean, limit: number): void {
    this.#turn ??= this.#back.values()
    for (let looks = 0; looks < limit; looks++) {
      const next = this.#turn.next()
      if (next.done) {
        this.#turn = undefined
        return
      }
      if (!mayGo(next.value.item)) continue
      this.#back.delete(next.value)
      this.#heap.add(next.value)
    }
  }

  /** Those that stood back first, of more than `max`, at most `limit`; they stay until they are deleted. */
  crowding(max: number, limit: number): T[] {
    const crowding: T[] = []
    const count = Math.min(limit, this.#back.size - max)
    for (const { item } of this.#back) {
      if (crowding.length >= count) break
      crowding.push(item)
    }
    return crowding
  }

  /** The first ones beyond `max` or settled before `since`, at most `limit`; they stay until they are deleted. */
  beyond(max: number, since: number, limit: number): T[] {
    const first: Place<T>[] = []
    while (first.length < limit) {
      const place = this.#heap.first()
      if (place === undefined || (this.#heap.size <= max && !(place.settledAt < since))) break
      this.#heap.remove(place)
      first.push(place)
    }
    for (const place of first) this.#heap.add(place)
    return first.map(({ item }) => item)
  }
}
