/**
 * Which of the slots that are due are to be made? Nearly always there is one, and it is on time. After a gap (takeover, no
 * quorum, all nodes down) there may be thousands, and each costs a look into the calendar; so this is done in pieces.
 *
 * Rule: slots on time are made. Of the late ones the newest `keepMax` are (0, 1 or as many as the configuration says, by the policy
 * of the schedule, and none of them where a later one is on time and the policy is `last`). One whose task is there was made by
 * somebody who could not write it down any more: it counts as made, however late, and no range of missed ones spans it. A gap of
 * more than `LOOKED_MAX` slots is not walked through: the look jumps half of the way to now, again and again, and the slots between
 * go uncounted.
 */
import { CLOCK_APART_MS } from './clocks.ts'
import { type NextSlot, slotAfter, type Timing } from './timing.ts'

/** Slots that are looked at one by one before the look jumps: 0.4 s of work in all. */
export const LOOKED_MAX = 2_000

/** Late slots that are not made, and none between them that is. */
export interface LateRange {
  readonly from: number
  readonly to: number
  readonly count: number
  readonly more: boolean
}

/** What is to become of everything that was due. */
export interface Verdict {
  /** To be made, or made already; oldest first. */
  readonly make: readonly number[]
  /** The late ones that are not made; oldest first. */
  readonly late: readonly LateRange[]
  /** All slots up to here are decided. */
  readonly to: number
}

export class Backlog {
  readonly #timing: Timing
  readonly #keepMax: number
  readonly #onlyNewest: boolean
  readonly #nextSlot: NextSlot
  readonly #isMade: (slot: number) => boolean
  /** Late ones whose task is there. */
  readonly #made: number[] = []
  /** Late ones that are kept so far. */
  #kept: number[] = []
  #onTime: number[] = []
  #late: LateRange[] = []
  #looked = 0
  #at: number

  /**
   * @param after everything up to here is decided already
   * @param keepMax how many late ones may be made
   * @param onlyNewest late ones are not made where a later slot is on time (policy `last`)
   * @param isMade is the task of this slot there?
   */
  constructor(
    timing: Timing,
    after: number,
    keepMax: number,
    onlyNewest: boolean,
    nextSlot: NextSlot,
    isMade: (slot: number) => boolean = () => false,
  ) {
    this.#isMade = isMade
    this.#timing = timing
    this.#at = after
    this.#keepMax = keepMax
    this.#onlyNewest = onlyNewest
    this.#nextSlot = nextSlot
  }

  /** Slots looked at so far. */
  get looked(): number {
    return this.#looked
  }

  /** Looks at `max` slots at most. Undefined: there is more to look at. */
  look(wall: number, max: number): Verdict | undefined {
    for (let looks = 0; looks < max; looks++) {
      const slot = slotAfter(this.#timing, this.#at, this.#nextSlot)
      if (slot === undefined || slot > wall) return this.#verdict()
      this.#take(slot, wall)
    }
    return undefined
  }

  #take(slot: number, wall: number): void {
    this.#at = slot
    this.#looked++
    if (wall - slot <= CLOCK_APART_MS) {
      this.#onTime.push(slot)
      return
    }
    if (this.#isMade(slot)) this.#made.push(slot)
    else this.#kept.push(slot)
    if (this.#kept.length > this.#keepMax) this.#miss(this.#kept.shift() as number)
    if (this.#looked % LOOKED_MAX !== 0) return
    const middle = slot + Math.floor((wall - CLOCK_APART_MS - slot) / 2)
    if (middle <= slot) return
    const last = this.#late.pop()
    if (last !== undefined) this.#late.push({ ...last, to: middle, more: true })
    this.#at = middle
  }

  #miss(slot: number): void {
    const last = this.#late.at(-1)
    const between = this.#made.findLast(made => made < slot) ?? 0
    if (last === undefined || between > last.to)
      this.#late.push({ from: slot, to: slot, count: 1, more: false })
    else this.#late[this.#late.length - 1] = { ...last, to: slot, count: last.count + 1 }
  }

  #verdict(): Verdict {
    const superseded = this.#onlyNewest && this.#onTime.length > 0
    if (superseded) for (const slot of this.#kept) this.#miss(slot)
    const make = [...this.#made, ...(superseded ? [] : this.#kept), ...this.#onTime].sort((a, b) => a - b)
    return { make, late: this.#late, to: this.#at }
  }
}
