import type { NodeId, TaskId } from '../base/ids.ts'
import { after, type Instant, NEVER } from '../base/time.ts'
import type { Replication } from './replication.ts'
import type { Running, Schedule } from './schedule.ts'
import type { TaskRecord } from './task.ts'
import type { View } from './view.ts'

/** Keys that are kept at once; attempts beyond that are stopped, the youngest first. */
export const KEPT_KEYS_MAX = 256
/** After its last attempt a key is kept for so long at most, in ms, while its new owner has not confirmed how it ended. */
const CONFIRM_MS = 1_000

interface Unconfirmed {
  readonly key: string
  readonly revision: number
  readonly until: Instant
}

/**
 * Keys in quorum mode that this node has lost and is not done with. Nobody else gets the right to act for a key while
 * it is kept. It is kept while an attempt runs, one whose end was ordered included, and then until the new owner has
 * the record of how it ended: else the owner could be told "you may" before it is told "this is done", and run it again.
 */
export class Kept {
  readonly #view: View
  readonly #schedule: Schedule
  readonly #replication: Replication
  /** In the order in which they run out. */
  readonly #unconfirmed = new Map<TaskId, Unconfirmed>()
  #keys: readonly string[] = []
  /** Does anything run here of a key that is lost? */
  #losing = false
  #found = { epoch: -1, here: -1, version: -1 }
  #version = 0

  constructor(view: View, schedule: Schedule, replication: Replication) {
    this.#view = view
    this.#schedule = schedule
    this.#replication = replication
  }

  /** Distinct; the same array until it changes. */
  keys(): readonly string[] {
    const { epoch } = this.#view
    const { hereVersion: here } = this.#schedule
    const version = this.#version
    const found = this.#found
    // Nothing begins here but of keys that are this node's: without a new ring nothing is lost that was not.
    const same = epoch === found.epoch && version === found.version
    if (same && (!this.#losing || here === found.here)) return this.#keys
    this.#found = { epoch, here, version }
    const keys = new Set<string>()
    for (const running of this.#schedule.here.values()) if (this.lost(running)) keys.add(running.entry.key)
    this.#losing = keys.size > 0
    for (const { key } of this.#unconfirmed.values()) if (this.#isLost(key)) keys.add(key)
    if (!sameKeys(keys, this.#keys)) this.#keys = [...keys]
    return this.#keys
  }

  /** Is it under a right that this node has only as long as it keeps the key? */
  lost({ entry, until }: Running): boolean {
    if (until === NEVER) return false
    const { self, epoch } = this.#view
    return entry.epoch === epoch ? entry.owner !== self : this.#isLost(entry.key)
  }

  /** The attempt has ended, and how is in the record. */
  ended(running: Running, now: Instant): void {
    const { id, key, record } = running.entry
    if (!this.lost(running) || !this.#replication.isUnsafe(id)) return
    if (this.#unconfirmed.size >= KEPT_KEYS_MAX) return
    this.#unconfirmed.delete(id)
    this.#unconfirmed.set(id, { key, revision: record.revision, until: after(now, CONFIRM_MS) })
    this.#version++
  }

  /** `from` has these records on its disk. */
  acknowledged(from: NodeId, copies: readonly TaskRecord[]): void {
    if (this.#unconfirmed.size === 0) return
    for (const { spec, revision } of copies) {
      const task = spec.id
      const found = this.#unconfirmed.get(task)
      if (found === undefined || revision < found.revision || this.#view.owner(found.key) !== from) continue
      this.#unconfirmed.delete(task)
      this.#version++
    }
  }

  /** Whoever has not confirmed in time is not waited for. */
  expire(now: Instant): void {
    for (const [task, { until }] of this.#unconfirmed) {
      if (until > now) return
      this.#unconfirmed.delete(task)
      this.#version++
    }
  }

  nextWake(): Instant {
    return this.#unconfirmed.values().next().value?.until ?? NEVER
  }

  #isLost(key: string): boolean {
    return this.#view.owner(key) !== this.#view.self
  }
}

const sameKeys = (a: ReadonlySet<string>, b: readonly string[]): boolean =>
  a.size === b.length && b.every(key => a.has(key))
