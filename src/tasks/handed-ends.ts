import type { NodeId, TaskId } from '../base/ids.ts'
import { isSettled } from './merge.ts'
import type { Epochs } from './right.ts'
import type { Entry } from './table.ts'
import type { TaskRecord } from './task.ts'
import type { View } from './view.ts'

/**
 * Ends of keys that have gone from this node to another owner, while somebody who should have had them may have an older copy. An
 * owner keeps an end until all its holders have it; dropped at the moment when the key goes, it would be with nobody whom the new
 * owner asks, and the older copy would run.
 * So it stays, beyond its turn, until the new owner has it on disk or has written another, and sees to the rest by itself.
 */
export class HandedEnds {
  readonly #view: View
  readonly #epochs: Epochs
  /** As they were when their keys went. */
  readonly #ends = new Map<TaskId, TaskRecord>()

  constructor(view: View, epochs: Epochs) {
    this.#view = view
    this.#epochs = epochs
  }

  /**
   * Its owner is this one now, though the entry is not told so yet. While all are cordoned or leaving it has none, and the next one
   * asks what others have.
   * @param safe whose disks had it until now, of which not all may count any more
   */
  placed(entry: Entry, owner: NodeId | undefined, safe: readonly NodeId[]): void {
    const { id, key, record } = entry
    const { self } = this.#view
    if (owner === self) this.#ends.delete(id)
    if (owner === self || entry.owner !== self || !isSettled(record) || !this.#epochs.isQuorum(key)) return
    if (owner !== undefined && entry.safe.includes(owner)) return
    if (!record.holders.every(node => safe.includes(node))) this.#ends.set(id, record)
  }

  /** The node has the record on its disk. */
  taken({ id, owner }: Entry, node: NodeId): void {
    if (node === owner) this.#ends.delete(id)
  }

  forget(task: TaskId): void {
    this.#ends.delete(task)
  }

  /** Must it be kept? */
  isOwed({ id, record }: Entry): boolean {
    return this.#ends.get(id) === record
  }
}
