/**
 * What a store knows of itself: which disk it is, and how much of it there must be.
 *
 * Every row has a checksum, so what is read was written. That says nothing of what is not read: SQLite takes a log that
 * was cut off or damaged for one whose end never got to the disk, and reads on as if the last commits had never been,
 * and a damaged tree may hide a row. So each transaction also counts itself and the rows (in the same transaction), and
 * `Mark` keeps the count of the last one that was acknowledged in a file beside it. A store that is behind its mark, or
 * has fewer rows than it counted, is damaged.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { CodedError } from '../../base/errors.ts'
import type { Birth, Table } from './protocol.ts'
import { sumOf } from './sum.ts'
import { TABLES, tableOf } from './tables.ts'

/** How much there is, as of the last transaction. */
export interface Extent {
  /** Transactions since the store was made. */
  readonly transactions: number
  readonly rows: Readonly<Record<Table, number>>
}

/** To be called inside a transaction. */
export function createMeta(database: DatabaseSync, birth: Birth, rows: Extent['rows']): void {
  database.exec(tableOf('meta'))
  const insert = database.prepare('INSERT INTO meta VALUES (?, ?, ?)')
  const put = (key: string, value: string) => insert.run(key, value, sumOf(key, value))
  put('birth', JSON.stringify(birth))
  put('extent', JSON.stringify({ transactions: 0, rows }))
}

/** Throws STORE_CORRUPT when they are not there or damaged. */
export function readMeta(database: DatabaseSync, path: string): { birth: Birth; extent: Extent } {
  const birth = metaRow(database, path, 'birth') as Birth
  const extent = metaRow(database, path, 'extent') as Extent
  const counts = [birth.bornBoot, extent.transactions, ...TABLES.map(table => extent.rows?.[table])]
  if (typeof birth.diskId === 'string' && counts.every(Number.isSafeInteger)) return { birth, extent }
  const found = `${JSON.stringify(birth)} and ${JSON.stringify(extent)}`
  throw new CodedError('STORE_CORRUPT', `${path}: expected birth and extent of a store, found ${found}.`)
}

function metaRow(database: DatabaseSync, path: string, key: string): unknown {
  const row = database.prepare('SELECT value, sum FROM meta WHERE key = ?').get(key)
  const { value, sum } = row ?? {}
  if (typeof value === 'string' && sum === sumOf(key, value)) return JSON.parse(value)
  const found = row === undefined ? 'none' : `${String(value).slice(0, 200)} with another one`
  throw new CodedError('STORE_CORRUPT', `${path}: expected a row ${key} with its checksum, found ${found}.`)
}

/** Counts the transactions and rows of one open store. A transaction that is rolled back was not counted. */
export class ExtentCount {
  readonly #update: StatementSync
  #durable: Extent
  #rows: Record<Table, number>

  constructor(database: DatabaseSync, extent: Extent) {
    this.#update = database.prepare("UPDATE meta SET value = ?, sum = ? WHERE key = 'extent'")
    this.#durable = extent
    this.#rows = { ...extent.rows }
  }

  /** As of the last transaction that was committed. */
  get durable(): Extent {
    return this.#durable
  }

  add(table: Table, rows: number): void {
    this.#rows[table] += rows
  }

  /** Writes the counts into the transaction that is about to end; `committed` or `rolledBack` must follow. */
  write(): void {
    const value = JSON.stringify({ transactions: this.#durable.transactions + 1, rows: this.#rows })
    this.#update.run(value, sumOf('extent', value))
  }

  committed(): void {
    this.#durable = { transactions: this.#durable.transactions + 1, rows: { ...this.#rows } }
  }

  rolledBack(): void {
    this.#rows = { ...this.#durable.rows }
  }
}
