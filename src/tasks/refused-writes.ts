import type { NodeId } from '../base/ids.ts'
import type { Counters } from './counts.ts'
import type { Step } from './effects.ts'
import type { HandedEnds } from './handed-ends.ts'
import type { Replication } from './replication.ts'
import type { Epochs, Right } from './right.ts'
import { isSameVersion } from './strays.ts'
import type { Table } from './table.ts'
import type { TaskRecord } from './task.ts'
import type { View } from './view.ts'

export interface RefusedWritesParts {
  readonly view: View
  readonly table: Table
  readonly replication: Replication
  readonly counters: Counters
  readonly right: Right
  readonly epochs: Epochs
  readonly handed: HandedEnds
}

/**
 * What holders did not take of the changes that this node sent them.
 *
 * An owner writes again under the next term that it has. To what a node has changed of a key that is another's by now nobody comes
 * back: it may be in no ring any more, cordoned or about to leave, so that nobody sends it the versions after. So such a change is safe
 * as soon as a holder has a newer version, which wins wherever the two meet. Where only a higher term stood against it, it is handed on
 * once more, under no term: the holder takes it then, or has a newer one.
 */
export class RefusedWrites {
  readonly #parts: RefusedWritesParts

  constructor(parts: RefusedWritesParts) {
    this.#parts = parts
  }

  /**
   * A higher term than one's own says that another took over; a lower one only that this was sent before one's own rose.
   * @param refused by place, the term that stands against it; 0: none does, and what is there is another version
   */
  said(from: NodeId, records: readonly TaskRecord[], refused: ReadonlyMap<number, number>, step: Step): void {
    const { right, epochs, counters, replication } = this.#parts
    let outranked = 0
    const again: TaskRecord[] = []
    for (const [place, term] of refused) {
      const record = records[place]
      if (record === undefined) continue
      const own = right.leaveFor(record.spec.key)?.term
      if (own !== undefined && term > own) outranked = Math.max(outranked, term)
      if (own === undefined || term === 0 || term > own) this.#handOn(from, record, term, step)
      else again.push(record)
    }
    if (again.length > 0) replication.again(from, again, step.now.mono)
    if (outranked === 0) return
    counters.add('writes_outranked')
    epochs.outranked(outranked)
  }

  /** Of a key that is another's by now. */
  #handOn(from: NodeId, record: TaskRecord, term: number, step: Step): void {
    const { view, table, replication, handed } = this.#parts
    const entry = table.get(record.spec.id)
    if (entry === undefined || !isSameVersion(entry.record, record)) return
    if (view.owner(entry.key) === view.self) return
    if (term === 0) {
      replication.settled(entry.id)
      handed.taken(entry, from)
    } else if (replication.isUnsafe(entry.id) || handed.isOwed(entry))
      replication.later(from, [record], step.now.mono)
  }
}
