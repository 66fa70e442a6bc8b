import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { CodedError } from '../../base/errors.ts'
import { makePrivateDirectory, PRIVATE_FILE, reasonOf, syncDirectory } from './disk.ts'
import { createTables, migrate, readFormat } from './format.ts'

const PAGE_BYTES = 4096
/** Pages in the log before it is copied into the main file: 4 MiB, some 5 ms of a disk's time. */
const CHECKPOINT_PAGES = 1000
/** One giant transaction must not leave a giant log behind. */
const LOG_BYTES_KEPT = 16 * 1024 * 1024
/** Reads go through the operating system's cache; SQLite's own is for the inner pages of two small trees. */
const CACHE_KIB = 2048

/** SQLite's primary result codes, as in `sqlite3.h`. */
const LOCKED = new Set([5, 6])
/** 1 is "SQL error": the statements here are right, so the file's header or schema is not. */
const DAMAGED = new Set([1, 11, 26])

/**
 * Opens the store's file for writing, creating it when it is not there.
 *
 * Three rules. A new file appears under its name only when it is whole (made beside it, synced, renamed), so an empty
 * or half-made one is damage and never a fresh start. A file is checked through a read-only connection first, because
 * a writing one would copy the log into a damaged file. And it is locked for the life of the connection (which also
 * spares the shared-memory file): a backup tool that takes a lock must not make the daemon's writes fail.
 *
 * Throws STORE_CORRUPT, STORE_TOO_NEW, DATA_DIR_LOCKED, DATA_DIR_UNUSABLE.
 */
export function openStoreFile(path: string, fileBytesMax: number): DatabaseSync {
  try {
    makePrivateDirectory(dirname(path))
    if (!existsSync(path)) create(path)
    inspect(path)
    return openForWriting(path, fileBytesMax)
  } catch (error) {
    throw openingError(error, path)
  }
}

function create(path: string): void {
  if (sizeOf(`${path}-wal`) > 0) {
    throw new CodedError(
      'STORE_CORRUPT',
      `${path}: expected the database that belongs to ${path}-wal, found none.`,
    )
  }
  const draft = `${path}.new`
  for (const name of [draft, `${draft}-wal`, `${draft}-shm`, `${draft}-journal`])
    rmSync(name, { force: true })
  closeSync(openSync(draft, 'wx', PRIVATE_FILE))
  const database = new DatabaseSync(draft)
  try {
    database.exec(`PRAGMA page_size = ${PAGE_BYTES}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL`)
    createTables(database)
  } finally {
    database.close() // copies the log into the file and removes it
  }
  syncFile(draft)
  renameSync(draft, path)
  syncDirectory(dirname(path))
}

/** Looks without touching: whatever is wrong, every byte stays as it was. */
function inspect(path: string): void {
  if (sizeOf(path) === 0) {
    throw new CodedError('STORE_CORRUPT', `${path}: expected a SQLite database, found an empty file.`)
  }
  const database = new DatabaseSync(path, { readOnly: true, timeout: 0 })
  try {
    const verdict = single(database, 'PRAGMA quick_check(1)')
    if (verdict !== 'ok') {
      throw new CodedError('STORE_CORRUPT', `${path}: expected a sound database, found: ${String(verdict)}`)
    }
    readFormat(database, path)
  } finally {
    database.close()
  }
}

function openForWriting(path: string, fileBytesMax: number): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: 0 })
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE')
    const mode = single(database, 'PRAGMA journal_mode = WAL')
    if (mode !== 'wal') throw new Error(`journal mode ${String(mode)} instead of wal`)
    database.exec(`PRAGMA synchronous = FULL;
      PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES};
      PRAGMA journal_size_limit = ${LOG_BYTES_KEPT};
      PRAGMA cache_size = -${CACHE_KIB};
      PRAGMA max_page_count = ${Math.floor(fileBytesMax / PAGE_BYTES)}`)
    migrate(database, path)
    rmSync(`${path}-shm`, { force: true }) // left by the check; under the lock just taken nobody else can use it
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** The one value of a query's one row. */
function single(database: DatabaseSync, sql: string): unknown {
  return Object.values(database.prepare(sql).get() ?? {})[0]
}

function openingError(error: unknown, path: string): CodedError {
  if (error instanceof CodedError) return error
  const primary = error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : 0
  if (DAMAGED.has(primary)) {
    const detail = `${path}: expected a sound SQLite database, found: ${reasonOf(error)}`
    return new CodedError('STORE_CORRUPT', detail, { cause: error })
  }
  if (LOCKED.has(primary)) {
    const detail = `${path}: another process has it open (${reasonOf(error)}).`
    return new CodedError('DATA_DIR_LOCKED', detail, { cause: error })
  }
  const detail = `${path}: expected a file that this user can create, read and write, got ${reasonOf(error)}`
  return new CodedError('DATA_DIR_UNUSABLE', detail, { cause: error })
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}

function syncFile(path: string): void {
  const fd = openSync(path, 'r+')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
