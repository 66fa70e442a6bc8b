import { assert } from '../base/assert.ts'
import type { NodeId, TaskId } from '../base/ids.ts'
import type { Instant, Now } from '../base/time.ts'
import { Ages } from './ages.ts'
import { type Limits, NO_LIMITS } from './limits.ts'
import type { Offers } from './offers.ts'
import { Pauses } from './pauses.ts'
import { type Load, type Obstacle, Queue } from './queue.ts'
import { type Entry, rank, weigh } from './table.ts'
import type { Attempt } from './task.ts'

/** An attempt that runs on this node. */
export interface Running {
  readonly entry: Entry
  readonly attempt: Attempt
  /** End of the right to run it, as last seen; `NEVER` in available mode. */
  until: Instant
  /** What the executor was told of that. */
  told: Instant
  /** The executor was told to begin; until then nothing runs. */
  ordered: boolean
  orderedAt?: Instant
  /** The client's offer of which it took a place. */
  readonly offer?: number | undefined
  /** Enough holders know of it; if it was not ordered, it waits for a place. */
  durable: boolean
  /** Its end was ordered and is in the record, because this node leaves or the right has ended. */
  abandoned: boolean
}

/** What this node carries out by itself; what is served by claim has its type for a class. */
const OWN = ''

/**
 * Where each unfinished task of this node waits. An entry is in exactly one place:
 *   gated      gained, and the takeover is still asking who knows what
 *   queued     ready; best first, one at a time per key, within the limits of its type and group, and withheld while the
 *              key may not be acted for
 *   delayed    pausing before a retry, or not to start before a time, or ready and barred by another task of its id
 *   elsewhere  another live node still runs it; its key is busy
 *   here       runs; its key is busy
 */
export class Schedule {
  readonly #gated = new Set<Entry>()
  readonly #offers: Offers | undefined
  readonly #queue: Queue<Entry>
  readonly #delayed = new Pauses()
  readonly #ages = new Ages()
  readonly #elsewhere = new Map<Entry, NodeId>()
  readonly #here = new Map<TaskId, Running>()
  #hereVersion = 0
  #claimed = 0
  #executing = 0

  /** @param offers what clients offer; without it this node carries out everything by itself */
  constructor(limits: Limits = NO_LIMITS, offers?: Offers) {
    this.#queue = new Queue<Entry>(limits)
    this.#offers = offers
  }

  get queued(): number {
    return this.#queue.size
  }

