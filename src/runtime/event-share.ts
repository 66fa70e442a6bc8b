/** A bounded part of the events that are kept, in the order of their numbers; the oldest go first. */
import type { EventLimits, EventType, NodeEvent } from './events.ts'

interface Kept extends NodeEvent {
  /** Estimated memory. */
  readonly bytes: number
}

/** Places of dropped events that are given back together. */
const TRIM_MIN = 1_024

export class EventShare {
  readonly #limits: EventLimits
  readonly #goneTo = new Map<EventType, number>()
  #events: Kept[] = []
  /** Index of the oldest one kept. */
  #head = 0
  #bytes = 0
  #gone = 0

  constructor(limits: EventLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#events.length - this.#head
  }

  get bytes(): number {
    return this.#bytes
  }

  /** How many were dropped since the start. */
  get gone(): number {
    return this.#gone
  }

  /** @param event its number is above all before */
  add(event: Kept): void {
    this.#events.push(event)
    this.#bytes += event.bytes
    while (this.size > this.#limits.eventsMax || this.#bytes > this.#limits.bytesMax) this.#dropOldest()
  }

  /** The oldest one kept that has this number or a higher one. */
  from(number: number): NodeEvent | undefined {
    return this.#events[this.#indexFrom(number)]
  }

  /** How many are kept of these numbers, both included. */
  countBetween(first: number, last: number): number {
    return Math.max(0, this.#indexFrom(last + 1) - this.#indexFrom(first))
  }

  /** Number of the last one of this type that was dropped; 0 when none was. */
  goneTo(type: EventType): number {
    return this.#goneTo.get(type) ?? 0
  }

  /** By halves. */
  #indexFrom(number: number): number {
    let low = this.#head
    let high = this.#events.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const found = this.#events[middle]
      if (found !== undefined && found.number < number) low = middle + 1
      else high = middle
    }
    return low
  }

  #dropOldest(): void {
    const oldest = this.#events[this.#head]
    if (oldest === undefined) return
    this.#bytes -= oldest.bytes
    this.#goneTo.set(oldest.type, oldest.number)
    this.#gone++
    this.#head++
    if (this.#head < TRIM_MIN || this.#head * 2 < this.#events.length) return
    this.#events = this.#events.slice(this.#head)
    this.#head = 0
  }
}
