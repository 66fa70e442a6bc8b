import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { CodedError } from '../../base/errors.ts'
import type { Table } from './protocol.ts'
import { sumOf } from './sum.ts'
import { TABLES } from './tables.ts'

/** One answer is so small that unpacking it is a matter of a millisecond. */
const READ_ROWS_MAX = 512
const READ_LENGTH_MAX = 256 * 1024

interface Part {
  /** Key, value, key, value... */
  readonly rows: readonly string[]
  /** Read on after this row. */
  readonly last: number
  readonly done: boolean
}

/**
 * Reads tables in the order in which they lie in the file, which takes a fraction of the time that the order of keys
 * would: that of a million rows jumps all over the file. Each part is a query of its own, so no long read holds the log back.
 */
export class RowReader {
  readonly #path: string
  readonly #queries: Readonly<Record<Table, StatementSync>>

  constructor(database: DatabaseSync, path: string) {
    this.#path = path
    const query = (table: Table) =>
      database.prepare(`SELECT rowid, key, value, sum FROM ${table} WHERE rowid > ? ORDER BY rowid`)
    this.#queries = Object.fromEntries(TABLES.map(table => [table, query(table)])) as Record<
      Table,
      StatementSync
    >
  }

  /**
   * The next rows. Throws STORE_CORRUPT when one is damaged.
   * @param after `last` of the part before; undefined for the first
   */
  after(table: Table, after: number | undefined): Part {
    const rows: string[] = []
    let length = 0
    let last = after ?? Number.MIN_SAFE_INTEGER
    for (const row of this.#queries[table].iterate(last)) {
      const { rowid, key, value, sum } = row as { rowid: number; key: string; value: string; sum: number }
      this.#check(table, key, value, sum)
      rows.push(key, value)
      last = rowid
      length += key.length + value.length
      if (rows.length >= 2 * READ_ROWS_MAX || length >= READ_LENGTH_MAX) return { rows, last, done: false }
    }
    return { rows, last, done: true }
  }

  #check(table: Table, key: string, value: string, found: number): void {
    // A flipped bit makes a blob of a text, with the same checksum.
    const isText = typeof key === 'string' && typeof value === 'string'
    const expected = isText ? sumOf(key, value) : 'that of a text'
    if (found === expected) return
    throw new CodedError(
      'STORE_CORRUPT',
      `${this.#path}: the row ${JSON.stringify(key)} of ${table} is damaged: expected checksum ${expected}, found ${found}.`,
    )
  }
}
