import type { NodeId, TaskId } from '../base/ids.ts'
import type { TaskRecord } from './task.ts'

/** A copy as it is here, under the view of this epoch. */
export interface StrayCopy {
  readonly task: TaskId
  readonly record: Version
  readonly epoch: number
}

/** What tells one copy from another: two owners may have written as often, each of them something else. */
export type Version = Pick<TaskRecord, 'revision' | 'acceptedAt' | 'term'>

interface Confirmed {
  readonly record: Version
  readonly epoch: number
  readonly by: Set<NodeId>
}

export const isSameVersion = (a: Version, b: Version): boolean =>
  a.revision === b.revision && a.acceptedAt === b.acceptedAt && a.term === b.term

/** With one, whoever has just become owner and has told nobody yet could take the last copy with it. */
const HEIRS_MIN = 2

/**
 * Records on a node that should not hold them (any more). They go when as many of those who should have them on disk as a
 * change needs, and two at least. With fewer, a takeover that has lost no more disks than it may lose could find too few
 * copies, and hear from this node that it has none: that reads as "it has ended and was dropped" (`completeness.ts`).
 * Their owner, the first of those, says that it has them only once it is complete for the key (`durability.ts`, rule 7): else
 * they could go from here before this node is asked to where has been asked already, and nobody would have told of them.
 */
export class Strays {
  readonly #heirs: number

  /** @param durability copies that a change needs before it counts; 0 where copies are not counted */
  constructor(durability = 0) {
    this.#heirs = Math.max(HEIRS_MIN, durability)
  }

  /** Never more than the records known here. */
  readonly #confirmed = new Map<TaskId, Confirmed>()

  get size(): number {
    return this.#confirmed.size
  }

  /** The first of the holders, as many as there are up to that number. */
  heirsOf(holders: readonly NodeId[]): readonly NodeId[] {
    return holders.slice(0, this.#heirs)
  }

  /** `by` has the copy on disk. True when all heirs do. */
  confirmed({ task, record, epoch }: StrayCopy, by: NodeId, heirs: readonly NodeId[]): boolean {
    if (!heirs.includes(by)) return false
    const known = this.#confirmed.get(task)
    const same = known !== undefined && known.epoch === epoch && isSameVersion(known.record, record)
    const now = same ? known : { record, epoch, by: new Set<NodeId>() }
    now.by.add(by)
    const all = heirs.every(heir => now.by.has(heir))
    if (all) this.#confirmed.delete(task)
    else this.#confirmed.set(task, now)
    return all
  }

  /** It is known here no more. */
  forget(task: TaskId): void {
    this.#confirmed.delete(task)
  }
}
