/**
 * One id under two keys. Each key has an owner of its own, and neither may know of the other's task, so both may be accepted;
 * the two meet where a node is to hold records of both keys.
 *
 * The rule: a node has one task of an id. Whoever brings the other one is told which key stands in the way, and that it has
 * not been taken: such an answer counts for nothing, lets nobody drop its copy, and the copy is sent again until the task that
 * was first is gone there. Then it is taken like any other: that it is not known there does not mean that it has ended. Until
 * then whoever owns its key is not done with any ring (`untaken.ts`), and neither is the owner of one that too few can take.
 * Of one that has ended its owner keeps the end until then, and takes it first.
 *
 * Not taken: records by id and key. Every request, page and event names a task by its id, and would have to say which one.
 */
import type { NodeId, TaskId } from '../base/ids.ts'
import { after, type Instant } from '../base/time.ts'
import type { Counters } from './counts.ts'
import type { Step } from './effects.ts'
import type { Replication } from './replication.ts'
import type { Epochs } from './right.ts'
import type { TaskRecord } from './task.ts'
import { Untaken } from './untaken.ts'
import type { View } from './view.ts'

/** Remembered at once; with more the oldest is forgotten. 1,000 of an id and a key of 100 bytes are 200 KB. */
export const CONFLICTS_MAX = 1_000
/** With so many, one line at most is said in this time, in ms. */
const LINE_MS = 1_000

/** A record by its place in a batch, and the key under which another task with its id is there. */
export type Conflict = readonly [place: number, key: string]

interface Known {
  readonly id: TaskId
  readonly key: string
}

export class Conflicts {
  readonly #view: View
  readonly #replication: Replication
  readonly #counters: Counters
  /** Ids that are known here under another key, each with the key that others have. */
  readonly #elsewhere = new Set<string>()
  /** Absent where copies are not counted. */
  readonly #untaken: Untaken | undefined
  #quietUntil: Instant = 0 as Instant
  #endsQuietUntil: Instant = 0 as Instant

  /** @param epochs where copies are counted in quorum mode */
  constructor(view: View, replication: Replication, counters: Counters, epochs?: Epochs) {
    this.#view = view
    this.#replication = replication
    this.#counters = counters
    this.#untaken = epochs && new Untaken(epochs)
  }

  /** Is there a task of a key of this node that has not ended, and that it could not take? */
  get owing(): boolean {
    return this.#untaken?.any === true
  }

  get size(): number {
    return this.#elsewhere.size
  }

  /** Does somebody have a task with this id under this key, which this node could not take? */
  has(id: TaskId, key: string): boolean {
    if (this.#none) return false
    const name = nameOf(id, key)
    return this.#elsewhere.has(name) || this.#untaken?.has(name) === true
  }

  /** Has somebody one of this id and key that this node, which owns it, is still to take? Of one that has ended it is to take the end. */
  owes({ id, key }: Known): boolean {
    return !this.#none && this.#untaken?.waitsFor(nameOf(id, key)) === true
  }

  /** It is known here now. True when somebody had it, and this node could not take it until now. */
  over({ id, key }: Known): boolean {
    if (this.#none) return false
    const name = nameOf(id, key)
    const owed = this.#untaken?.over(name) === true
    return this.#elsewhere.delete(name) || owed
  }

  /** Ends that could not be taken while another task had their id, and can be now. */
  *freeEnds(isFree: (id: TaskId) => boolean): Iterable<TaskRecord> {
    if (this.#none) return
    for (const record of this.#untaken?.ends() ?? []) if (isFree(record.spec.id)) yield record
  }

  /** Its id is free here, and it is about to be taken: how it ended, if somebody has told so before. It is told once. */
  takeEnd({ id, key }: Known): TaskRecord | undefined {
    return this.#none ? undefined : this.#untaken?.takeEnd(nameOf(id, key))
  }

  /** `node` brought this record, whose id is known here under another key. */
  brought(known: Known, record: TaskRecord, node: NodeId, step: Step): void {
    const { id, key } = record.spec
    this.met(known, key, node, step)
    const forgotten = this.#untaken?.brought(nameOf(id, key), record, node)
    if (forgotten === undefined) return
    this.#counters.add('conflict_ends_forgotten')
    if (step.now.mono < this.#endsQuietUntil) return
    this.#endsQuietUntil = after(step.now.mono, LINE_MS)
    step.log('warn', 'task-end-forgotten', { task: forgotten.spec.id, key: forgotten.spec.key, node })
  }

  /** These nodes have lost their disks, and with them what they brought. */
  lost(nodes: ReadonlySet<NodeId>): void {
    this.#untaken?.lost(nodes)
  }

  /** Asked of each task that comes. */
  get #none(): boolean {
    return this.#elsewhere.size === 0 && (this.#untaken?.size ?? 0) === 0
  }

  /** `node` has a task with the id of this one, under another key. */
  met({ id, key }: Known, otherKey: string, node: NodeId, step: Step): void {
    const name = nameOf(id, otherKey)
    const known = this.#elsewhere.delete(name)
    const full = this.#elsewhere.size >= CONFLICTS_MAX
    if (full) {
      this.#elsewhere.delete(this.#elsewhere.values().next().value as string)
      this.#counters.add('conflicts_forgotten')
    }
    this.#elsewhere.add(name)
    if (known || (full && step.now.mono < this.#quietUntil)) return
    this.#quietUntil = after(step.now.mono, LINE_MS)
    step.log('error', 'task-conflict', { task: id, key, otherKey, node })
  }

  /** `node` did not take these copies of a batch. Where it is still to hold them they are sent again, in a while. */
  told(node: NodeId, records: readonly TaskRecord[], conflicts: readonly Conflict[], step: Step): void {
    const again: TaskRecord[] = []
    for (const [place, otherKey] of conflicts) {
      const record = records[place]
      if (record === undefined) continue
      this.met(record.spec, otherKey, node, step)
      if (this.#view.holders(record.spec.key).includes(node)) again.push(record)
    }
    this.#replication.later(node, again, step.now.mono)
  }
}

const nameOf = (id: TaskId, key: string): string => `${id} ${key}`
