/**
 * When may a node say that there is no such task?
 *
 * An accepted task is known to its owner, once that is complete for the key, and whoever has a copy says so. So "no" may be
 * said by the owner of the key, who acts and is complete; it is the last word then, whatever copies are about. Where nobody has
 * a copy, nobody knows the key: then all must say "no" by one ring, none of them while it takes over. Else the answer is
 * "come again". So it is of an end, to whoever may take this node for the owner that it is not.
 */
import type { Failure } from '../base/errors.ts'
import type { NodeId, TaskId } from '../base/ids.ts'
import type { Instant } from '../base/time.ts'
import type { Conflicts } from './conflicts.ts'
import type { OwnWord } from './forwarding.ts'
import { isSettled } from './merge.ts'
import type { TaskQuestion } from './messages.ts'
import { GONE_MEANWHILE, NOT_ACTING, notOwner, otherRing, unknownTask } from './refusals.ts'
import { leaveNow, type Right } from './right.ts'
import type { Entry, Table } from './table.ts'
import type { Takeover } from './takeover.ts'
import type { View } from './view.ts'

export interface DenialsParts {
  readonly view: View
  readonly table: Table
  readonly takeover: Takeover
  readonly right: Right
  readonly conflicts: Conflicts
}

/** By which key a question goes, if it is to the owner, and whether by another ring. */
interface Taken {
  readonly key: string | undefined
  readonly isOther: boolean
}

/** What is said of a task that is not here, or of which only a copy is. */
export class Denials {
  readonly #parts: DenialsParts

  constructor(parts: DenialsParts) {
    this.#parts = parts
  }

  /** To a face of this node, beside what others say. */
  own(task: TaskId): OwnWord {
    const denial = (key: string, now: Instant): Failure => this.#asOwner(task, key, now)
    return this.#takesOver ? { refusal: this.#parts.takeover.refusal(), denial } : { denial }
  }

  /** To another node, which asks. Undefined: it is told what is here. */
  to(from: NodeId, asked: TaskQuestion, entry: Entry | undefined, now: Instant): Failure | undefined {
    const { view } = this.#parts
    const { task, key, ring = view.ring?.checksum } = asked
    const isOther = ring !== view.ring?.checksum
    if (entry !== undefined) return this.#ofCopy(from, entry, { key, isOther })
    if (key !== undefined) return this.#asOwner(task, key, now)
    if (this.#takesOver) return this.#parts.takeover.refusal()
    // What this node has yet to get by the one's ring, another one may have to get by the other's.
    return isOther ? otherRing(view.self, from, 'does not know the task') : unknownTask(task)
  }

  /**
   * The word of a task's owner is the last, and who asks by another ring may take this node for the owner. So it is not told an end
   * that only the owner knows to count.
   */
  #ofCopy(from: NodeId, entry: Entry, asked: Taken): Failure | undefined {
    const { view, right } = this.#parts
    const isCounted = right.epochs?.isQuorum(entry.key) === true
    if (entry.owner === view.self || !isCounted || !isSettled(entry.record)) return undefined
    if (asked.key !== undefined) return notOwner(view.self, entry.owner)
    return asked.isOther ? otherRing(view.self, from, 'has a copy that says that the task ended') : undefined
  }

  get #takesOver(): boolean {
    return this.#parts.takeover.quorum?.active === true
  }

  #asOwner(task: TaskId, key: string, now: Instant): Failure {
    const { view, takeover, right, table, conflicts } = this.#parts
    const owner = view.owner(key)
    if (owner !== view.self) return notOwner(view.self, owner)
    if (takeover.gates(key)) return takeover.refusal(key)
    if (leaveNow(right, key, now) === undefined) return NOT_ACTING
    // What was not taken while its id had another key here is on its way again.
    const isKnown = table.get(task) !== undefined || conflicts.has(task, key)
    return isKnown ? GONE_MEANWHILE : unknownTask(task)
  }
}
