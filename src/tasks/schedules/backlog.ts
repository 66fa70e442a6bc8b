/**
 * Which of the slots that are due are to be made? Nearly always there is one, and it is on time. After a gap (takeover, no
 * quorum, all nodes down) there may be thousands, and each costs a look into the calendar; so this is done in pieces.
 *
 * Rule: slots on time are made. Of the late ones the newest `keepMax` are (0, 1 or as many as the configuration says, by the policy
 * of the schedule, and none of them where a later one is on time and the policy is `last`). One whose task is there was made by
 * somebody who could not write it down any more: it counts as made, however late, and no range of missed ones spans it. A gap of
 * more than `LOOKED_MAX` slots is not walked through: the look jumps half of the way to now, again and again, and the slots between
 * are a range of missed ones that is not counted. So every slot is made or lies in one range, whatever is kept on both sides of it.
 * A jump leaves at least as much time to look at as the walk before it took: else slots that are newer than those kept were left out.
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

/** What slots there are, and which of the late ones are made. */
export interface BacklogRules {
  readonly timing: Timing
  readonly nextSlot: NextSlot
  /** How many late ones may be made. */
  readonly keepMax: number
  /** Late ones are not made where a later slot is on time (policy `last`). */
  readonly onlyNewest: boolean
  /** Is the task of this slot there? */
  readonly isMade: (slot: number) => boolean
  /** The first slot after this instant whose task is there. Asked before a jump only. */
  readonly madeAfter: (afterMs: number) => number | undefined
}

export class Backlog {
  readonly #rules: BacklogRules
  /** To be made for sure: on time, or made already. */
  readonly #make: number[] = []
  /** Late ones that are kept so far, oldest first. */
  readonly #kept: number[] = []
  readonly #missed: LateRange[] = []
  #anyOnTime = false
  #looked = 0
  #at: number
  /** Where the walk began that goes on now. */
  #walkedFrom: number

  /** @param after everything up to here is decided already */
  constructor(after: number, rules: BacklogRules) {
    this.#rules = rules
    this.#at = after
    this.#walkedFrom = after
  }

  /** Slots looked at so far. */
  get looked(): number {
    return this.#looked
  }

  /** Looks at `max` slots at most. Undefined: there is more to look at. */
  look(wall: number, max: number): Verdict | undefined {
    for (let looks = 0; looks < max; looks++) {
      const slot = this.#after(this.#at)
      if (slot === undefined || slot > wall) return this.#verdict()
      this.#take(slot, wall)
    }
    return undefined
  }

  #take(slot: number, wall: number): void {
    this.#at = slot
    this.#looked++
    if (wall - slot <= CLOCK_APART_MS) {
      this.#make.push(slot)
      this.#anyOnTime = true
      return
    }
    if (this.#rules.isMade(slot)) this.#make.push(slot)
    else this.#kept.push(slot)
    if (this.#kept.length > this.#rules.keepMax) this.#miss(this.#kept.shift() as number)
    if (this.#looked % LOOKED_MAX === 0) this.#jump(wall)
  }

  #jump(wall: number): void {
    const from = this.#at
    const walkedMs = from - this.#walkedFrom
    this.#walkedFrom = from
    const middle = from + Math.floor((wall - CLOCK_APART_MS - from) / 2)
    if (middle - from < walkedMs) return
    const made = this.#rules.madeAfter(from)
    const to = made === undefined ? middle : Math.min(middle, made - 1)
    const first = this.#after(from)
    if (first === undefined || first > to) return
    this.#missed.push({ from: first, to, count: 1, more: true })
    this.#at = to
    this.#walkedFrom = to
  }

  #after(at: number): number | undefined {
    return slotAfter(this.#rules.timing, at, this.#rules.nextSlot)
  }

  /** Joined to the one before where it can be: of a long gap there are tens of thousands, and of schedules a thousand. */
  #miss(slot: number): void {
    const last = this.#missed.at(-1)
    const made = this.#make.findLast(each => each < slot) ?? 0
    if (last !== undefined && last.to < slot && made < last.to)
      this.#missed[this.#missed.length - 1] = { ...last, to: slot, count: last.count + 1 }
    else this.#missed.push({ from: slot, to: slot, count: 1, more: false })
  }

  #verdict(): Verdict {
    const superseded = this.#rules.onlyNewest && this.#anyOnTime
    if (superseded) for (const slot of this.#kept) this.#miss(slot)
    const make = [...this.#make, ...(superseded ? [] : this.#kept)].sort((a, b) => a - b)
    return { make, late: rangesBetween(make, this.#missed), to: this.#at }
  }
}

/** As few ranges as there can be, oldest first: of those that are missed in a row, with none between them that is made. */
function rangesBetween(make: readonly number[], missed: readonly LateRange[]): LateRange[] {
  const ranges: LateRange[] = []
  let next = 0
  for (const each of missed.toSorted((a, b) => a.from - b.from)) {
    const last = ranges.at(-1)
    let parted = last === undefined
    for (; (make[next] ?? Number.POSITIVE_INFINITY) < each.from; next++) parted = true
    if (last === undefined || parted) ranges.push(each)
    else
      ranges[ranges.length - 1] = {
        from: last.from,
        // What was kept before a jump, and let go behind it, may reach around it.
        to: Math.max(last.to, each.to),
        count: last.count + each.count,
        more: last.more || each.more,
      }
  }
  return ranges
}