  /** Running on this node, without what it has given up. */
  get running(): number {
    let abandoned = 0
    for (const running of this.#here.values()) if (running.abandoned) abandoned++
    return this.#here.size - abandoned
  }

  /** All attempts that are this node's: what was given up still runs until it says that it ended. */
  get occupied(): number {
    return this.#here.size
  }

  /** Of these, carried out by clients, and not by hands of this node. */
  get claimed(): number {
    return this.#claimed
  }

  /** Carried out by hands of this node: of these the executor was told. As many slots are in use. */
  get executing(): number {
    return this.#executing
  }

  /** For hands of this node: being noted on disks, or waiting for a slot. */
  get noted(): number {
    return this.#here.size - this.#claimed - this.#executing
  }

  get gated(): ReadonlySet<Entry> {
    return this.#gated
  }

  get elsewhere(): ReadonlyMap<Entry, NodeId> {
    return this.#elsewhere
  }

  get here(): ReadonlyMap<TaskId, Running> {
    return this.#here
  }

  /** Changes with what runs here. */
  get hereVersion(): number {
    return this.#hereVersion
  }

  /** Of what is queued: waits for the right to act. */
  get withheld(): number {
    return this.#queue.withheld
  }

  /** Keys of which something is ready or runs. */
  get keys(): number {
    return this.#queue.keys
  }

  /** What is ready and what runs here, by type. */
  get types(): ReadonlyMap<string, Readonly<Load>> {
    return this.#queue.types
  }

  /** What is ready, and what runs here or elsewhere, by group; '' is what is in none. */
  get groups(): ReadonlyMap<string, Readonly<Load>> {
    return this.#queue.groups
  }

  /** Why this one, which is queued, is not taken at this moment. */
  obstacle(entry: Entry): Obstacle | 'claim' {
    const obstacle = this.#queue.obstacle(entry)
    const unclaimed = this.#classOf(entry) !== OWN && this.#offers?.has(entry.demand.type) === false
    return obstacle === 'slot' && unclaimed ? 'claim' : obstacle
  }

  get nextDue(): Instant {
    return this.#delayed.nextDue
  }

  gate(entry: Entry): void {
    this.#settle(entry, 'gated')
    this.#gated.add(entry)
  }

  enqueue(entry: Entry, now: Now): void {
    this.#settle(entry, 'queued')
    rank(entry, this.#ages, now)
    this.#queue.add(entry)
  }

  delay(entry: Entry, now: Now): void {
    this.#settle(entry, 'delayed')
    this.#delayed.add(entry, now)
  }

  /** It is ready and cannot begin: it is looked at again in a while, and others of its key go on. */
  hold(entry: Entry, now: Now): void {
    this.#settle(entry, 'delayed')
    this.#delayed.hold(entry, now)
  }

  /** It runs on `node`. */
  awaitFrom(entry: Entry, node: NodeId): void {
    this.#settle(entry, 'elsewhere')
    this.#elsewhere.set(entry, node)
    this.#queue.block(entry.key, entry.demand, false)
  }

  /** It runs here, and may until then. */
  run(entry: Entry, attempt: Attempt, until: Instant, ordered = true, offer?: number): void {
    this.#settle(entry, 'here')
    const fresh = { told: until, ordered, durable: ordered, abandoned: false }
    this.#here.set(entry.id, { entry, attempt, until, offer, ...fresh })
    this.#hereVersion++
    if (this.#classOf(entry) !== OWN) this.#claimed++
    else if (ordered) this.#executing++
    this.#queue.block(entry.key, entry.demand)
  }

  /** The executor is told now. */
  order(running: Running, now: Instant): void {
    if (running.ordered) return
    running.ordered = true
    running.orderedAt = now
    if (this.#classOf(running.entry) === OWN) this.#executing++
  }

  isClaimed(entry: Entry): boolean {
    return this.#classOf(entry) !== OWN
  }

  /**
   * The best task that may run, and for which there is a hand: a client that waits for its type, or
   * one of this node.
   *
   * @param ownFree has this node a hand free?
   */
  first(ownFree: boolean): Entry | undefined {
    return this.#queue.first(type => (this.#offers?.serves(type) ? this.#offers.has(type) : ownFree))
  }

  /** Keys whose best task is of this type, and waits for a client of those that carry out the type. */
  awaitingClaim(type: string): number {
    return this.#queue.standing(type)
  }

  /** The key may not be acted for: nothing of it is offered until it is released. */
  withhold(key: string): void {
    this.#queue.withhold(key)
  }

  /** Keys may be acted for that might not before. */
  recall(): void {
    this.#queue.recall()
  }

  /** Offers again what was recalled, `max` keys at most. True when there is more. */
  release(max: number): boolean {
    return this.#queue.release(max)
  }

  /** One whose pause is over; it is nowhere then. */
  takeDue(now: Now): Entry | undefined {
    const entry = this.#delayed.firstDue(now)
    if (entry !== undefined) this.clear(entry)
    return entry
  }

  /** Out of wherever it is. */
  clear(entry: Entry): void {
    const place = entry.place
    entry.place = 'nowhere'
    if (place === 'gated') this.#gated.delete(entry)
    else if (place === 'queued') this.#queue.remove(entry)
    else if (place === 'delayed') this.#delayed.remove(entry)
    else if (place === 'elsewhere') {
      this.#elsewhere.delete(entry)
      this.#queue.unblock(entry.key, entry.demand, false)
    } else if (place === 'here') {
      const ordered = this.#here.get(entry.id)?.ordered === true
      this.#here.delete(entry.id)
      this.#hereVersion++
      if (this.#classOf(entry) !== OWN) this.#claimed--
      else if (ordered) this.#executing--
      this.#queue.unblock(entry.key, entry.demand)
    }
  }

  #classOf({ demand }: Entry): string {
    return this.#offers?.serves(demand.type) === true ? demand.type : OWN
  }

  #settle(entry: Entry, place: Entry['place']): void {
    assert(entry.place === 'nowhere', 'a task waits in one place', {
      task: entry.id,
      at: entry.place,
      to: place,
    })
    entry.place = place
    // Of what it is now: its id may have had another life before.
    weigh(entry)
  }
}
