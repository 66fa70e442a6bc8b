/** Virtual time, in ms: what is to happen, in the order of its instants; of one instant, in the order it was asked for. */
import assert from 'node:assert/strict'

interface Event {
  readonly at: number
  readonly order: number
  readonly run: () => void
}

export class Timeline {
  now = 0
  readonly #events: Event[] = []
  #orders = 0

  at(at: number, run: () => void): void {
    const event = { at, order: this.#orders++, run }
    let low = 0
    let high = this.#events.length
    while (low < high) {
      const middle = (low + high) >> 1
      const other = this.#events[middle] as Event
      if (other.at < at || (other.at === at && other.order < event.order)) low = middle + 1
      else high = middle
    }
    this.#events.splice(low, 0, event)
  }

  next(): void {
    const event = this.#events.shift()
    assert(event, 'something is left to happen')
    this.now = event.at
    event.run()
  }

  /** All that happens within this time. */
  pass(ms: number): void {
    const deadline = this.now + ms
    while ((this.#events[0]?.at ?? Number.POSITIVE_INFINITY) <= deadline) this.next()
    this.now = deadline
  }
}
