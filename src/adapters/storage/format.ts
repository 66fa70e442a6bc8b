import type { DatabaseSync } from 'node:sqlite'
import { CodedError } from '../../base/errors.ts'
import { createMeta } from './meta.ts'
import type { Birth, Table } from './protocol.ts'
import { TABLES, tableOf } from './tables.ts'

/** Version of what lies in the file. Raise it with every change of tables, and say in `MIGRATIONS` how to get there. */
export const FORMAT = 3

/**
 * How to get from one version to the next: the step under N turns a file of version N into one of N + 1. A step is told
 * of the birth that the store gets where its format did not know of one.
 */
export type Migrations = ReadonlyMap<number, (database: DatabaseSync, birth: Birth) => void>
export const MIGRATIONS: Migrations = new Map([
  // Format 1 had a table of members, which nothing was ever written to.
  [1, database => database.exec(`DROP TABLE members; ${tableOf('grants')}`)],
  // Format 2 did not know which disk it was on, nor how much of it there must be.
  [2, (database, birth) => createMeta(database, birth, countRows(database))],
])

/** The tables of a new file. */
export function createTables(database: DatabaseSync, birth: Birth): void {
  database.exec(`BEGIN;
    CREATE TABLE format (version INTEGER NOT NULL) STRICT;
    INSERT INTO format VALUES (${FORMAT});
    ${TABLES.map(tableOf).join('\n')}`)
  createMeta(database, birth, countRows(database))
  database.exec('COMMIT')
}

function countRows(database: DatabaseSync): Record<Table, number> {
  const count = (table: Table): number =>
    Number(database.prepare(`SELECT count(*) AS rows FROM ${table}`).get()?.['rows'])
  return Object.fromEntries(TABLES.map(table => [table, count(table)])) as Record<Table, number>
}

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
  birth: Birth,
  steps: Migrations = MIGRATIONS,
  newest: number = FORMAT,
): void {
  const found = readFormat(database, path, newest)
  if (found === newest) return
  database.exec('BEGIN IMMEDIATE')
  try {
    for (let version = found; version < newest; version++) stepFrom(version, steps, path)(database, birth)
    database.prepare('UPDATE format SET version = ?').run(newest)
    database.exec('COMMIT')
  } catch (error) {
    // Without room SQLite has gone back itself, and to do so again would be the error told: an SQL error, so damage.
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}

function stepFrom(
  version: number,
  steps: Migrations,
  path: string,
): (database: DatabaseSync, birth: Birth) => void {
  const step = steps.get(version)
  if (step !== undefined) return step
  throw new CodedError(
    'STORE_CORRUPT',
    `${path}: expected a format that this version can read, found ${version}.`,
  )
}
