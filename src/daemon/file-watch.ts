/**
 * Tells when a file is not the one that was read. It is looked at again and again by its status rather than watched: a
 * mounted ConfigMap changes by a symbolic link two directories up, and an editor by a rename, which watching one inode
 * misses. What it is compared with is taken before it is read: a change that comes while a daemon starts, which may take
 * seconds, is a change.
 */
import { statSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { during } from './last-resort.ts'

/** How often the file is looked at, in ms. */
const LOOK_MS = 1_000

/** What `markOf` says of a file that cannot be looked at. Whoever reads it next says why. */
const NOTHING = 'nothing'

interface Status {
  readonly ino: bigint
  readonly size: bigint
  readonly mtimeNs: bigint
}

const textOf = ({ ino, size, mtimeNs }: Status): string => `${ino} ${size} ${mtimeNs}`

/** How the file looks now: another text when it may hold something else. */
export function markOf(path: string): string {
  try {
    return textOf(statSync(path, { bigint: true }))
  } catch {
    return NOTHING
  }
}

/**
 * Calls `changed` whenever the file looks otherwise than when that was called last, at first than `mark`, and has looked the
 * same at two looks. Else one that is copied over it piece by piece would be read in the midst, and half a list of schedules
 * is a valid list, without the others.
 * @param lookMs default `LOOK_MS`
 * @returns ends the watch; idempotent
 */
export function watchFile(path: string, mark: string, changed: () => void, lookMs = LOOK_MS): () => void {
  let told = mark
  let last: string | undefined
  let timer: NodeJS.Timeout | undefined
  const look = async (): Promise<void> => {
    const now = await during(`a look at ${path}`, stat(path, { bigint: true })).then(textOf, () => NOTHING)
    if (timer === undefined) return
    timer = setTimeout(again, lookMs).unref()
    const isStill = now === last
    last = now
    if (!isStill || now === told) return
    told = now
    changed()
  }
  const again = (): void => void look()
  timer = setTimeout(again, 0).unref()
  return () => {
    clearTimeout(timer)
    timer = undefined
  }
}
