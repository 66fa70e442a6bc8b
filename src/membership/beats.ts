/**
 * News of life that may be passed on from node to node.
 *
 * Every member counts, and raises its count a few times a second while it runs. What a node has seen of all counts is
 * its liveness vector; a count that is higher than the known one is news of life at the moment it comes. A stopped
 * member's count stands still everywhere, however often it is repeated and however long a frame was under way.
 *
 * Ages ("heard 300 ms ago") were the other road. Told at first hand they are good (heartbeats of small clusters carry
 * them), but passed on they stay young: each hop adds the delay of its way, so over slow links the dead would seem to
 * live as long as somebody talks of them.
 *
 * A count that stood still for a minute says nothing any more and is not passed on: since counts come round, after a long cut what
 * one side knew last would seem to be ahead of what the other knows, or the other way about.
 *
 * On the wire a vector is two characters a member in the order of the circle, and names the view whose order that is.
 * The last few orders are kept, so that vectors can be read while views change.
 */
import type { NodeId } from '../base/ids.ts'
import { elapsedMs, type Instant } from '../base/time.ts'
import { type Circle, placeOf } from './observers.ts'
import type { Entry, RosterView } from './roster.ts'

/** Printable characters that JSON does not escape, but `"`: `#` to `~` without `\`. */
const FIRST = 35
const BACKSLASH = 92
const BASE = 91
/** Counts are told modulo this; the value itself means "never heard". At four a second they come round in 34 minutes. */
const ROUND = BASE * BASE - 1
const UNKNOWN = ROUND
/** A count so far ahead is no news but an old frame: one that was under way for more than eight minutes. */
const AHEAD_MAX = ROUND / 4
/** A count that has not changed for so long, in ms, is as good as unknown. Far less than the time after which counts come round. */
const STALE_MS = 60_000
/** Orders of earlier views that can still be read. */
const ORDERS_KEPT = 6

interface Order {
  readonly digest: number
  readonly spots: readonly Entry[]
}

/** Each place of an old order in the present one, or -1; made when first needed. */
interface OldOrder extends Order {
  places: Int32Array | undefined
}

const LETTERS = Uint8Array.from({ length: BASE }, (_, value) =>
  FIRST + value < BACKSLASH ? FIRST + value : FIRST + value + 1,
)

export class Beats {
  readonly #roster: RosterView
  readonly #circle: Circle
  #order: Order
  #old: OldOrder[] = []
  #counts = new Uint16Array(0)
  /** The counts as they are written. */
  #letters = new Uint8Array(0)
  #heardAt = new Float64Array(0)
  #changedAt = new Float64Array(0)
  #own = 0
  #written: string | undefined
  /** Vectors whose view this node does not know, and such as are no vectors. */
  unreadable = 0
  #unreadableAt: Instant | undefined

  constructor(roster: RosterView, circle: Circle) {
    this.#roster = roster
    this.#circle = circle
    this.#order = { digest: 0, spots: [] }
  }

  /** This node runs: raises its own count. */
  beat(): void {
    this.#own = (this.#own + 1) % ROUND
  }

  /** What was learned since the vector was last written goes into the next one. */
  renew(): void {
    this.#written = undefined
  }

  /** The vector, and the view that it is ordered by. */
  write(now: Instant): { readonly order: number; readonly beats: string } {
    this.#refresh()
    this.#written ??= this.#spell(now)
    return { order: this.#order.digest, beats: this.#written }
  }

  /** Takes another's vector. */
  read(order: number, beats: string, now: Instant): void {
    this.#refresh()
    const kept = order === this.#order.digest ? this.#order : this.#old.find(one => one.digest === order)
    if (kept === undefined || beats.length !== 2 * kept.spots.length) {
      this.unreadable++
      this.#unreadableAt = now
      return
    }
    if (kept === this.#order) this.#readDirectly(beats, now)
    else this.#readOld(kept as OldOrder, beats, now)
  }

  /** When a vector last came that this node could not read: since then it may have missed news of life. */
  get unreadableAt(): Instant | undefined {
    return this.#unreadableAt
  }

  /** When news of the member's life last came; undefined when none did in this incarnation. */
  heardAt(member: NodeId): Instant | undefined {
    const entry = this.#roster.get(member)
    if (entry === undefined) return undefined
    const { spots } = this.#order
    const index = placeOf(spots, entry)
    const spot = spots[index]?.record
    const isSame = spot?.id === member && spot.incarnation === entry.record.incarnation
    const at = isSame ? this.#heardAt[index] : undefined
    return at === undefined || at === Number.NEGATIVE_INFINITY ? undefined : (at as Instant)
  }

  /**
   * This node stood still: its silence is not the others', but their counts went on.
   * @param shiftMs how far the monotonic clock ran meanwhile; less than `lateMs` where the machine was suspended
   */
  stoodStill(lateMs: number, shiftMs: number): void {
    for (let i = 0; i < this.#heardAt.length; i++) {
      this.#heardAt[i] = (this.#heardAt[i] ?? 0) + shiftMs
      this.#changedAt[i] = (this.#changedAt[i] ?? 0) - (lateMs - shiftMs)
    }
  }

  #readDirectly(beats: string, now: Instant): void {
    const length = this.#counts.length
    for (let i = 0; i < length; i++) this.#take(i, countAt(beats, i), now)
  }

  #readOld(order: OldOrder, beats: string, now: Instant): void {
    order.places ??= placesOf(order.spots, this.#order.spots)
    for (let i = 0; i < order.places.length; i++) {
      const place = order.places[i] ?? -1
      if (place >= 0) this.#take(place, countAt(beats, i), now)
    }
  }

  #take(index: number, count: number, now: Instant): void {
    const known = this.#counts[index]
    if (count === known || count >= UNKNOWN || known === undefined) return
    if (known === UNKNOWN || this.#isStale(index, now)) {
      // What was counted before this node listened says nothing of now.
      this.#set(index, count, now)
      return
    }
    const ahead = count > known ? count - known : count - known + ROUND
    if (ahead > AHEAD_MAX) return
    this.#set(index, count, now)
    this.#heardAt[index] = now
  }

