import type { NodeId } from '../base/ids.ts'
import { Recent } from '../base/recent.ts'
import type { Copies } from './copies.ts'
import { Deadlines } from './deadlines.ts'
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

/** Lists of holders whose turns are remembered, at least. */
const TURNS_MAX = 1_024

/** Counts copies, and knows under which term this node may write a key. */
export interface Counted {
  readonly copies: Copies
  /** Holders that must have a change before it counts; all where there are fewer. */
  readonly durability: number
  isQuorum(key: string): boolean
  /** Undefined while it may not. */
  termOf(key: string): number | undefined
}

/** Every change made here goes this way: memory, disk and the other holders learn of it together. */
export class Records {
  readonly overlaps = new Overlaps()
  readonly strays: Strays
  /** Who waits here for the end of a task. */
  readonly waiters = new Waiters()
  /** Until when tasks of this node may be started. */
  readonly deadlines = new Deadlines()
  readonly #view: View
  readonly #table: Table
  readonly #replication: Replication
  readonly #handoffs: Handoffs
  readonly #counted: Counted | undefined
  /** By the list of holders, which is mostly the same object for equal ones; as of those who are seen. */
  readonly #turns = new Recent<readonly NodeId[], readonly NodeId[]>(TURNS_MAX)
  #turnsOf: ReadonlySet<NodeId> | undefined

  /** @param counted where copies are counted in quorum mode */
  constructor(view: View, table: Table, replication: Replication, handoffs: Handoffs, counted?: Counted) {
    this.#counted = counted
    this.strays = new Strays(counted?.durability)
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

  change(entry: Entry, changed: TaskRecord, step: Step): void {
    const counted = this.#counted?.isQuorum(entry.key) === true ? this.#counted : undefined
    const term = counted?.termOf(entry.key)
    const record =
      counted === undefined
        ? withoutCount(changed)
        : term === undefined
          ? changed
          : stamped(changed, term, counted)
    // Who asks is told what it was before, until the end is on enough disks.
    if (counted !== undefined && isSettled(record)) this.#table.hide(entry)
    this.put(entry, record)
    step.write(record)
    counted?.copies.changed(entry, step)
    entry.copies = record.holders
    const others = this.#inTurn(record.holders)
    if (counted === undefined) this.#replication.changed(record, others, step.now.mono)
    else {
      const own = record.holders.length - others.length
      this.#replication.changed(record, others, step.now.mono, counted.durability - own)
    }
  }

  /**
   * The others, whom this node sees first, and then in a circle of names that begins behind its own: of those who hold a
   * record all are asked alike, and each node mostly asks a few, so that its changes leave in few frames.
   */
  #inTurn(holders: readonly NodeId[]): readonly NodeId[] {
    const { self, live } = this.#view
    if (live !== this.#turnsOf) this.#turns.clear()
    this.#turnsOf = live
    const known = this.#turns.get(holders)
    if (known !== undefined) return known
    const rank = (node: NodeId): number => (live.has(node) ? 0 : 2) + (node > self ? 0 : 1)
    const turn = holders
      .filter(node => node !== self)
      .sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : a > b ? 1 : 0))
    this.#turns.set(holders, turn)
    return turn
  }

  /** Taken as it came from another node, which may have it on its disk (`safeAt`). */
  took(entry: Entry, safeAt: readonly NodeId[], step: Step): void {
    step.write(entry.record)
    if (this.#counted?.isQuorum(entry.key) === true) this.#counted.copies.wrote(entry, safeAt, step)
  }

  /** In memory only: for what came from another holder. */
  put(entry: Entry, record: TaskRecord): void {
    this.overlaps.note(entry.record, record)
    this.#table.put(entry, record)
    if (!isSettled(record)) return
    this.deadlines.forget(entry.id)
    this.#handoffs.ended(entry.key, entry.id)
    this.waiters.release(entry.id)
  }

  erase(entry: Entry, step: Step): void {
    this.#table.remove(entry)
    this.deadlines.forget(entry.id)
    this.#handoffs.ended(entry.key, entry.id)
    this.#replication.forget(entry.id)
    this.waiters.release(entry.id)
    this.strays.forget(entry.id)
    this.#counted?.copies.forget(entry, step)
    step.erase(entry.id)
  }
}

/**
 * As it is in available mode: on however many disks. What an earlier configuration counted says nothing of it any more, and in quorum
 * mode again a copy that too few have would pass for one that has ended. Its term stays: the copies of before are older.
 */
export function withoutCount(record: TaskRecord): TaskRecord {
  if (record.copies === undefined) return record
  const { copies: _, ...kept } = record
  return kept
}

/** With what copies of it are judged by, wherever they turn up later. A new task has its dedupe key from the first. */
function stamped(record: TaskRecord, term: number, counted: Counted): TaskRecord {
  const copies = counted.durability
  if (record.revision === 1 && record.spec.dedupe !== undefined)
    return { ...record, term, copies, dedupeTerm: term }
  return record.term === term && record.copies === copies ? record : { ...record, term, copies }
}
