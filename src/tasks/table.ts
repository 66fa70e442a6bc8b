import { assert } from '../base/assert.ts'
import type { NodeId, TaskId } from '../base/ids.ts'
import type { Now, WallMs } from '../base/time.ts'
import type { Ages } from './ages.ts'
import type { TasksConfig } from './config.ts'
import { DedupeIndex } from './dedupe-index.ts'
import { DropOrder } from './drop-order.ts'
import type { Slotted } from './heap.ts'
import type { Demand } from './limits.ts'
import { isSettled } from './merge.ts'
import { rankOf } from './queue.ts'
import { SortedIds } from './sorted-ids.ts'
import type { Attempt, TaskRecord, TaskState } from './task.ts'

/** Where an entry waits, if anywhere; see `Schedule`. */
export type Place = 'nowhere' | 'gated' | 'queued' | 'delayed' | 'elsewhere' | 'here'

/** One known task: its record, which is a value and only ever replaced, and what this node makes of it. */
export interface Entry extends Slotted {
  readonly id: TaskId
  readonly key: string
  /** Set through `Table.put` only. */
  record: TaskRecord
  /** As found under the ring of `epoch`. Set through `Table.assign` only. */
  owner: NodeId | undefined
  epoch: number
  /** Nodes that have the record as it is, or are being sent it. */
  copies: readonly NodeId[]
  /** In quorum mode: nodes that said that they have it, in whatever version, when they were asked about the term of `toldOf`. */
  told: readonly NodeId[]
  toldOf: number
  /** It must run, by what was said about this term. */
  judgedOf: number
  /** In quorum mode: nodes whose disks are known to have the record as it is, or as `tracked` says. */
  safe: readonly NodeId[]
  /** What was written last, where the record has changed in memory only since. */
  tracked: TaskRecord | undefined
  /** In quorum mode: what is told to those who ask while an end is on too few disks. Set through `hide` and `show` only. */
  shown: TaskRecord | undefined
  /** In quorum mode: the end that was, or may be, told. It stays as it is. */
  final: TaskRecord | undefined
  /** Names of the loaded shared lists that contain it. */
  lists: readonly string[]
  place: Place
  /** While it is delayed: by which clock, `Pauses` knows. */
  dueAt: number
  /** The pause that `dueAt` is the end of, by its `notBefore`; undefined: of none. */
  pause: WallMs | undefined
  /** As it was when it was queued. Set through `rank` only. */
  rank: number
  readonly order: number
  /** What it takes up while it runs, as it was when it began to wait where it is. Set through `weigh` only. */
  demand: Demand
}

/** To be called while it waits nowhere. */
export function weigh(entry: Entry): void {
  entry.demand = entry.record.spec
}

/** The same, before it is queued. */
export function rank(entry: Entry, ages: Ages, now: Now): void {
  const { acceptedAt, redriven, spec } = entry.record
  // One that was to wait begins to age when it may run, and one that had ended when another try of it was ordered.
  const waits = Math.max(acceptedAt, spec.runAt ?? 0, redriven?.at ?? 0)
  entry.rank = rankOf(ages.since(waits, now), spec.priority)
}

/** What is told to those who ask: an end that is on too few disks yet is nobody's business. */
export const shownOf = ({ shown, record }: Entry): TaskRecord => shown ?? record
/** How much of what is settled is kept, and for how long. */
export type Retention = Pick<TasksConfig, 'settledMax' | 'settledMs' | 'deadMax' | 'deadMs'>

const NOBODY: readonly NodeId[] = []

const noneOwned = (): Record<TaskState, number> => ({
  scheduled: 0,
  ready: 0,
  running: 0,
  succeeded: 0,
  retrying: 0,
  dead: 0,
  cancelled: 0,
})

/** All tasks that this node knows, owned or held for others, with the counts and indexes that would else need a walk. */
export class Table {
  readonly dedupes = new DedupeIndex<Entry>()
  readonly #self: NodeId
  readonly #entries = new Map<TaskId, Entry>()
  /** Of these, the schedules that are not deleted. */
  readonly #schedules = new Set<Entry>()
  /** A key mostly has one task, and then no set. */
  readonly #byKey = new Map<string, Entry | Set<Entry>>()
  /**
   * Settled and in no loaded list. Schedules that were deleted are counted apart: where nothing says any more that one was, whoever
   * was away brings it back, and then it runs for good; and tasks end faster than schedules are deleted.
   */
  readonly #results = new DropOrder<Entry>()
  readonly #deleted = new DropOrder<Entry>()
  readonly #dead = new DropOrder<Entry>()
  readonly #drops = [this.#results, this.#deleted, this.#dead]
  readonly #owned = noneOwned()
  /** Those whose ends are not told yet. */
  readonly #hidden = new Set<Entry>()
  #held = 0
  #accepted = 0
  #listed = 0
  #orders = 0
  #ended = 0
  /** For pages: of all, and of what is rare among them and often looked at. */
  readonly #ids = { all: new SortedIds(), dead: new SortedIds(), ran: new SortedIds() }

