/**
 * What a failed write means. Room comes back and a disk may be made writable again, so those two are waited out, and
 * what is not on disk yet waits with them. Everything else ends the store: above all a failed fsync, after which the
 * kernel may have dropped the pages and the next fsync says "fine".
 */
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { CONSTRAINED, PRIVATE_FILE, systemCode } from './disk.ts'

export type Trouble = 'full' | 'read-only'

/** SQLite's result codes, as in `sqlite3.h`. */
export const CORRUPT = 11
const READ_ONLY = 8
const IO_ERROR = 10
const FULL = 13
const CANNOT_OPEN = 14
const IO_ERROR_SHORT_READ = 522
const IO_ERROR_FSYNC = 1034
const IO_ERROR_DIRECTORY_FSYNC = 1290

/**
 * What the bytes of a file are guilty of. 1 is "SQL error": the statements here are right, so the file's header or schema is
 * not. 18 is a row larger than any may be, 26 no database at all.
 */
const DAMAGE: ReadonlySet<number> = new Set([1, CORRUPT, 18, 26])

/** Node's word for an integer that is no safe one: none was ever stored. */
const TOO_LARGE = 'ERR_OUT_OF_RANGE'

const codeOf = (error: unknown): number =>
  error instanceof Error && 'errcode' in error ? Number(error.errcode) : 0

/** SQLite's result code without what it adds to it; 0 for an error of somebody else. */
export const primaryOf = (error: unknown): number => codeOf(error) & 0xff

/**
 * Does a failed read say that the file is damaged? Any other failure (a lock, a disk that did not answer) says nothing of it and
 * may pass. Not quite: for EIO SQLite says CORRUPT as well, so one read alone proves no damage.
 */
export const isDamage = (error: unknown): boolean =>
  DAMAGE.has(primaryOf(error)) || codeOf(error) === IO_ERROR_SHORT_READ || systemCode(error) === TOO_LARGE

/**
 * SQLite says "input/output error" for a write that the system refused, and keeps the system's reason to itself; so a
 * small file is written beside the store, to hear it again.
 *
 * @param path of the store
 * @returns undefined when it is neither
 */
export function troubleOf(error: unknown, path: string): Trouble | undefined {
  const system = troubleOfSystem(error)
  if (system !== undefined) return system
  const code = codeOf(error)
  const primary = primaryOf(error)
  if (primary === FULL) return 'full'
  if (primary === READ_ONLY) return 'read-only'
  if (code === IO_ERROR_FSYNC || code === IO_ERROR_DIRECTORY_FSYNC) return undefined
  return primary === IO_ERROR || primary === CANNOT_OPEN ? troubleOfProbe(`${path}-probe`) : undefined
}

/** Larger than what a file system keeps inside its own tables. */
const PROBE_BYTES = 64 * 1024

function troubleOfProbe(path: string): Trouble | undefined {
  try {
    const fd = openSync(path, 'w', PRIVATE_FILE)
    try {
      writeSync(fd, Buffer.alloc(PROBE_BYTES, 1), 0, PROBE_BYTES, 0)
    } finally {
      closeSync(fd)
      rmSync(path, { force: true })
    }
  } catch (error) {
    return troubleOfSystem(error)
  }
  return undefined
}

/** Of an error of the operating system itself. */
function troubleOfSystem(error: unknown): Trouble | undefined {
  const code = systemCode(error)
  if (CONSTRAINED.has(code)) return 'full'
  return code === 'EROFS' ? 'read-only' : undefined
}
