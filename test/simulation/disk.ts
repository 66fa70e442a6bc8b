/**
 * The disk of one host: what survives its processes. A transaction is durable a seeded moment after it was begun (fsync; a
 * slow disk takes longer). Of a process that dies the transaction that was under way reached the disk or did not, without
 * anyone being told. A full disk has a reserve for so many rows, which is given up at the first write that finds no room.
 */
import type { Random } from '../../src/base/random.ts'
import type { StoreCondition, Write } from '../../src/node/machine.ts'

export class Disk {
  readonly #tables = { tasks: new Map<string, unknown>(), grants: new Map<string, unknown>() }
  readonly #random: Random
  #commitMs: readonly [from: number, to: number] = [0.5, 4]
  #condition: 'ok' | 'full' | 'read-only' = 'ok'
  /** Rows that the reserve still takes; undefined: it has not been given up. */
  #reserve: number | undefined
  #reserveRows = 0
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

  /** How long the next transaction takes. */
  commitMs(): number {
    return this.#random.between(...this.#commitMs)
  }

  /** What a process that starts now is told. */
  get condition(): StoreCondition {
    return this.#condition
  }

  /** From now on it takes nothing more, but for so many rows where it is full. */
  become(condition: 'ok' | 'full' | 'read-only', reserveRows = 0): void {
    this.#condition = condition
    this.#reserve = undefined
    this.#reserveRows = reserveRows
  }

  /** Somebody has made room for so many rows on a full disk, and no more. */
  makeRoom(rows: number): void {
    if (this.#condition !== 'full') return
    if (this.#reserve === undefined) this.#reserveRows += rows
    else this.#reserve += rows
  }

  /** Why a transaction of so many rows cannot be written; undefined when it can. */
  refuses(rows: number): 'full' | 'read-only' | undefined {
    if (this.#condition === 'ok' || rows === 0) return undefined
    if (this.#condition === 'read-only') return 'read-only'
    if (this.#reserve !== undefined && this.#reserve >= rows) {
      this.#reserve -= rows
      return undefined
    }
    this.#reserve ??= this.#reserveRows
    return 'full'
  }

  apply(writes: readonly Write[]): void {
    for (const { table, key, value } of writes) {
      if (value === undefined) this.#tables[table].delete(key)
      else this.#tables[table].set(key, value)
    }
  }

  /** The process died with this transaction under way. */
  crashed(transaction: readonly (readonly Write[])[]): void {
    const reached = this.#random.chance(0.5) && this.#condition === 'ok'
    if (reached) for (const writes of transaction) this.apply(writes)
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
    this.become('ok')
  }
}
