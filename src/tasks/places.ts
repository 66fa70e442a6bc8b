/**
 * Where attempts of this node are carried out: on its own places, as many as `concurrency` says, or on those that clients offer.
 *
 * Where copies are counted an attempt is noted on the disks of holders before it has a place (`ahead.ts` says how many may be).
 * Once noted it takes a place at once if one is free, else when one becomes free, in the order in which they came; whoever
 * waits for too long is given back, and another may go first. A client's place is taken when the attempt begins, so what is
 * for a client waits for none; if it is given up before it was ordered, the place is free again.
 */
import { after, elapsedMs, type Instant, NEVER } from '../base/time.ts'
import { AHEAD_MS_MAX, Ahead } from './ahead.ts'
import type { TasksConfig } from './config.ts'
import type { AttemptOrder, Step } from './effects.ts'
import type { Offers } from './offers.ts'
import type { Right } from './right.ts'
import type { Running, Schedule } from './schedule.ts'
import type { AttemptError } from './task.ts'

const NO_PLACE: AttemptError = {
  code: 'CANCELLED',
  message: `no place became free for it within ${AHEAD_MS_MAX} ms`,
}

/** Until when it may run is said when it has a place. */
export type Order = Omit<AttemptOrder, 'until'>

/** Waits for a place. */
interface Noted {
  readonly running: Running
  readonly order: Order
  readonly since: Instant
}

export interface PlacesParts {
  readonly schedule: Schedule
  readonly right: Right
  readonly config: TasksConfig
  /** What clients offer; without it nothing is carried out by clients. */
  readonly offers?: Offers
}

export interface PlacesUse {
  /** It has a place. */
  readonly order: (running: Running, order: Order, step: Step) => void
  /** No place became free for it in time: it counts as no attempt, and its task waits anew. */
  readonly giveBack: (running: Running, error: AttemptError, step: Step) => void
}

export class Places {
  readonly #parts: PlacesParts
  readonly #use: PlacesUse
  readonly #ahead = new Ahead()
  /** In the order in which they came. Who was stopped meanwhile is still in it. */
  readonly #noted: Noted[] = []

  constructor(parts: PlacesParts, use: PlacesUse) {
    this.#parts = parts
    this.#use = use
  }

  /** Attempts that may be under way on this node besides those that clients carry out. */
  get count(): number {
    const { config, right } = this.#parts
    return config.concurrency + (right.epochs?.only === true ? this.#ahead.beyond(config.concurrency) : 0)
  }

  /** The number of the client's offer of which an attempt of this type takes a place; undefined: it takes one of this node. */
  takeOffered(type: string): number | undefined {
    return this.#parts.offers?.take(type)
  }

  /** It was given up before it was ordered, and is in nobody's hands. */
  leave(running: Running): void {
    this.#parts.schedule.clear(running.entry)
    this.unused(running)
  }

  /** Nobody was asked to carry it out: the place that a client offered for it is free, or that would wait in vain. */
  unused({ offer }: Running): void {
    if (offer !== undefined) this.#parts.offers?.putBack(offer)
  }

  /** Enough holders know of it, so long after it began, in ms. */
  noted(ms: number): void {
    this.#ahead.noted(ms)
  }

  /** An attempt has ended. */
  ended({ orderedAt }: Running, now: Instant): void {
    if (orderedAt !== undefined) this.#ahead.ran(elapsedMs(orderedAt, now))
  }

  /** What is noted takes a place, or waits for one. */
  take(running: Running, order: Order, step: Step): void {
    const { schedule, config } = this.#parts
    const full = schedule.executing >= config.concurrency || this.#noted.length > 0
    if (full && !schedule.isClaimed(running.entry)) this.#noted.push({ running, order, since: step.now.mono })
    else this.#use.order(running, order, step)
  }

  /** Gives free places to those who wait for one. */
  fill(step: Step): void {
    if (this.#noted.length === 0) return
    const { schedule, config } = this.#parts
    let taken = 0
    for (const { running, order } of this.#noted) {
      if (schedule.executing >= config.concurrency) break
      taken++
      if (this.#waits(running)) this.#use.order(running, order, step)
    }
    this.#noted.splice(0, taken)
  }

  /** Gives back what has waited for a place for too long. */
  tick(step: Step): void {
    let givenBack = 0
    for (let [first] = this.#noted; first !== undefined; [first] = this.#noted) {
      if (after(first.since, AHEAD_MS_MAX) > step.now.mono) break
      this.#noted.shift()
      const { running } = first
      if (!this.#waits(running)) continue
      givenBack++
      this.#use.giveBack(running, NO_PLACE, step)
    }
    if (givenBack > 0) this.#ahead.tooMany()
  }

  /** When somebody has waited for too long. */
  nextWake(): Instant {
    const [first] = this.#noted
    return first === undefined ? NEVER : after(first.since, AHEAD_MS_MAX)
  }

  #waits(running: Running): boolean {
    return this.#parts.schedule.here.get(running.entry.id) === running && !running.abandoned
  }
}
