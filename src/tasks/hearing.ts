import type { NodeId } from '../base/ids.ts'
import type { AntiEntropy } from './anti-entropy.ts'
import type { Conflict, Conflicts } from './conflicts.ts'
import type { Counters } from './counts.ts'
import type { Covering } from './covering.ts'
import type { Desk } from './desk.ts'
import type { Durability } from './durability.ts'
import type { Step } from './effects.ts'
import type { Inventories } from './inventory.ts'
import type { Kept } from './kept.ts'
import type { Leftovers } from './leftovers.ts'
import type { InventoryReply, Replicate, Replicated, TaskLinkMessage } from './messages.ts'
import type { Placing } from './placing.ts'
import type { Replication } from './replication.ts'
import type { Takeover } from './takeover.ts'
import type { TaskRecord } from './task.ts'
import type { Work } from './work.ts'

export interface HearingParts {
  readonly desk: Desk
  readonly work: Work
  readonly covering: Covering
  readonly kept: Kept
  readonly leftovers: Leftovers
  readonly replication: Replication
  readonly inventories: Inventories
  readonly antiEntropy: AntiEntropy
  readonly takeover: Takeover
  readonly placing: Placing
  readonly counters: Counters
  readonly conflicts: Conflicts
  /** Absent where nothing is in quorum mode. */
  readonly durability: Durability | undefined
}

/** Takes what other nodes say to whom it concerns. */
export class Hearing {
  readonly #parts: HearingParts

  constructor(parts: HearingParts) {
    this.#parts = parts
  }

  hear(from: NodeId, message: TaskLinkMessage, step: Step): void {
    const { desk, inventories, antiEntropy, placing } = this.#parts
    switch (message.type) {
      case 'replicate':
        this.#copied(from, message, step)
        break
      case 'replicated':
        this.#acknowledged(from, message, step)
        break
      case 'inventory':
        inventories.asked(from, message, !placing.scanning, step)
        break
      case 'inventory-reply':
        this.#inventoryReplied(from, message, step)
        break
      case 'compare':
        antiEntropy.asked(from, message, !placing.scanning, step)
        break
      case 'compared':
        antiEntropy.answered(from, message)
        break
      default:
        desk.hear(from, message, step)
    }
  }

  #copied(from: NodeId, message: Replicate, step: Step): void {
    const { work, durability, placing } = this.#parts
    const learn = (record: TaskRecord): string | undefined => work.learn(record, from, step)
    if (message.ring !== undefined && durability !== undefined) {
      durability.received(from, message, !placing.scanning, learn, step)
      return
    }
    const conflicts: Conflict[] = []
    message.records.forEach((record, place) => {
      const otherKey = learn(record)
      if (otherKey !== undefined) conflicts.push([place, otherKey])
    })
    step.send(from, { type: 'replicated', batch: message.batch, ...(conflicts.length > 0 && { conflicts }) })
  }

  #acknowledged(from: NodeId, message: Replicated, step: Step): void {
    const { replication, counters, durability, covering, kept } = this.#parts
    const sent = replication.acknowledged(from, message.batch, step.now.mono, message.counted !== false)
    if (sent === undefined) {
      counters.add('replies_unknown')
      return
    }
    const conflicts = message.conflicts ?? []
    this.#parts.conflicts.told(from, sent.records, conflicts, step)
    const untaken = new Set(conflicts.map(([place]) => place))
    const there =
      durability?.acknowledged(from, message, sent, step) ??
      sent.records.filter((_, place) => !untaken.has(place))
    covering.acknowledged(from, there, step)
    const ended = (message.ended ?? []).flatMap(place => sent.records[place] ?? [])
    if (ended.length > 0) this.#parts.leftovers.ended(from, ended, step)
    kept.acknowledged(from, there)
  }

  #inventoryReplied(from: NodeId, reply: InventoryReply, step: Step): void {
    const { takeover, counters, work, placing, durability } = this.#parts
    // By what others have said: this answer may be the one that makes a key complete.
    const known = reply.records.filter(record => durability?.isOver(record, from) !== true)
    const kind = takeover.answer(from, reply, step.now.mono)
    if (kind === 'stale') counters.add('replies_unknown')
    // Also a late page tells the truth; only what runs is a matter of the moment.
    // Where it comes from may have dropped it since, if it was asked under another ring.
    for (const record of known) work.learn(record, from, step, kind !== 'stale')
    if (known.length < reply.records.length)
      counters.add('ended_copies_dropped', reply.records.length - known.length)
    if (kind !== 'answered' || takeover.gathers) return
    work.recheckElsewhere(node => node === from, step)
    if (!takeover.active && !placing.releasing) takeover.forgetAnswers()
  }
}
