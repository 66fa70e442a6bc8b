import { statSync } from 'node:fs'

/** Files that are watched of one module; of a larger one, the first so many. */
const FILES_MAX = 1_000

/** Changes when the content of a file may have. A file that is gone has one of its own. */
export function stampOf(file: string): string {
  const stat = statSync(file, { bigint: true, throwIfNoEntry: false })
  return stat === undefined ? 'gone' : `${stat.mtimeNs} ${stat.size} ${stat.ino}`
}

/**
 * The files of which a loaded module was made, each as it was when it was read. Looked at before each attempt, as a
 * watcher would tell of a change too late, or of one that is half written.
 */
export class ModuleFiles {
  readonly #stamps = new Map<string, string>()

  add(file: string, stamp: string): void {
    if (this.#stamps.size < FILES_MAX) this.#stamps.set(file, stamp)
  }

  get changed(): boolean {
    for (const [file, stamp] of this.#stamps) if (stampOf(file) !== stamp) return true
    return false
  }
}
