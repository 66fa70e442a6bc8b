import { after, type Instant } from '../base/time.ts'
import type { TasksConfig } from './config.ts'
import type { Copies } from './copies.ts'
import type { Counters } from './counts.ts'
import type { DroppedEnds } from './dropped-ends.ts'
import type { Step } from './effects.ts'
import type { Leftovers } from './leftovers.ts'
import type { Records } from './records.ts'
import type { Replication } from './replication.ts'
import type { Right } from './right.ts'
import { isOfOpenSlot } from './schedules/state.ts'
import type { Entry, Table } from './table.ts'
import type { View } from './view.ts'

/** Settled records dropped in one step at most: a few ms, also after a list of 200,000 was unloaded. */
export const TRIM_MAX = 1_000
/**
 * Settled records beyond their bounds that are kept for holders that have not got them: some 10 MB. While one link between two
 * living members stays broken every task of theirs ends as one of these.
 */
export const OWED_MAX = 10_000
/** Of these looked at in one tick, 1 to 2 ms: each comes to its turn within a second or so. */
const TURNS_MAX = 1_000
/** That some were given up is said once in this time at most, in ms. */
const LINE_MS = 60_000

export interface TrimmingParts {
  readonly view: View
  readonly table: Table
  readonly counters: Counters
  readonly config: TasksConfig
  readonly records: Records
  readonly right: Right
  readonly leftovers: Leftovers
  readonly replication: Replication
  readonly dropped: DroppedEnds
  /** Where copies are counted in quorum mode. */
  readonly copies?: Copies | undefined
}

/**
 * Keeps settled records within their bounds of number and age. Some have to be kept although it is their turn, as where a
 * holder has not got them yet: while a holder is away those are many, and are looked at again in turn, some in each tick. Of more
 * than `OWED_MAX` those go that have been kept longest, if they are on enough disks. Should this node and another that drops
 * them be gone while the one that lacks the end is not, its older copy runs once more: as with all that was away for too long
 * (`leftovers.ts`). Not taken: to accept nothing more, since one bad link would then stop what two good ones can do.
 */
export class Trimming {
  readonly #parts: TrimmingParts
  /** A tick came since those that stand back were looked at. */
  #isTurn = false
  /** Given up since that was said last, and until when nothing is said. */
  #unsaid = 0
  #quietUntil: Instant = 0 as Instant

  constructor(parts: TrimmingParts) {
    this.#parts = parts
  }

  /** True when there may be more to drop. */
  trim(step: Step): boolean {
    const { table, config, counters } = this.#parts
    if (this.#isTurn) this.#takeTurn(step)
    let dropped = 0
    for (const entry of table.surplus(config, step.now.wall, TRIM_MAX)) {
      if (this.#mustStay(entry)) {
        table.missTurn(entry)
        continue
      }
      this.#drop(entry, step)
      dropped++
    }
    if (dropped > 0) counters.add('settled_dropped', dropped)
    // Only with all of them gone: what has to be kept was among them else, and there is no hurry then.
    return dropped === TRIM_MAX
  }

  /** Those that stand back come to their turn with the next trim. */
  tick(): void {
    this.#isTurn = true
  }

  #takeTurn(step: Step): void {
    const { table, counters } = this.#parts
    this.#isTurn = false
    table.takeTurn(entry => !this.#mustStay(entry), TURNS_MAX)
    let dropped = 0
    for (const entry of table.crowding(OWED_MAX, TRIM_MAX)) {
      if (!this.#mayBeGivenUp(entry)) {
        table.missTurn(entry)
        continue
      }
      this.#drop(entry, step)
      dropped++
    }
    if (dropped > 0) counters.add('owed_ends_dropped', dropped)
    this.#say(dropped, step)
  }

  #say(dropped: number, step: Step): void {
    this.#unsaid += dropped
    if (this.#unsaid === 0 || step.now.mono < this.#quietUntil) return
    step.log('warn', 'owed-ends-dropped', { count: this.#unsaid, kept: this.#parts.table.standingBack })
    this.#unsaid = 0
    this.#quietUntil = after(step.now.mono, LINE_MS)
  }

  #drop(entry: Entry, step: Step): void {
    const { view, records, dropped } = this.#parts
    if (entry.owner === view.self) dropped.note(entry.record)
    records.erase(entry, step)
  }

  /** What is not placed yet, as much is in the first steps of a process, may be this node's own. */
  #mustStay(entry: Entry): boolean {
    return entry.place !== 'nowhere' || entry.epoch !== this.#parts.view.epoch || this.#isOwed(entry)
  }

  /** Is it kept for nobody but a holder that may have an older copy, while enough others have it? */
  #mayBeGivenUp(entry: Entry): boolean {
    const { view, copies, table } = this.#parts
    if (entry.place !== 'nowhere' || isOfOpenSlot(entry.record, id => table.get(id)?.record)) return false
    return entry.owner === view.self && copies?.mayBeGivenUp(entry) === true
  }

  /**
   * An end is kept until its slot is decided here too, and, where copies are counted, until all who may have an older copy have it.
   * Where its key is another's by now that one asks what others have of it, and would run it again: until enough have what was
   * changed here, until that one has what somebody has an older copy of, and for as long as the key is kept, it stays.
   */
  #isOwed(entry: Entry): boolean {
    const { view, copies, table, right, leftovers, replication } = this.#parts
    if (isOfOpenSlot(entry.record, id => table.get(id)?.record)) return true
    const { epochs } = right
    if (copies === undefined || epochs?.isQuorum(entry.key) !== true) return false
    // With nobody to hold it, what ended meanwhile is on no disk but this one.
    if (entry.owner === undefined || entry.owner === view.self) return copies.isOwed(entry)
    if (replication.isUnsafe(entry.id) || copies.handed.isOwed(entry)) return true
    return epochs.keeps.length > 0 && leftovers.isKept(entry)
  }
}
