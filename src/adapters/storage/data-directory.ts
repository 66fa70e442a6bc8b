import { existsSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { CodedError } from '../../base/errors.ts'
import { type Boot, countBoot, readBoot } from './boot-file.ts'
import { lockDirectory } from './directory-lock.ts'
import { makePrivateDirectory, unusable } from './disk.ts'

/** Name of the store's main file inside the data directory; SQLite adds `-wal` for its log. */
export const STORE_FILE = 'store.sqlite'

/** Made at the first start and never replaced while a daemon runs: whether they are there tells if the directory is. */
export const LASTING_FILES: readonly string[] = ['.', STORE_FILE, 'lock.sqlite']

/** The directory that is this node's memory, held by this process alone until it is closed or the process ends. */
export interface DataDirectory {
  /** Absolute. */
  readonly path: string
  /** Absolute path of a file in it. */
  file(name: string): string
  /**
   * Begins a new life of this node: its numbers are on disk, and never given again, before they are returned. Its peers
   * take a higher boot number as proof that nothing of the life before acts any more; so all that is left of that has to
   * be dead by now. And what can be refused by looking is refused before, so that a start that fails has changed nothing.
   * Throws DATA_DIR_UNUSABLE.
   * @param wallMs wall clock for the incarnation, ms since 1970; default: now
   */
  countBoot(wallMs?: number): Promise<Boot>
  /** Gives the directory to whoever wants it next; close the store first. Idempotent. */
  close(): Promise<void>
}

/**
 * Opens the data directory: creates it (mode 0700) and takes its lock. Everything that makes a node itself lies there
 * (key, boot number, store), so two processes must never share one; the lock comes first.
 *
 * Throws DATA_DIR_UNUSABLE (no directory, no permission, read-only, disk full, damaged boot file) or DATA_DIR_LOCKED.
 */
export async function openDataDirectory(path: string): Promise<DataDirectory> {
  const directory = resolve(path)
  prepare(directory)
  const lock = lockDirectory(directory)
  try {
    const bootFile = join(directory, 'boot.json')
    refuseForgottenBoots(directory, bootFile)
    await readBoot(bootFile)
    return {
      path: directory,
      file: name => join(directory, name),
      countBoot: (wallMs = Date.now()) => countBoot(bootFile, wallMs),
      close: async () => lock.release(),
    }
  } catch (error) {
    lock.release()
    throw error
  }
}

function prepare(directory: string): void {
  const expected = 'a directory that this user can create and write'
  try {
    makePrivateDirectory(directory)
    if (!statSync(directory).isDirectory()) throw new Error('something else')
  } catch (error) {
    throw unusable(directory, expected, error)
  }
}

/** The boot file is written before the store is made; a store without it is half of a copied or cleaned directory. */
function refuseForgottenBoots(directory: string, bootFile: string): void {
  const store = join(directory, STORE_FILE)
  if (!existsSync(store) || existsSync(bootFile)) return
  throw new CodedError(
    'DATA_DIR_UNUSABLE',
    `${bootFile}: expected the boot file that belongs to ${store}, got none. Restore it, or give this node a new data directory.`,
  )
}
