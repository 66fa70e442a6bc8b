/**
 * Which of the nodes that should hold a record have it on their disks, and what waits until enough of them do.
 *
 * An entry names those that are known to have its record as it is (`safe`). Every change begins with nobody; this node's own
 * disk and the acknowledgements of others fill it. What is to be said or done only when the change is durable waits
 * here: a confirmed submission, the start of an attempt, an end that is shown.
 * In available mode nothing of this is used, nor is a record on too few disks: one is enough, and copies follow when they can.
 */
import type { NodeId, TaskId } from '../base/ids.ts'
import type { TasksConfig } from './config.ts'
import { CopyWaits, type Wait } from './copy-waits.ts'
import type { Step } from './effects.ts'
import { HandedEnds } from './handed-ends.ts'
import { isSettled } from './merge.ts'
import type { Replication } from './replication.ts'
import { type Epochs, isWrittenUnderHeld } from './right.ts'
import { type Rival, Rivals } from './rivals.ts'
import { type Entry, shownOf, type Table } from './table.ts'
import type { TaskRecord } from './task.ts'
import type { View } from './view.ts'

/** Looked at again in one step at most, after a change of the ring: about 5 ms. */
const RECHECKS_MAX = 1_000
const NOBODY: readonly NodeId[] = []

export interface CopiesParts {
  readonly view: View
  readonly table: Table
  readonly replication: Replication
  readonly config: TasksConfig
  readonly epochs: Epochs
}

export class Copies {
  readonly handed: HandedEnds
  readonly #parts: CopiesParts
  readonly #waits = new CopyWaits()
  /** Records of this node that lie on too few of their holders, other than what has just changed. */
  readonly #short = new Set<TaskId>()
  /** Changed under the ring of this epoch, and on their way to its holders: nothing has to be repaired. */
  readonly #fresh = new Set<TaskId>()
  #freshEpoch = -1
  /** Writes of this node on their way to its own disk. */
  readonly #writes = new Map<number, (readonly [Entry, TaskRecord])[]>()
  /** Holders whose disks had no room for a record that they know nothing of. */
  readonly #unwritten = new Map<TaskId, readonly NodeId[]>()
  readonly #rivals = new Rivals()
  /** Nodes that are to drop their copy of a record of this node, and were told that it is too early for that. */
  readonly #early = new Map<TaskId, ReadonlySet<NodeId>>()
  #step: Step | undefined
  #marks = 0
  /** Ends that are on enough disks, under a ring that is not noted yet. */
  readonly #uncounted = new Set<Entry>()
  #recheck: Entry[] = []
  /** Does anything count, as of this. */
  #counting = { changes: -1, ring: '', counts: false }

  constructor(parts: CopiesParts) {
    this.#parts = parts
    this.handed = new HandedEnds(parts.view, parts.epochs)
  }

  /** Tasks for which something waits. */
  get waiting(): number {
    return this.#waits.size
  }

  /** Records of this node that lie on too few of their holders, other than what has just changed. */
  get short(): number {
    return this.#short.size
  }

