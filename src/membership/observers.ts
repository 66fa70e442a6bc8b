import type { NodeId } from '../base/ids.ts'
import type { Entry, RosterView } from './roster.ts'

/** Members whose duty is to watch one: more make a verdict surer, fewer make it cheaper. */
export const OBSERVERS_MAX = 10

/**
 * The living members on a circle, with one hash point each. The observers of a member are the next `OBSERVERS_MAX` on
 * it, so that they are near each other and linked. Up to 11 members everybody observes everybody.
 *
 * All nodes with equal views have equal circles, so it is also the order in which they write about members.
 *
 * The duty to observe passes over those who are lost: heard by nobody for so long that they and all around them must be
 * beyond a cut. Without that a small part of a network would keep most of the other part as living for ever, for want of
 * observers on its own side.
 */
export class Circle {
  readonly #roster: RosterView
  #living: readonly Entry[] | undefined
  #spots: readonly Entry[] = []
  #lost: ReadonlySet<NodeId> = new Set()

  constructor(roster: RosterView) {
    this.#roster = roster
  }

  /** The living members in the order of the circle; a new array whenever one of them changed. */
  spots(): readonly Entry[] {
    const living = this.#roster.living()
    if (living !== this.#living) {
      this.#living = living
      this.#spots = this.#without() ?? [...living].sort(order)
    }
    return this.#spots
  }

  /** When members only went or changed, the rest stand as they stood; undefined when one came. */
  #without(): Entry[] | undefined {
    const rest = this.#spots.flatMap(({ record }) => {
      const entry = this.#roster.get(record.id)
      return entry?.record.status === 'alive' ? [entry] : []
    })
    return rest.length === this.#roster.livingCount ? rest : undefined
  }

  /** Living members that this node must take for lost; a new set whenever it changes. */
  get lost(): ReadonlySet<NodeId> {
    return this.#lost
  }

  setLost(lost: ReadonlySet<NodeId>): void {
    if (lost.size === this.#lost.size && [...lost].every(id => this.#lost.has(id))) return
    this.#lost = lost
  }

  /** True while every member observes every other. */
  get small(): boolean {
    return this.#roster.livingCount <= OBSERVERS_MAX + 1
  }

  observersOf(subject: NodeId): NodeId[] {
    if (this.small) return ids(this.#roster.living()).filter(id => id !== subject)
    return ids(this.#after(subject, OBSERVERS_MAX))
  }

  observes(node: NodeId, subject: NodeId): boolean {
    if (node === subject) return false
    if (this.#lost.size > 0) return this.observersOf(subject).includes(node)
    return this.small || this.#isWithin(this.spots(), node, subject, OBSERVERS_MAX)
  }

  /**
   * Is the node an observer of the subject, or was it one before a few members came or went? Asked for each of many
   * records that come at once, so it looks at the circle as it was when somebody last needed it to be exact.
   */
  isNear(node: NodeId, subject: NodeId): boolean {
    return this.small || this.#isWithin(this.#spots, node, subject, 2 * OBSERVERS_MAX)
  }

  /** Those whom a node observes: the ones before it. */
  observedBy(node: NodeId): NodeId[] {
    if (this.small) return ids(this.#roster.living()).filter(id => id !== node)
    const spots = this.spots()
    const at = this.indexOf(node)
    const before: NodeId[] = []
    let between = 0
    for (let back = 1; back < spots.length && between < OBSERVERS_MAX; back++) {
      const id = spots[mod(at - back, spots.length)]?.record.id
      if (id === undefined || id === node) continue
      before.push(id)
      if (!this.#lost.has(id)) between++
    }
    return before
  }

  /** Where a member stands; where it would stand, when it does not live. */
  indexOf(member: NodeId): number {
    const spots = this.spots()
    const wanted = this.#roster.get(member)
    return wanted === undefined ? 0 : placeOf(spots, wanted)
  }

  #isWithin(spots: readonly Entry[], node: NodeId, subject: NodeId, reach: number): boolean {
    const [there, here] = [this.#roster.get(node), this.#roster.get(subject)]
    if (there === undefined || here === undefined || spots.length === 0) return false
    const from = placeOf(spots, here)
    const ahead = mod(placeOf(spots, there) - from, spots.length)
    // Where the subject itself does not stand, the first after it stands in its place.
    return spots[from]?.record.id === subject ? ahead >= 1 && ahead <= reach : ahead < reach
  }

  #after(subject: NodeId, many: number): Entry[] {
    const spots = this.spots()
    const at = this.indexOf(subject)
    const first = spots[at]?.record.id === subject ? at + 1 : at
    const next: Entry[] = []
    for (let i = 0; i < spots.length && next.length < many; i++) {
      const entry = spots[mod(first + i, spots.length)]
      if (entry === undefined || entry.record.id === subject || this.#lost.has(entry.record.id)) continue
      next.push(entry)
    }
    return next
  }
}

/** Where a member stands among these, or would. */
export function placeOf(spots: readonly Entry[], wanted: Entry): number {
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

function order(a: Entry, b: Entry): number {
  if (a.point !== b.point) return a.point - b.point
  return a.record.id < b.record.id ? -1 : a.record.id === b.record.id ? 0 : 1
}

const ids = (entries: readonly Entry[]): NodeId[] => entries.map(entry => entry.record.id)

const mod = (index: number, length: number): number => ((index % length) + length) % length
