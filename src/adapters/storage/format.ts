import type { DatabaseSync } from 'node:sqlite'
import { CodedError } from '../../base/errors.ts'
import type { Table } from './protocol.ts'

/** Version of what lies in the file. Raise it with every change of tables, and say in `MIGRATIONS` how to get there. */
export const FORMAT = 2

/** One table per `Write['table']`; the type makes a new one impossible to forget. */
const TABLE_SET: Readonly<Record<Table, true>> = { tasks: true, grants: true }
export const TABLES = Object.keys(TABLE_SET) as readonly Table[]

/** How to get from one version to the next: the step under N turns a file of version N into one of N + 1. */
export type Migrations = ReadonlyMap<number, (database: DatabaseSync) => void>
export const MIGRATIONS: Migrations = new Map([
  // Format 1 had a table of members, which nothing was ever written to.
  [1, database => database.exec(`DROP TABLE members; ${tableOf('grants')}`)],
])

/**
 * The tables of a new file. `sum` is a checksum of key and value: SQLite's own check sees damaged pages, not a flipped
 * bit inside a text.
 */
export function createTables(database: DatabaseSync): void {
  database.exec(`BEGIN;
    CREATE TABLE format (version INTEGER NOT NULL) STRICT;
    INSERT INTO format VALUES (${FORMAT});
    ${TABLES.map(tableOf).join('\n')}
    COMMIT;`)
}

const tableOf = (table: Table): string =>
  `CREATE TABLE ${table} (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL, sum INTEGER NOT NULL) STRICT;`

/** The version of an open file. Throws STORE_CORRUPT when it is no store, STORE_TOO_NEW when it is from the future. */
export function readFormat(database: DatabaseSync, path: string, newest: number = FORMAT): number {
  const table = database.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'format'").get()
  const rows = table === undefined ? [] : database.prepare('SELECT version FROM format').all()
  const { version } = rows[0] ?? { version: undefined }
  if (rows.length !== 1 || typeof version !== 'number' || !Number.isInteger(version) || version < 1) {
    const found = table === undefined ? 'no table "format"' : `${rows.length} rows, first ${String(version)}`
    throw new CodedError('STORE_CORRUPT', `${path}: expected one format version, found ${found}.`)
  }
  if (version > newest) {
    throw new CodedError(
      'STORE_TOO_NEW',
      `${path}: expected format ${newest} or older, found ${version}. Start the version that wrote it.`,
    )
  }
  return version
}

/** Brings a file to the newest version, step by step, all in one transaction: after a crash it is the old or the new. */
export function migrate(
  database: DatabaseSync,
  path: string,
  steps: Migrations = MIGRATIONS,
  newest: number = FORMAT,
): void {
  const found = readFormat(database, path, newest)
  if (found === newest) return
  database.exec('BEGIN IMMEDIATE')
  try {
    for (let version = found; version < newest; version++) stepFrom(version, steps, path)(database)
    database.prepare('UPDATE format SET version = ?').run(newest)
    database.exec('COMMIT')
  } catch (error) {
    database.exec('ROLLBACK')
    throw error
  }
}

function stepFrom(version: number, steps: Migrations, path: string): (database: DatabaseSync) => void {
  const step = steps.get(version)
  if (step !== undefined) return step
  throw new CodedError(
    'STORE_CORRUPT',
    `${path}: expected a format that this version can read, found ${version}.`,
  )
}
