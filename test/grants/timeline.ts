/** True time: what happens next, in the order of its instant, then of its being planned. */
interface Event {
  readonly at: number
  readonly order: number
  readonly run: () => void
}

export class Timeline {
  now = 0
  #order = 0
  readonly #heap: Event[] = []

  after(ms: number, run: () => void): void {
    this.at(this.now + ms, run)
  }

  at(at: number, run: () => void): void {
    const event = { at, order: this.#order++, run }
    const heap = this.#heap
    let i = heap.push(event) - 1
    while (i > 0) {
      const up = (i - 1) >> 1
      const parent = heap[up]
      if (!parent || !before(event, parent)) break
      heap[i] = parent
      i = up
    }
    heap[i] = event
  }

  runUntil(end: number): void {
    for (let next = this.#heap[0]; next && next.at <= end; next = this.#heap[0]) {
      this.#pop()
      this.now = next.at
      next.run()
    }
    this.now = end
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (!last || heap.length === 0) return
    let i = 0
    for (;;) {
      const left = heap[2 * i + 1]
      if (!left) break
      const right = heap[2 * i + 2]
      const [child, at] = right && before(right, left) ? [right, 2 * i + 2] : [left, 2 * i + 1]
      if (!before(child, last)) break
      heap[i] = child
      i = at
    }
    heap[i] = last
  }
}

const before = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)
