import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { type Extent, ExtentCount } from './meta.ts'
import type { EncodedWrite, Table } from './protocol.ts'
import { sumOf } from './sum.ts'
import { TABLES } from './tables.ts'

type PerTable = Readonly<Record<Table, StatementSync>>

/** One transaction at a time, in parts, with its own count of what there is (see `meta.ts`). */
export class RowWriter {
  readonly #database: DatabaseSync
  readonly #extent: ExtentCount
  readonly #update: PerTable
  readonly #insert: PerTable
  readonly #remove: PerTable
  #begunAt: number | undefined
  #changed = false

  constructor(database: DatabaseSync, extent: Extent) {
    this.#database = database
    this.#extent = new ExtentCount(database, extent)
    this.#update = statements(database, table => `UPDATE ${table} SET value = ?, sum = ? WHERE key = ?`)
    this.#insert = statements(database, table => `INSERT INTO ${table} VALUES (?, ?, ?)`)
    this.#remove = statements(database, table => `DELETE FROM ${table} WHERE key = ?`)
  }

  /** As of the last transaction. */
  get extent(): Extent {
    return this.#extent.durable
  }

  /** Adds to the transaction, which begins with its first part. Throws what SQLite says; then call `rollBack`. */
  write(writes: readonly EncodedWrite[]): void {
    if (this.#begunAt === undefined) {
      this.#begunAt = performance.now()
      this.#changed = false
      this.#database.exec('BEGIN IMMEDIATE')
    }
    for (const each of writes) this.#apply(each)
  }

  /** Ends the transaction: when this returns, it would survive a power cut. @returns how long it took, in ms */
  commit(): number {
    if (this.#changed) this.#extent.write()
    this.#database.exec('COMMIT')
    if (this.#changed) this.#extent.committed()
    const ms = performance.now() - (this.#begunAt ?? 0)
    this.#begunAt = undefined
    return ms
  }

  /** Nothing of the transaction has happened. SQLite has often rolled it back already. */
  rollBack(): void {
    this.#begunAt = undefined
    this.#extent.rolledBack()
    if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
  }

  #apply([table, key, value]: EncodedWrite): void {
    this.#changed = true
    if (value === null) {
      this.#extent.add(table, -Number(this.#remove[table].run(key).changes))
      return
    }
    const sum = sumOf(key, value)
    if (this.#update[table].run(value, sum, key).changes !== 0) return
    this.#insert[table].run(key, value, sum)
    this.#extent.add(table, 1)
  }
}

function statements(database: DatabaseSync, sql: (table: Table) => string): PerTable {
  return Object.fromEntries(TABLES.map(table => [table, database.prepare(sql(table))])) as Record<
    Table,
    StatementSync
  >
}