  #isStale(index: number, now: Instant): boolean {
    return elapsedMs((this.#changedAt[index] ?? 0) as Instant, now) > STALE_MS
  }

  #spell(now: Instant): string {
    const self = this.#roster.get(this.#roster.self.id)
    const { spots } = this.#order
    const index = self === undefined ? -1 : placeOf(spots, self)
    if (spots[index]?.record.id === self?.record.id) this.#set(index, this.#own, now)
    // The count itself is kept, so that it is known again when others repeat it.
    for (let i = 0; i < spots.length; i++) if (this.#isStale(i, now)) this.#spellCount(i, UNKNOWN)
    let text = ''
    for (let from = 0; from < this.#letters.length; from += CHUNK)
      text += Reflect.apply(String.fromCharCode, undefined, this.#letters.subarray(from, from + CHUNK))
    return text
  }

  #set(index: number, count: number, now: Instant): void {
    this.#counts[index] = count
    this.#changedAt[index] = now
    this.#spellCount(index, count)
  }

  #spellCount(index: number, count: number): void {
    this.#letters[2 * index] = LETTERS[Math.trunc(count / BASE)] ?? FIRST
    this.#letters[2 * index + 1] = LETTERS[count % BASE] ?? FIRST
  }

  /** Follows the view: who is still there in the same incarnation keeps its count. */
  #refresh(): void {
    const spots = this.#circle.spots()
    if (spots === this.#order.spots) return
    const before = this.#order
    const places = placesOf(before.spots, spots)
    const counts = this.#counts
    const heardAt = new Float64Array(spots.length).fill(Number.NEGATIVE_INFINITY)
    const changedAt = heardAt.slice()
    this.#counts = new Uint16Array(spots.length).fill(UNKNOWN)
    this.#letters = new Uint8Array(2 * spots.length).fill(LETTERS[BASE - 1] ?? FIRST)
    for (let i = 0; i < places.length; i++) {
      const place = places[i] ?? -1
      if (place < 0) continue
      this.#counts[place] = counts[i] ?? UNKNOWN
      this.#spellCount(place, counts[i] ?? UNKNOWN)
      heardAt[place] = this.#heardAt[i] ?? Number.NEGATIVE_INFINITY
      changedAt[place] = this.#changedAt[i] ?? Number.NEGATIVE_INFINITY
    }
    this.#order = { digest: this.#roster.digest(), spots }
    this.#heardAt = heardAt
    this.#changedAt = changedAt
    this.#written = undefined
    this.#old = [{ ...before, places: undefined }, ...this.#old].slice(0, ORDERS_KEPT)
    for (const old of this.#old) old.places = undefined
  }
}

/** Letters written at once: a call takes only so many arguments. */
const CHUNK = 4_096

function countAt(beats: string, index: number): number {
  const high = digit(beats.charCodeAt(2 * index))
  const low = digit(beats.charCodeAt(2 * index + 1))
  return high < 0 || low < 0 ? UNKNOWN : high * BASE + low
}

function digit(letter: number): number {
  if (letter < FIRST || letter > FIRST + BASE || letter === BACKSLASH) return -1
  return letter > BACKSLASH ? letter - FIRST - 1 : letter - FIRST
}

/** Where each member of one order stands in another, in the same incarnation; -1 for those who do not. Both on the circle. */
function placesOf(from: readonly Entry[], to: readonly Entry[]): Int32Array {
  const places = new Int32Array(from.length).fill(-1)
  let j = 0
  for (let i = 0; i < from.length; i++) {
    const entry = from[i]
    if (entry === undefined) continue
    while (j < to.length && stands(to[j], entry)) j++
    const there = to[j]
    if (there?.record.id === entry.record.id && there.record.incarnation === entry.record.incarnation)
      places[i] = j
  }
  return places
}

/** Does a member stand before another on the circle? */
function stands(a: Entry | undefined, b: Entry): boolean {
  if (a === undefined) return false
  return a.point < b.point || (a.point === b.point && a.record.id < b.record.id)
}
