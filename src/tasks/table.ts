import { assert } from '../base/assert.ts'
import type { NodeId, TaskId } from '../base/ids.ts'
import type { Instant } from '../base/time.ts'
import { DropOrder } from './drop-order.ts'
import type { Slotted } from './heap.ts'
import { isSettled } from './merge.ts'
import { rankOf } from './queue.ts'
import type { TaskRecord, TaskState } from './task.ts'

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
  /** Names of the loaded shared lists that contain it. */
  lists: readonly string[]
  place: Place
  dueAt: Instant
  readonly rank: number
  readonly order: number
}

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
  readonly #self: NodeId
  readonly #entries = new Map<TaskId, Entry>()
  /** Of these, the schedules. */
  readonly #schedules = new Set<Entry>()
  /** A key mostly has one task, and then no set. */
  readonly #byKey = new Map<string, Entry | Set<Entry>>()
  /** Settled and in no loaded list. */
  readonly #droppable = new DropOrder<Entry>()
  readonly #owned = noneOwned()
  #held = 0
  #accepted = 0
  #listed = 0
  #orders = 0
  #sorted: readonly TaskId[] | undefined

  constructor(self: NodeId) {
    this.#self = self
  }

  get size(): number {
    return this.#entries.size
  }

  get owned(): Readonly<Record<TaskState, number>> {
    return { ...this.#owned }
  }

  /** Stored records of tasks that others own. */
  get held(): number {
    return this.#held
  }

  /** Unsettled tasks of the API, and of schedules, that this node owns. */
  get accepted(): number {
    return this.#accepted
  }

  /** Tasks of loaded shared lists. */
  get listed(): number {
    return this.#listed
  }

  get(id: TaskId): Entry | undefined {
    return this.#entries.get(id)
  }

  /** Those that are schedules and no tasks; none of the counts has them. */
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

  /** Sorted ids. Kept until an id comes or goes, since pages are asked for one after the other. */
  ids(): readonly TaskId[] {
    this.#sorted ??= [...this.#entries.keys()].sort()
    return this.#sorted
  }

  add(record: TaskRecord): Entry {
    const { id, key, priority } = record.spec
    assert(!this.#entries.has(id), 'a task is added once', { task: id })
    const entry: Entry = {
      id,
      key,
      record,
      owner: undefined,
      epoch: -1,
      copies: record.holders,
      lists: [],
      place: 'nowhere',
      dueAt: 0 as Instant,
      rank: rankOf(record.acceptedAt, priority),
      order: this.#orders++,
      slot: -1,
    }
    this.#entries.set(id, entry)
    if (record.schedule !== undefined) this.#schedules.add(entry)
    this.#sorted = undefined
    this.#index(entry)
    this.#tally(entry, 1)
    this.#sort(entry)
    return entry
  }

  /** The record has changed. */
  put(entry: Entry, record: TaskRecord): void {
    this.#tally(entry, -1)
    entry.record = record
    if (record.schedule !== undefined) this.#schedules.add(entry)
    this.#tally(entry, 1)
    this.#sort(entry)
  }

  assign(entry: Entry, owner: NodeId | undefined, epoch: number): void {
    this.#tally(entry, -1)
    entry.owner = owner
    entry.epoch = epoch
    this.#tally(entry, 1)
  }

  setLists(entry: Entry, lists: readonly string[]): void {
    this.#tally(entry, -1)
    entry.lists = lists
    this.#tally(entry, 1)
    this.#sort(entry)
  }

  remove(entry: Entry): void {
    assert(entry.place === 'nowhere', 'a task that is forgotten waits nowhere', { task: entry.id })
    this.#tally(entry, -1)
    this.#entries.delete(entry.id)
    this.#schedules.delete(entry)
    this.#droppable.delete(entry)
    this.#sorted = undefined
    const found = this.#byKey.get(entry.key)
    if (found instanceof Set && found.size > 1) found.delete(entry)
    else this.#byKey.delete(entry.key)
  }

  /** The entries above the bound that were settled longest ago, at most `limit`. */
  surplus(settledMax: number, limit: number): Entry[] {
    return this.#droppable.beyond(settledMax, limit)
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

  #sort(entry: Entry): void {
    const droppable = entry.lists.length === 0 && isSettled(entry.record)
    if (droppable) this.#droppable.set(entry)
    else this.#droppable.delete(entry)
  }
}

function firstOf(entries: ReadonlySet<Entry>, count: number): Entry[] {
  const found: Entry[] = []
  for (const entry of entries) {
    if (found.length >= count) break
    found.push(entry)
  }
  return found
}
