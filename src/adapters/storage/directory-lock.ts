import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { CodedError } from '../../base/errors.ts'
import { CONSTRAINED, PRIVATE_FILE, reasonOf, systemCode, unusable } from './disk.ts'

/** SQLite's primary result codes that say somebody else holds the file. */
const BUSY = new Set([5, 6])

/** Held locks stay reachable: a collected database object would close its file and give the lock away. */
const held = new Set<DatabaseSync>()

/** An exclusive lock on a directory, for the life of this process at most. */
export interface DirectoryLock {
  /** Gives the lock up. Idempotent. */
  release(): void
}

/**
 * Takes an exclusive lock of a directory, or throws DATA_DIR_LOCKED naming the holder.
 *
 * A lock must vanish with its process, however that dies; a pid file does not, and pids are used again. The kernel's
 * record locks do, and children do not inherit them; Node offers none, but SQLite takes one: a transaction begun with
 * BEGIN EXCLUSIVE on an empty database file, never ended. The pid file beside it only tells people who the holder is.
 *
 * One trap: POSIX drops all of a process's locks on a file when the process closes *any* descriptor of that file. So
 * nothing in a process that holds it may open `NAME.sqlite` but SQLite, which knows the trap; hence the O_EXCL below.
 *
 * @param name which lock: its files are `NAME.sqlite` and `NAME.json`
 */
export function lockDirectory(directory: string, name = 'lock'): DirectoryLock {
  const path = join(directory, `${name}.sqlite`)
  const note = join(directory, `${name}.json`)
  const database = beginExclusive(path, note)
  held.add(database)
  try {
    writeFileSync(note, `${JSON.stringify({ pid: process.pid, host: hostname() })}\n`, { mode: PRIVATE_FILE })
  } catch (error) {
    // On a full disk the daemon may go on with what it had accepted; the note is only for people.
    if (!CONSTRAINED.has(systemCode(error))) {
      release(database)
      throw unusable(note, 'to write the name of the holder', error)
    }
  }
  return {
    release() {
      if (!held.has(database)) return
      rmSync(note, { force: true })
      release(database)
    },
  }
}

function beginExclusive(path: string, note: string): DatabaseSync {
  let database: DatabaseSync | undefined
  try {
    createOnce(path)
    database = new DatabaseSync(path, { timeout: 0 })
    database.exec('PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
    return database
  } catch (error) {
    database?.close()
    if (!isBusy(error)) throw unusable(path, 'a lock file that this process can lock', error)
    throw new CodedError('DATA_DIR_LOCKED', `${path} is held by ${holder(note)}.`, { cause: error })
  }
}

/** Only a file that is not there yet is opened here: see the trap above. */
function createOnce(path: string): void {
  try {
    closeSync(openSync(path, 'wx', PRIVATE_FILE))
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
}

function isBusy(error: unknown): boolean {
  if (!(error instanceof Error && 'errcode' in error)) return false
  return BUSY.has(Number(error.errcode) & 0xff)
}

function holder(note: string): string {
  try {
    const { pid, host } = JSON.parse(readFileSync(note, 'utf8')) as { pid?: unknown; host?: unknown }
    return `process ${String(pid)} on host ${String(host)}`
  } catch (error) {
    return `a process that did not leave its name (${note}: ${reasonOf(error)})`
  }
}

function release(database: DatabaseSync): void {
  held.delete(database)
  database.close()
}
