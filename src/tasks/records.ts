import type { NodeId } from '../base/ids.ts'
import type { Step } from './effects.ts'
import type { Handoffs } from './handoffs.ts'
import { isSettled } from './merge.ts'
import { Overlaps } from './overlap.ts'
import type { Replication } from './replication.ts'
import { Strays } from './strays.ts'
import type { Entry, Table } from './table.ts'
import type { TaskRecord } from './task.ts'
import type { View } from './view.ts'
import { Waiters } from './waiters.ts'

/** Every change made here goes this way: memory, disk and the other holders learn of it together. */
export class Records {
  readonly overlaps = new Overlaps()
  readonly strays = new Strays()
  /** Who waits here for the end of a task. */
  readonly waiters = new Waiters()
  readonly #view: View
  readonly #table: Table
  readonly #replication: Replication
  readonly #handoffs: Handoffs

  constructor(view: View, table: Table, replication: Replication, handoffs: Handoffs) {
    this.#view = view
    this.#table = table
    this.#replication = replication
    this.#handoffs = handoffs
  }

  /** Who is to hold a record of this key: this node alone, while there is no ring. */
  holders(key: string): readonly NodeId[] {
    const holders = this.#view.holders(key)
    return holders.length > 0 ? holders : [this.#view.self]
  }

  change(entry: Entry, record: TaskRecord, step: Step): void {
    this.put(entry, record)
    step.write(record)
    entry.copies = record.holders
    this.#replication.changed(
      record,
      record.holders.filter(node => node !== this.#view.self),
    )
  }

  /** In memory only: for what came from another holder. */
  put(entry: Entry, record: TaskRecord): void {
    this.overlaps.note(entry.record, record)
    this.#table.put(entry, record)
    if (!isSettled(record)) return
    this.#handoffs.ended(entry.key, entry.id)
    this.waiters.release(entry.id)
  }

  erase(entry: Entry, step: Step): void {
    this.#table.remove(entry)
    this.#handoffs.ended(entry.key, entry.id)
    this.#replication.forget(entry.id)
    this.waiters.release(entry.id)
    this.strays.forget(entry.id)
    step.erase(entry.id)
  }
}