  constructor(self: NodeId) {
    this.#self = self
  }

  get size(): number {
    return this.#entries.size
  }

  /** By what is told of them: who waits for a count of ends finds each of them when it is reached. */
  get owned(): Readonly<Record<TaskState, number>> {
    const owned = { ...this.#owned }
    for (const { record, shown, owner } of this.#hidden) {
      if (shown === undefined || owner !== this.#self || record.schedule !== undefined) continue
      owned[record.state]--
      owned[shown.state]++
    }
    return owned
  }

  /** Stored records of tasks that others own. */
  get held(): number {
    return this.#held
  }

  /** Unsettled tasks of the API, and of schedules, that this node owns. */
  get accepted(): number {
    return this.#accepted
  }

  /** Accepted tasks that have come to their end while this node owned them, since boot. */
  get ended(): number {
    return this.#ended
  }

  /** Tasks of loaded shared lists. */
  get listed(): number {
    return this.#listed
  }

  get(id: TaskId): Entry | undefined {
    return this.#entries.get(id)
  }

  /** Those that are schedules and no tasks, and are not deleted; none of the counts has them. */
  schedules(): ReadonlySet<Entry> {
    return this.#schedules
  }

  /** In order of arrival. Entries may come and go during the walk. */
  entries(): MapIterator<Entry> {
    return this.#entries.values()
  }

  /** Of one key, at most `limit`. */
  ofKey(key: string, limit: number): readonly Entry[] {
    const found = this.#byKey.get(key)
    if (found === undefined) return []
    return found instanceof Set ? firstOf(found, limit) : [found]
  }

  /**
   * Ids in order, those above this one: of all, schedules included; of dead letters; of those of which an attempt ran on this
   * node. Nothing may be added or removed while they are read.
   */
  idsAbove(after?: string, of: 'all' | 'dead' | 'ran' = 'all'): Iterable<TaskId> {
    return this.#ids[of].above(after)
  }

  add(record: TaskRecord): Entry {
    const { id, key } = record.spec
    assert(!this.#entries.has(id), 'a task is added once', { task: id })
    const entry: Entry = {
      id,
      key,
      record,
      owner: undefined,
      epoch: -1,
      copies: record.holders,
      told: NOBODY,
      toldOf: 0,
      judgedOf: 0,
      safe: [],
      tracked: undefined,
      shown: undefined,
      final: undefined,
      lists: [],
      place: 'nowhere',
      dueAt: 0,
      pause: undefined,
      rank: 0,
      order: this.#orders++,
      slot: -1,
      demand: record.spec,
    }
    this.#entries.set(id, entry)
    this.#noteSchedule(entry)
    this.#ids.all.add(id)
    this.#list(entry, undefined, record)
    this.dedupes.add(entry)
    this.#index(entry)
    this.#tally(entry, 1)
    this.#sort(entry)
    return entry
  }

  /** The record has changed. */
  put(entry: Entry, record: TaskRecord): void {
    const before = entry.record
    this.#list(entry, before, record)
    // Another life of its id may have another dedupe key, or the same for another time.
    const renamed = before.spec !== record.spec || before.acceptedAt !== record.acceptedAt
    if (renamed) this.dedupes.remove(entry)
    if (countsAlike(before, record)) entry.record = record
    else {
      const accepted = this.#accepted
      this.#tally(entry, -1)
      entry.record = record
      this.#noteSchedule(entry)
      this.#tally(entry, 1)
      if (this.#accepted < accepted) this.#ended++
    }
    if (renamed) this.dedupes.add(entry)
    if (isSettled(before) || isSettled(record)) this.#sort(entry)
  }

  assign(entry: Entry, owner: NodeId | undefined, epoch: number): void {
    entry.epoch = epoch
    if (entry.owner === owner) return
    // Its new owner says how it stands. Here it is a copy as any other, and nobody would ever show it.
    if (owner !== this.#self) this.show(entry)
    this.#tally(entry, -1)
    entry.owner = owner
    this.#tally(entry, 1)
  }

  /**
   * Its next record is an end: until that is shown, those who ask its owner are told how it stands now, or what they are told now. Not of
   * a key that is only kept, for the reason for which `assign` shows it.
   */
  hide(entry: Entry): void {
    if (entry.owner !== this.#self || entry.shown !== undefined || isSettled(entry.record)) return
    entry.shown = entry.record
    this.#hidden.add(entry)
  }

  /** It is told as it is. */
  show(entry: Entry): void {
    if (entry.shown === undefined) return
    entry.shown = undefined
    this.#hidden.delete(entry)
  }

  setLists(entry: Entry, lists: readonly string[]): void {
    this.#tally(entry, -1)
    entry.lists = lists
    this.#tally(entry, 1)
    this.#sort(entry)
  }

  remove(entry: Entry): void {
    assert(entry.place === 'nowhere', 'a task that is forgotten waits nowhere', { task: entry.id })
    this.#hidden.delete(entry)
    this.#tally(entry, -1)
    this.#entries.delete(entry.id)
    this.#schedules.delete(entry)
    for (const order of this.#drops) order.delete(entry)
    this.#ids.all.remove(entry.id)
    this.#list(entry, entry.record, undefined)
    this.dedupes.remove(entry)
    const found = this.#byKey.get(entry.key)
    if (found instanceof Set && found.size > 1) found.delete(entry)
    else this.#byKey.delete(entry.key)
  }

  /** What need not be kept any more: those that were settled longest ago, at most `limit`. */
  surplus(kept: Retention, now: WallMs, limit: number): Entry[] {
    const { settledMax, settledMs, deadMax, deadMs } = kept
    const deleted = this.#deleted.beyond(settledMax, now - settledMs, limit)
    const results = this.#results.beyond(settledMax, now - settledMs, limit - deleted.length)
    const dead = this.#dead.beyond(deadMax, now - deadMs, limit - deleted.length - results.length)
    return [...deleted, ...results, ...dead]
  }

  /** It has to be kept although it was its turn: it stands back for those behind it. */
  missTurn(entry: Entry): void {
    for (const order of this.#drops) order.missTurn(entry)
  }

  /** Looks at some of those that stand back, at most `limit` of each order: who may go is in its place again. */
  takeTurn(mayGo: (entry: Entry) => boolean, limit: number): void {
    for (const order of this.#drops) order.takeTurn(mayGo, limit)
  }

  /** So many stand back. */
  get standingBack(): number {
    return this.#drops.reduce((sum, order) => sum + order.standingBack, 0)
  }

  /** Those that stood back first where more than `max` of an order do, at most `limit` of each. */
  crowding(max: number, limit: number): Entry[] {
    return this.#drops.flatMap(order => order.crowding(max, limit))
  }

  #noteSchedule(entry: Entry): void {
    const { record } = entry
    if (record.schedule !== undefined && !isSettled(record)) this.#schedules.add(entry)
    else this.#schedules.delete(entry)
  }

  #index(entry: Entry): void {
    const found = this.#byKey.get(entry.key)
    if (found === undefined) this.#byKey.set(entry.key, entry)
    else if (found instanceof Set) found.add(entry)
    else this.#byKey.set(entry.key, new Set([found, entry]))
  }

  /** Takes the entry out of all counts before it changes, and puts it back after. */
  #tally(entry: Entry, by: 1 | -1): void {
    const { record, owner } = entry
    if (record.schedule !== undefined) return
    if (owner === this.#self) {
      this.#owned[record.state] += by
      if (!isSettled(record) && !record.source.startsWith('list:')) this.#accepted += by
    } else if (record.revision > 0) this.#held += by
    if (entry.lists.length > 0) this.#listed += by
  }

  /** Its record changes from the one to the other. */
  #list({ id }: Entry, from: TaskRecord | undefined, to: TaskRecord | undefined): void {
    const { dead, ran } = this.#ids
    const wasDead = from?.state === 'dead'
    const isDead = to?.state === 'dead'
    if (wasDead && !isDead) dead.remove(id)
    if (isDead && !wasDead) dead.add(id)
    if (from?.attempts === to?.attempts) return
    const isOwn = ({ node }: Attempt): boolean => node === this.#self
    const hadRun = from?.attempts.some(isOwn) === true
    const hasRun = to?.attempts.some(isOwn) === true
    if (hadRun && !hasRun) ran.remove(id)
    if (hasRun && !hadRun) ran.add(id)
  }

  #sort(entry: Entry): void {
    const { lists, record } = entry
    const droppable = lists.length === 0 && isSettled(record)
    const own = record.state === 'dead' ? this.#dead : record.schedule ? this.#deleted : this.#results
    for (const order of this.#drops) {
      if (droppable && order === own) order.set(entry)
      else order.delete(entry)
    }
  }
}

/** Is the one in each count in which the other is? */
const countsAlike = (a: TaskRecord, b: TaskRecord): boolean =>
  a.state === b.state &&
  a.source === b.source &&
  a.revision > 0 === b.revision > 0 &&
  a.schedule === undefined &&
  b.schedule === undefined

function firstOf(entries: ReadonlySet<Entry>, count: number): Entry[] {
  const found: Entry[] = []
  for (const entry of entries) {
    if (found.length >= count) break
    found.push(entry)
  }
  return found
}
