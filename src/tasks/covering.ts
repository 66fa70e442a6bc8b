/**
 * Who holds copies: those who should get them, and what this node should not hold goes once they have it.
 *
 * What is to be sent follows from how things are now (the ring, who is known to have it), never from what was sent before,
 * so it may be asked for as often as anything changes. What is dropped follows from evidence alone: the rules are those of
 * `strays.ts`.
 */
import type { NodeId } from '../base/ids.ts'
import type { TasksConfig } from './config.ts'
import type { Copies } from './copies.ts'
import type { Counters } from './counts.ts'
import type { Step } from './effects.ts'
import type { Leftovers } from './leftovers.ts'
import type { Records } from './records.ts'
import type { Replication } from './replication.ts'
import type { Right } from './right.ts'
import { isSameVersion } from './strays.ts'
import type { Entry, Table } from './table.ts'
import type { TaskRecord } from './task.ts'
import type { View } from './view.ts'

export interface CoveringParts {
  readonly view: View
  readonly table: Table
  readonly replication: Replication
  readonly records: Records
  readonly counters: Counters
  readonly right: Right
  readonly leftovers: Leftovers
  readonly config: TasksConfig
  /** Where copies are counted in quorum mode. */
  readonly copies?: Copies | undefined
}

export class Covering {
  readonly #parts: CoveringParts

  constructor(parts: CoveringParts) {
    this.#parts = parts
  }

  /**
   * Sees to it that those who should hold the record get it: as owner all holders, as another holder the owner (and what no other
   * disk is known to have so many that it counts), as none of them the heirs. Who is gone no longer counts as having it, since
   * what was under way to it was dropped; nor, where nobody counts disks, who is no holder, since it may drop it, and be one later.
   */
  cover(entry: Entry, step: Step): void {
    const { view, replication, records } = this.#parts
    const { record } = entry
    if (record.revision === 0) return
    const isCounted = this.#isCounted(entry)
    if (isCounted) this.#parts.copies?.check(entry, step)
    const holders = view.holders(entry.key)
    const [owner] = holders
    if (owner === undefined) return
    const mayHave = (node: NodeId): boolean => view.live.has(node) && (isCounted || holders.includes(node))
    const copies = entry.copies.filter(node => node !== view.self && mayHave(node))
    const only = copies.length === 0 || replication.isUnsafe(record.spec.id)
    const stray =
      entry.lists.length === 0 && view.ring?.has(view.self) === true && !holders.includes(view.self)
    const others = only && isCounted ? this.#witnesses(holders) : [owner]
    const to = owner === view.self ? holders : stray ? records.strays.heirsOf(holders) : others
    // Where copies are counted, who was sent it may have it in memory only.
    const counted = owner === view.self && isCounted
    // Who was sent it long ago may have dropped it since.
    const owed = this.#parts.copies?.handed.isOwed(entry) === true
    for (const node of to) {
      const has = counted ? entry.safe.includes(node) : copies.includes(node) && !only && !owed
      if (node === view.self || (has && !stray)) continue
      replication.copy(record, node, only || counted)
      copies.push(node)
    }
    entry.copies = copies
  }

  /** It is about to be placed anew. Where copies are not counted, what was so under a ring that this node did not look at is not known. */
  placed(entry: Entry): void {
    const missed = entry.epoch >= 0 && this.#parts.view.epoch - entry.epoch > 1
    if (missed && !this.#isCounted(entry)) entry.copies = []
  }

  /** These nodes have other disks than before. True when records were believed to lie there, where copies are not counted. */
  lost(nodes: readonly NodeId[]): boolean {
    let any = false
    for (const entry of this.#parts.table.entries()) {
      if (!entry.copies.some(node => nodes.includes(node)) || this.#isCounted(entry)) continue
      entry.copies = entry.copies.filter(node => !nodes.includes(node))
      any = true
    }
    return any
  }

  /** `from` has these records on its disk. Those that this node should not hold may go once enough of those who should do. */
  acknowledged(from: NodeId, copies: readonly TaskRecord[], step: Step): void {
    const { view, counters, records, replication, right } = this.#parts
    if (view.ring?.has(view.self) !== true) return
    for (const copied of copies) {
      const task = copied.spec.id
      const entry = this.#parts.table.get(task)
      if (entry === undefined || entry.epoch !== view.epoch) continue
      if (entry.place !== 'nowhere' || entry.lists.length > 0) continue
      if (!isSameVersion(entry.record, copied)) continue
      const holders = view.holders(entry.key)
      if (holders.includes(view.self)) continue
      // A ring of which nobody would be told must not be the only one that has it.
      if (this.#isCounted(entry) && right.epochs?.noted(view.ring.checksum) !== true) {
        replication.again(from, [copied], step.now.mono)
        continue
      }
      // What it has still, without a break, it must know all of if the ring gives it back.
      if (this.#parts.leftovers.isKept(entry)) {
        replication.later(from, [copied], step.now.mono)
        continue
      }
      const copy = { task, record: copied, epoch: view.epoch }
      if (!records.strays.confirmed(copy, from, records.strays.heirsOf(holders))) continue
      records.erase(entry, step)
      counters.add('strays_dropped')
    }
  }

  /** So many of the first holders that, with this node if it is one, as many have it as must. */
  #witnesses(holders: readonly NodeId[]): readonly NodeId[] {
    const { view, config } = this.#parts
    const others = holders.filter(node => node !== view.self)
    const own = holders.length - others.length
    return others.slice(0, Math.max(1, config.durability - own))
  }

  #isCounted({ key }: Entry): boolean {
    return this.#parts.right.epochs?.isQuorum(key) === true
  }
}
