import { existsSync, renameSync } from 'node:fs'
import { dirname } from 'node:path'
import { reasonOf, syncDirectory, unusable } from './disk.ts'
import { markPath } from './mark.ts'

/**
 * Puts a damaged store out of the way, log and mark included, so that a new one can be made and nothing of the old is
 * lost: where no other node has a copy, it is the last one. It is never read, changed or removed by a daemon again.
 *
 * The main file goes after its log: whatever a crash leaves behind is damaged as well, and set aside at the next start.
 * Throws DATA_DIR_UNUSABLE.
 * @param boot names the copy, so that none is ever written over
 * @returns the new path of the main file; the log keeps its `-wal`, as SQLite's tools want it
 */
export function setAside(path: string, boot: number): string {
  const aside = `${path}.damaged-${boot}`
  const moves = [
    [`${path}-wal`, `${aside}-wal`],
    [path, aside],
    [markPath(path), markPath(aside)],
  ] as const
  try {
    for (const [from, to] of moves) if (existsSync(from)) renameSync(from, to)
    syncDirectory(dirname(path))
  } catch (error) {
    throw unusable(path, `to move the damaged store to ${aside} (${reasonOf(error)})`, error)
  }
  return aside
}
