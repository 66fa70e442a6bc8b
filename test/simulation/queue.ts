/**
 * Virtual time: a heap of things that will happen. Two things at one instant happen in the order they were asked for,
 * so a run depends on nothing but its seed.
 */
interface Event {
  readonly at: number
  readonly order: number
  readonly run: () => void
}

const before = (a: Event, b: Event): boolean => (a.at === b.at ? a.order < b.order : a.at < b.at)

export class EventQueue {
  readonly #heap: Event[] = []
  #order = 0
  #now = 0
  #ran = 0
  #atOnce = 0

  /** Milliseconds of virtual time since the world began. */
  get now(): number {
    return this.#now
  }

  /** How many events have run. */
  get ran(): number {
    return this.#ran
  }

  /** How many events have run at this very instant. */
  get atOnce(): number {
    return this.#atOnce
  }

  /** Runs `run` at virtual time `time`; in the past means now, after what is already due. */
  at(time: number, run: () => void): void {
    const event = { at: time > this.#now ? time : this.#now, order: this.#order++, run }
    const heap = this.#heap
    let index = heap.length
    heap.push(event)
    while (index > 0) {
      const parent = (index - 1) >> 1
      const above = heap[parent] as Event
      if (!before(event, above)) break
      heap[index] = above
      index = parent
    }
    heap[index] = event
  }

  in(ms: number, run: () => void): void {
    this.at(this.#now + ms, run)
  }

  /** Runs everything due up to and including `until`, then stands at `until`. `stop` is asked after each event. */
  runUntil(until: number, stop?: () => boolean): void {
    for (let next = this.#heap[0]; next !== undefined && next.at <= until; next = this.#heap[0]) {
      this.#take()
      this.#atOnce = next.at > this.#now ? 1 : this.#atOnce + 1
      this.#now = next.at
      this.#ran++
      next.run()
      if (stop?.()) return
    }
    this.#now = Math.max(this.#now, until)
  }

  #take(): void {
    const heap = this.#heap
    const last = heap.pop() as Event
    const length = heap.length
    if (length === 0) return
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= length) break
      if (child + 1 < length && before(heap[child + 1] as Event, heap[child] as Event)) child++
      const below = heap[child] as Event
      if (!before(below, last)) break
      heap[index] = below
      index = child
    }
    heap[index] = last
  }
}
