import { closeSync, existsSync, fsyncSync, mkdirSync, openSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { CodedError } from '../../base/errors.ts'

/** Keys, tokens and payloads lie in these files: nobody else on the machine may read them. */
export const PRIVATE_FILE = 0o600
export const PRIVATE_DIRECTORY = 0o700

/** What the operating system says when there is no room: of the disk, of a quota, of what this process may write. */
export const CONSTRAINED: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

/** Creates the directory and its parents for this user alone. One that is there keeps its mode. */
export function makePrivateDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: PRIVATE_DIRECTORY })
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
    // With its parents Node.js says of a read-only disk that nothing is there; made alone, the first that is missing says why.
    let first = path
    while (!existsSync(dirname(first))) first = dirname(first)
    mkdirSync(first, { mode: PRIVATE_DIRECTORY })
    throw error
  }
}

/** Makes a new or renamed entry of a directory survive a power cut. */
export function syncDirectory(path: string): void {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** Makes what was written to a file by others survive a power cut. */
export function syncFile(path: string): void {
  const fd = openSync(path, 'r+')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/**
 * Replaces a file so that after a crash either the old text is there or the new one, whole. Resolves once the new one
 * is on disk. One writer at a time: the temporary name is fixed, so that a crash leaves one leftover and not many.
 */
export async function writeDurably(path: string, text: string): Promise<void> {
  const temporary = `${path}.tmp`
  try {
    await rm(temporary, { force: true })
    await using file = await open(temporary, 'wx', PRIVATE_FILE)
    await file.writeFile(text)
    await file.sync()
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined) // the first error is the one worth telling
    throw error
  }
  await rename(temporary, path)
  syncDirectory(dirname(path))
}

/** What the operating system or SQLite said, short enough for one line. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error ? String(error.code) : ''
  return code === '' || error.message.startsWith(code) ? error.message : `${code}: ${error.message}`
}

/** Of an error of the operating system, such as `ENOSPC`; empty for any other. */
export const systemCode = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : ''

/** The refusal of a directory or file that the environment, not its content, makes useless. */
export function unusable(path: string, expected: string, error: unknown): CodedError {
  if (error instanceof CodedError) return error
  return new CodedError('DATA_DIR_UNUSABLE', `${path}: expected ${expected}, got ${reasonOf(error)}`, {
    cause: error,
  })
}
