import type { Table } from './protocol.ts'

/** Of the database; SQLite's own default, and that of most file systems. */
export const PAGE_BYTES = 4096

/** One table per `Write['table']`; the type makes a new one impossible to forget. */
const TABLE_SET: Readonly<Record<Table, true>> = { tasks: true, grants: true }
export const TABLES = Object.keys(TABLE_SET) as readonly Table[]

/**
 * All tables look alike. `sum` is a checksum of key and value: SQLite's own check sees damaged pages, not a flipped bit
 * inside a text.
 */
export const tableOf = (table: string): string =>
  `CREATE TABLE ${table} (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL, sum INTEGER NOT NULL) STRICT;`
