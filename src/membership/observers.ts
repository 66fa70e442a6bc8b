import type { NodeId } from '../base/ids.ts'
import type { Entry, RosterView } from './roster.ts'

/** Members whose duty is to watch one: more make a verdict surer, fewer make it cheaper. */
export const OBSERVERS_MAX = 10

/**
 * The living members on a circle, with one hash point each. The observers of a member are the next `OBSERVERS_MAX` on
 * it, so that they are near each other and linked. Up to 11 members everybody observes everybody.
 *
 * All nodes with equal views have equal circles, so it is also the order in which they write about members.
 */
export class Circle {
  readonly #roster: RosterView
  #living: readonly Entry[] | undefined
  #spots: readonly Entry[] = []

  constructor(roster: RosterView) {
    this.#roster = roster
  }

  /** The living members in the order of the circle; a new array whenever one of them changed. */
  spots(): readonly Entry[] {
    const living = this.#roster.living()
    if (living !== this.#living) {
      this.#living = living
      this.#spots = [...living].sort(order)
    }
    return this.#spots
  }

  /** True while every member observes every other. */
  get small(): boolean {
    return this.#roster.livingCount <= OBSERVERS_MAX + 1
  }

  observersOf(subject: NodeId): NodeId[] {
    if (this.small) return ids(this.#roster.living()).filter(id => id !== subject)
    return ids(this.#after(subject, OBSERVERS_MAX))
  }

  /** Is the node an observer of the subject, or was it one before a few members came or went? */
  isNear(node: NodeId, subject: NodeId): boolean {
    if (this.small) return true
    return this.#after(subject, 2 * OBSERVERS_MAX).some(({ record }) => record.id === node)
  }

  /** Those whom a node observes: the ones before it. */
  observedBy(node: NodeId): NodeId[] {
    if (this.small) return ids(this.#roster.living()).filter(id => id !== node)
    const spots = this.spots()
    const at = this.indexOf(node)
    return Array.from({ length: OBSERVERS_MAX }, (_, i) => spots[mod(at - 1 - i, spots.length)])
      .flatMap(entry => (entry === undefined ? [] : [entry.record.id]))
      .filter(id => id !== node)
  }

  /** Where a member stands; where it would stand, when it does not live. */
  indexOf(member: NodeId): number {
    const spots = this.spots()
    const wanted = this.#roster.get(member)
    if (wanted === undefined) return 0
    let low = 0
    let high = spots.length
    while (low < high) {
      const middle = (low + high) >> 1
      const spot = spots[middle]
      if (spot !== undefined && order(spot, wanted) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  #after(subject: NodeId, many: number): Entry[] {
    const spots = this.spots()
    const at = this.indexOf(subject)
    const first = spots[at]?.record.id === subject ? at + 1 : at
    const next: Entry[] = []
    for (let i = 0; i < many; i++) {
      const entry = spots[mod(first + i, spots.length)]
      if (entry !== undefined && entry.record.id !== subject) next.push(entry)
    }
    return next
  }
}

const order = (a: Entry, b: Entry): number => a.point - b.point || (a.record.id < b.record.id ? -1 : 1)

const ids = (entries: readonly Entry[]): NodeId[] => entries.map(entry => entry.record.id)

const mod = (index: number, length: number): number => ((index % length) + length) % length
