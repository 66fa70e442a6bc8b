import { closeSync, existsSync, openSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { CodedError } from '../../base/errors.ts'
import { makePrivateDirectory, PRIVATE_FILE, reasonOf, syncDirectory, syncFile } from './disk.ts'
import { createTables, FORMAT, migrate, readFormat } from './format.ts'
import { readMark } from './mark.ts'
import { type Extent, readMeta } from './meta.ts'
import type { Birth, WorkerOrder } from './protocol.ts'
import { PAGE_BYTES } from './tables.ts'
import { isDamage, primaryOf } from './trouble.ts'

/**
 * A larger store is not looked at as a whole before it is opened, which takes about a second per GiB: its rows are
 * counted and checked one by one when they are read, as those of a smaller one are too.
 */
const CHECKED_BYTES_MAX = 4 * 1024 ** 3
/**
 * Pages in the log before it is copied into the main file: 4 MiB, some 5 ms of a disk's time. SQLite does it after a commit
 * and keeps silent when it fails; nothing is lost then, since the log stays as it is and is copied again, all of it. That it
 * fails is seen by its growing (`log-watch.ts`).
 */
const CHECKPOINT_PAGES = 1000
/** One giant transaction must not leave a giant log behind. */
export const LOG_BYTES_KEPT = 16 * 1024 * 1024
/** Reads go through the operating system's cache; SQLite's own is for the inner pages of two small trees. */
const CACHE_KIB = 2048

/** SQLite's primary result codes, as in `sqlite3.h`. */
const LOCKED = new Set([5, 6])

/** A store's file that is open for writing. */
export interface OpenedFile {
  readonly database: DatabaseSync
  readonly birth: Birth
  readonly extent: Extent
}

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
export function openStoreFile({ path, birth }: Pick<WorkerOrder, 'path' | 'birth'>): OpenedFile {
  try {
    makePrivateDirectory(dirname(path))
    if (!existsSync(path)) create(path, birth)
    inspect(path)
    return openForWriting(path, birth)
  } catch (error) {
    throw storeError(error, path)
  }
}

function create(path: string, birth: Birth): void {
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
    database.exec(`PRAGMA page_size = ${PAGE_BYTES}; PRAGMA auto_vacuum = INCREMENTAL;
      PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL`)
    createTables(database, birth)
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
    const verdict = sizeOf(path) > CHECKED_BYTES_MAX ? 'ok' : single(database, 'PRAGMA quick_check(1)')
    if (verdict !== 'ok') throw unsound(path, String(verdict))
    if (readFormat(database, path) === FORMAT) compareWithMark(database, path)
  } finally {
    database.close()
  }
}

/** The check reports also what kept it from reading a page; that need not be damage. */
function unsound(path: string, verdict: string): Error {
  const errcode = /error code=(\d+)/.exec(verdict)?.[1]
  if (errcode !== undefined) return Object.assign(new Error(verdict), { errcode: Number(errcode) })
  return new CodedError('STORE_CORRUPT', `${path}: expected a sound database, found: ${verdict}`)
}

/** SQLite takes a log that was cut off or damaged for one that ends there; only the mark knows how far it went. */
function compareWithMark(database: DatabaseSync, path: string): void {
  const { birth, extent } = readMeta(database, path)
  const marked = readMark(path, birth.diskId)
  if (marked === undefined || marked <= extent.transactions) return
  const detail =
    `${path}: expected all transactions to number ${marked}, which was acknowledged, found those to ` +
    `${extent.transactions}: its log was cut off or damaged, or an older copy was put in its place.`
  throw new CodedError('STORE_CORRUPT', detail)
}

function openForWriting(path: string, birth: Birth): OpenedFile {
  const database = new DatabaseSync(path, { timeout: 0 })
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE')
    const mode = single(database, 'PRAGMA journal_mode = WAL')
    if (mode !== 'wal') throw new Error(`journal mode ${String(mode)} instead of wal`)
    database.exec(`PRAGMA synchronous = FULL;
      PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES};
      PRAGMA journal_size_limit = ${LOG_BYTES_KEPT};
      PRAGMA cache_size = -${CACHE_KIB}`)
    migrate(database, path, birth)
    rmSync(`${path}-shm`, { force: true }) // left by the check; under the lock just taken nobody else can use it
    return { database, ...readMeta(database, path) }
  } catch (error) {
    database.close()
    throw error
  }
}

/** The one value of a query's one row. */
function single(database: DatabaseSync, sql: string): unknown {
  return Object.values(database.prepare(sql).get() ?? {})[0]
}

/** What it means that a store could not be opened or read. Only damage is ever answered by making a new one. */
export function storeError(error: unknown, path: string): CodedError {
  if (error instanceof CodedError) return error
  if (isDamage(error)) {
    const detail = `${path}: expected a sound SQLite database, found: ${reasonOf(error)}`
    return new CodedError('STORE_CORRUPT', detail, { cause: error })
  }
  if (LOCKED.has(primaryOf(error))) {
    const detail = `${path}: another process has it open (${reasonOf(error)}).`
    return new CodedError('DATA_DIR_LOCKED', detail, { cause: error })
  }
  const detail = `${path}: expected a file that this user can create, read and write, got ${reasonOf(error)}`
  return new CodedError('DATA_DIR_UNUSABLE', detail, { cause: error })
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}