  /** The record was changed here and goes to the disk with this step. */
  changed(entry: Entry, step: Step): void {
    this.#turn()
    if (!this.#mayCount(entry)) this.#short.add(entry.id)
    else if (!this.#short.has(entry.id)) this.#fresh.add(entry.id)
    this.wrote(entry, NOBODY, step)
  }

  /** The record is another than before, and goes to the disk with this step. */
  wrote(entry: Entry, safeAt: readonly NodeId[], step: Step): void {
    entry.safe = safeAt.length > 0 ? safeAt.filter(node => this.#isHolder(node, entry)) : safeAt
    entry.tracked = entry.record
    if (step !== this.#step) {
      this.#step = step
      step.mark(--this.#marks)
      this.#writes.set(this.#marks, [])
    }
    this.#writes.get(this.#marks)?.push([entry, entry.record])
  }

  /** This node's disk has what was written under the mark. */
  persisted(mark: number, step: Step): void {
    const writes = this.#writes.get(mark)
    if (writes === undefined) return
    this.#writes.delete(mark)
    const { self } = this.#parts.view
    for (const [entry, record] of writes) this.#has(self, entry, record, step)
  }

  /** A holder has these on its disk, and counts itself one. */
  acknowledged(from: NodeId, records: readonly TaskRecord[], step: Step): void {
    for (const record of records) {
      const entry = this.#parts.table.get(record.spec.id)
      if (entry === undefined || !this.#parts.epochs.isQuorum(entry.key)) continue
      this.#rivals.agrees(entry.id, from)
      this.#has(from, entry, record, step)
    }
  }

  /** A holder has another task with its id, under this key, and takes this one only when that is gone. */
  conflicting(from: NodeId, record: TaskRecord | undefined, key: string, step: Step): void {
    const entry = record && this.#parts.table.get(record.spec.id)
    if (entry === undefined || entry.key !== record?.spec.key || !this.#parts.epochs.isQuorum(entry.key))
      return
    this.#turn()
    this.#rivals.add(entry.id, from, key)
    this.check(entry, step)
    this.#waits.contested(entry.id, this.isBarred(entry), step)
  }

  /** The node was told to keep its copy, and sends it again: until then its end is remembered, or it would be a new task. */
  stays(task: TaskId, node: NodeId): void {
    this.#turn()
    this.#early.set(task, new Set([...(this.#early.get(task) ?? []), node]))
  }

  /** It was told that it is here, and may drop its copy. */
  goes(task: TaskId, node: NodeId): void {
    const left = [...(this.#early.get(task) ?? [])].filter(each => each !== node)
    if (left.length > 0) this.#early.set(task, new Set(left))
    else this.#early.delete(task)
  }

  /** Who keeps a record that is on too few disks from being on more. */
  rivalOf(entry: Entry): Rival | undefined {
    if (this.#isHeld(entry)) return undefined
    return this.#rivals.first(entry.id)
  }

  /** Do so many of its holders have another task with its id that too few can have a change of this one? */
  isBarred({ id, key }: Entry): boolean {
    const { view, config } = this.#parts
    return this.#rivals.bar(id, view.holders(key), config.durability)
  }

  /** A holder knows nothing of these, and has no room for them. */
  unwritten(from: NodeId, records: readonly TaskRecord[]): void {
    for (const { spec } of records) {
      const known = this.#unwritten.get(spec.id) ?? NOBODY
      if (!known.includes(from) && this.#parts.table.get(spec.id) !== undefined)
        this.#unwritten.set(spec.id, [...known, from])
    }
  }

  /** Must a settled record be kept, for it is on too few disks, or somebody may have an older copy? */
  isOwed(entry: Entry): boolean {
    const without = this.#unwritten.get(entry.id) ?? NOBODY
    const mayBeOlder = (holder: NodeId): boolean =>
      !entry.safe.includes(holder) && !without.includes(holder) && !this.#rivals.has(entry.id, holder)
    if (this.#isEarlyFor(entry.id)) return true
    return !this.#isHeld(entry) || this.#parts.view.holders(entry.key).some(mayBeOlder)
  }

  /** Of an end that is owed: is it on enough disks, and kept just for a holder that may have an older copy? */
  mayBeGivenUp(entry: Entry): boolean {
    return this.#isHeld(entry) && !this.#isEarlyFor(entry.id)
  }

  /** Is there one that was told to keep its copy, and that may come back with it? */
  #isEarlyFor(task: TaskId): boolean {
    const nodes = this.#early.get(task)
    if (nodes === undefined) return false
    const { epochs } = this.#parts
    const known = epochs.known()
    return [...nodes].some(node => known.includes(node) && !epochs.forgotten(node))
  }

  /** It was found there as it is here. */
  found(from: NodeId, entry: Entry, step: Step): void {
    this.#rivals.agrees(entry.id, from)
    this.#has(from, entry, entry.record, step)
  }

  /** Does, once the record as it is now is durable, what is to be done then. May happen at once. */
  when(entry: Entry, wait: Wait, step: Step): void {
    this.#waits.add(entry, wait, step)
    this.check(entry, step)
  }

  /** Disks of holders that have it, as far as is known. */
  count({ key, safe }: Entry): number {
    let count = 0
    for (const holder of this.#parts.view.holders(key)) if (safe.includes(holder)) count++
    return count
  }

  /**
   * Do as many holders have it as must, whatever the voters know? While all are cordoned or leaving there are none, and nobody who
   * takes over later would ask for what came to lie on any disk then.
   */
  #isHeld(entry: Entry): boolean {
    const { view, config } = this.#parts
    const { length } = view.holders(entry.key)
    return length > 0 && this.count(entry) >= Math.min(config.durability, length)
  }

  /**
   * Are those that had it before still needed? Not for an end that everybody may be told, where no more of its holders could have
   * it, since they have another task with its id: nobody waits for that to end.
   */
  #isShort(entry: Entry): boolean {
    if (!isSettled(shownOf(entry))) return true
    const holders = this.#parts.view.holders(entry.key)
    return holders.some(holder => !entry.safe.includes(holder) && !this.#rivals.has(entry.id, holder))
  }

  /** Not before a quorum of voters has told this node that they have noted the ring and its disk. */
  counts(): boolean {
    const { view, epochs } = this.#parts
    const { ring } = view
    if (ring === undefined) return false
    const { changes } = epochs
    const { checksum } = ring
    if (changes !== this.#counting.changes || checksum !== this.#counting.ring)
      this.#counting = { changes, ring: checksum, counts: epochs.enrolled && epochs.noted(checksum) }
    return this.#counting.counts
  }

  /**
   * Its holders may be others now. Who is none any more may drop it, and be one again later; what was so under a ring that
   * this node did not look at is not known.
   */
  placed(entry: Entry, holders: readonly NodeId[]): void {
    const { self, epoch } = this.#parts.view
    const { safe } = entry
    const missed = entry.epoch >= 0 && epoch - entry.epoch > 1
    const stays = (node: NodeId): boolean => node === self || (!missed && holders.includes(node))
    if (!safe.every(stays)) entry.safe = safe.filter(stays)
    this.handed.placed(entry, holders[0], safe)
  }

  /** Keeps account of a record whose holders may have changed. */
  check(entry: Entry, step: Step): void {
    const { view, table, replication, epochs } = this.#parts
    // What was dropped while it was on its way to the disk, or waited for a look, may be another task of its id by now, or none.
    if (entry.record.revision === 0 || table.get(entry.id) !== entry) return
    this.#turn()
    const own = entry.owner === view.self
    if (!own) this.#short.delete(entry.id)
    if (!own && !this.#waits.has(entry.id) && !replication.isUnsafe(entry.id)) return
    if (!this.#isHeld(entry)) {
      if (!own || this.#fresh.has(entry.id)) return
      if (this.#isShort(entry)) this.#short.add(entry.id)
      else this.#short.delete(entry.id)
      return
    }
    this.#short.delete(entry.id)
    this.#fresh.delete(entry.id)
    replication.settled(entry.id)
    if (!this.counts()) {
      if (entry.shown !== undefined) this.#uncounted.add(entry)
      return
    }
    table.show(entry)
    const { record } = entry
    // Written by another owner, it may not be the last word yet: somebody may have a copy of a later one.
    if (isSettled(record) && isWrittenUnderHeld(entry.key, record.term, epochs)) entry.final = record
    this.#waits.durable(entry, this.count(entry), step)
  }

  /** Nothing of it is counted here any more. */
  forget(entry: Entry, step: Step): void {
    this.#short.delete(entry.id)
    this.#fresh.delete(entry.id)
    this.#uncounted.delete(entry)
    this.#unwritten.delete(entry.id)
    this.#rivals.forget(entry.id)
    this.#early.delete(entry.id)
    this.handed.forget(entry.id)
    this.#waits.fail(entry.id, step)
  }

  /** What waits for it can no longer happen as it was meant. */
  give(entry: Entry, step: Step): void {
    this.#waits.fail(entry.id, step)
  }

  /** What was counted under another ring is counted anew, and so is what there was no time for since this was said last. */
  ringChanged(): void {
    const entries = new Set([...this.#recheck, ...this.#uncounted])
    for (const entry of this.#waits.entries) entries.add(entry)
    this.#uncounted.clear()
    this.#recheck = [...entries]
  }

  /** True when there is more to look at. */
  advance(step: Step): boolean {
    for (let looks = 0; looks < RECHECKS_MAX; looks++) {
      const entry = this.#recheck.pop()
      if (entry === undefined) return false
      this.check(entry, step)
    }
    return this.#recheck.length > 0
  }

  /** Whoever waits for longer than a forwarded request does is told so. */
  tick(step: Step): void {
    this.#waits.expire(this.#parts.config.forwardMs, step)
  }

  /** These nodes have lost their disks: what they had they have no more. */
  lost(nodes: ReadonlySet<NodeId>): void {
    for (const entry of this.#parts.table.entries()) {
      if (entry.safe.some(node => nodes.has(node))) entry.safe = entry.safe.filter(node => !nodes.has(node))
      if (entry.copies.some(node => nodes.has(node)))
        entry.copies = entry.copies.filter(node => !nodes.has(node))
    }
  }

  /**
   * A change that is not counted yet is no reason to keep notes of older rings if what was there before it lies on the
   * holders of now, or if there was nothing. Else those of before are the only ones that have it in any version.
   */
  #mayCount(entry: Entry): boolean {
    if (entry.record.revision <= 1 || this.#fresh.has(entry.id)) return true
    return entry.epoch === this.#parts.view.epoch && this.#isHeld(entry)
  }

  /** Under another ring what changed before has other holders. */
  #turn(): void {
    const { epoch } = this.#parts.view
    if (epoch === this.#freshEpoch) return
    this.#freshEpoch = epoch
    this.#fresh.clear()
    // Others may have sent it there since.
    this.#unwritten.clear()
    this.#rivals.clear()
    this.#early.clear()
  }

  #has(node: NodeId, entry: Entry, record: TaskRecord, step: Step): void {
    if (record !== entry.record && record !== entry.tracked) return
    const without = this.#unwritten.get(entry.id)
    if (without?.includes(node) === true)
      this.#unwritten.set(
        entry.id,
        without.filter(each => each !== node),
      )
    this.handed.taken(entry, node)
    if (!entry.safe.includes(node) && this.#isHolder(node, entry))
      entry.safe = entry.safe === NOBODY ? [node] : [...entry.safe, node]
    this.check(entry, step)
  }

  /** Whoever is none may drop it at any moment, and be one again later. */
  #isHolder(node: NodeId, { key }: Entry): boolean {
    const { view } = this.#parts
    return node === view.self || view.holders(key).includes(node)
  }
}
