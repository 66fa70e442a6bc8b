/**
 * Looks whether the data directory is still the one that was opened.
 *
 * The kernel keeps a deleted file alive for whoever has it open, so writes to a directory that somebody has removed,
 * moved or mounted over succeed, and are gone with the process. The store cannot see that; only the names tell.
 */
import { stat } from 'node:fs/promises'
import { CodedError } from '../../base/errors.ts'
import type { Logger } from '../../runtime/ports.ts'
import { reasonOf, unusable } from './disk.ts'

/** How often, in ms: three calls of `stat`, off the event loop. */
const LOOK_MS = 2_000

/** What a name must not say for the file to be gone; any other error says nothing about the file. */
const GONE = new Set(['ENOENT', 'ENOTDIR'])

export interface DirectoryWatchInit {
  readonly logger: Logger
  /** Called once, with STORE_FAILED: what is committed from now on is on no disk that a next start will read. */
  readonly lost: (error: CodedError) => void
  /** Default `LOOK_MS`. */
  readonly lookMs?: number
  /** Default `stat`. A look that hangs, as on a disk that does not answer, outlives the watch. */
  readonly look?: (path: string) => Promise<Named>
}

/** What a path names. */
interface Named {
  readonly dev: bigint
  readonly ino: bigint
}

/**
 * Takes what these paths name now as what they must go on to name (by device and inode) until the watch ends.
 *
 * @param paths the directory and those of its files that stay the same for the life of the process
 * @returns ends the watch; idempotent
 * @throws DATA_DIR_UNUSABLE when one of them cannot be looked at
 */
export async function watchDirectory(
  paths: readonly string[],
  { logger, lost, lookMs = LOOK_MS, look: named = statOf }: DirectoryWatchInit,
): Promise<() => void> {
  const opened = await Promise.all(paths.map(async path => ({ path, mark: await firstMarkOf(path, named) })))
  let told = false
  let timer: NodeJS.Timeout | undefined
  const look = async (): Promise<void> => {
    for (const { path, mark } of opened) {
      const got = await markNow(path, named)
      if (timer === undefined) return
      if (got.mark === mark) continue
      if (got.gone) return fail(path, mark, got.text)
      // The disk may hang or the path be closed to us for a while; the open files are still what they were.
      if (!told)
        logger.log('warn', 'data-dir-unseen', { path, detail: `it cannot be looked at: ${got.text}` })
      told = true
    }
    timer = setTimeout(again, lookMs).unref()
  }
  const again = (): void => void look()
  const fail = (path: string, mark: string, text: string): void => {
    timer = undefined
    const what = `expected what this daemon opened (${mark}), got ${text}`
    const todo =
      'What is written from here on would be lost. Put back what was moved away or mounted over and start again; what is ' +
      'deleted starts empty, one voter at a time'
    logger.log('error', 'data-dir-lost', { path, expected: mark, got: text, detail: `${what}. ${todo}` })
    lost(new CodedError('STORE_FAILED', `${path}: ${what}. ${todo}.`))
  }
  timer = setTimeout(again, lookMs).unref()
  return () => {
    clearTimeout(timer)
    timer = undefined
  }
}

const statOf = (path: string): Promise<Named> => stat(path, { bigint: true })

const markOf = ({ dev, ino }: Named): string => `device ${dev}, inode ${ino}`

async function firstMarkOf(path: string, named: typeof statOf): Promise<string> {
  try {
    return markOf(await named(path))
  } catch (error) {
    throw unusable(path, 'a file of the data directory', error)
  }
}

/** What the path names now, and whether that is sure not to be what it named before. */
async function markNow(
  path: string,
  named: typeof statOf,
): Promise<{ mark?: string; gone: boolean; text: string }> {
  try {
    const mark = markOf(await named(path))
    return { mark, gone: true, text: mark }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    return { gone: GONE.has(code), text: GONE.has(code) ? 'nothing' : reasonOf(error) }
  }
}
