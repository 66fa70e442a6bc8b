/**
 * The durable store of one host: what survives its processes. Commits are durable in the order they were asked for,
 * each a seeded moment after it was asked (group commit and fsync of a disk; a slow disk takes longer). A process that
 * dies loses what was under way, all but a seeded prefix that reached the disk without anyone being told.
 */
import type { Random } from '../../src/base/random.ts'
import type { Write } from '../../src/node/machine.ts'

export class Disk {
  readonly #tables = { tasks: new Map<string, unknown>(), grants: new Map<string, unknown>() }
  readonly #random: Random
  #commitMs: readonly [from: number, to: number] = [0.5, 4]
  #lastCommitAt = 0
  /** Written by the shell, not by the core, before the process runs. */
  boot = 0
  incarnation = 0
  /** The next commit fails, and with it the daemon. */
  failing = false
  /** How often this host lost all it knew. */
  wipes = 0

  constructor(random: Random) {
    this.#random = random
  }

  setCommitMs(from: number, to: number): void {
    this.#commitMs = [from, to]
  }

  /** When a commit asked for now will be durable: never before the one asked for earlier. */
  commitAt(now: number): number {
    this.#lastCommitAt = Math.max(this.#lastCommitAt, now + this.#random.between(...this.#commitMs))
    return this.#lastCommitAt
  }

  apply(writes: readonly Write[]): void {
    for (const { table, key, value } of writes) {
      if (value === undefined) this.#tables[table].delete(key)
      else this.#tables[table].set(key, value)
    }
  }

  /** The process died with these commits under way; some of the first ones are on the disk all the same. */
  crashed(underWay: readonly (readonly Write[])[]): void {
    const reached = this.#random.below(underWay.length + 1)
    for (const writes of underWay.slice(0, reached)) this.apply(writes)
    this.#lastCommitAt = 0
  }

  rows(table: Write['table']): ReadonlyMap<string, unknown> {
    return this.#tables[table]
  }

  /** A new, empty disk. */
  wipe(): void {
    this.#tables.tasks.clear()
    this.#tables.grants.clear()
    this.boot = 0
    this.incarnation = 0
    this.wipes++
  }
}
