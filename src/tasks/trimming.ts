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
 * holder has not got them yet: while a holder is away those are many, and are not looked at again before the next tick.
 */
export class Trimming {
  readonly #parts: TrimmingParts

  constructor(parts: TrimmingParts) {
    this.#parts = parts
  }

  /** True when there may be more to drop. */
  trim(step: Step): boolean {
    const { view, table, config, counters, records } = this.#parts
    let dropped = 0
    for (const entry of table.surplus(config, step.now.wall, TRIM_MAX)) {
      if (entry.place !== 'nowhere' || this.#isOwed(entry)) {
        table.missTurn(entry)
        continue
      }
      if (entry.owner === view.self) this.#parts.dropped.note(entry.record)
      records.erase(entry, step)
      dropped++
    }
    if (dropped > 0) counters.add('settled_dropped', dropped)
    // Only with all of them gone: what has to be kept was among them else, and there is no hurry then.
    return dropped === TRIM_MAX
  }

  tick(): void {
    this.#parts.table.takeTurn()
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
    if (entry.owner === view.self) return copies.isOwed(entry)
    if (replication.isUnsafe(entry.id) || copies.handed.isOwed(entry)) return true
    return epochs.keeps.length > 0 && leftovers.isKept(entry)
  }
}
