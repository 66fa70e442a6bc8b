import type { DatabaseSync } from 'node:sqlite'
import { pageCounts } from './room.ts'

/** Empty pages that are left alone: 16 MiB, which new rows fill before the file grows. */
export const FREE_PAGES_KEPT = 4_096
/** It begins when this share of the file is empty, so that a file that breathes is not made anew each time. */
const FREE_SHARE_MIN = 0.25
/** Pages given back in one transaction: 1 MiB, some milliseconds for which a commit may wait. */
const SLICE_PAGES = 256
/** Pause between two of them, in ms. */
const SLICE_MS = 50
/** How long after a commit it is looked whether there is something to give back, in ms. */
const LOOK_MS = 10_000

export interface CompactionParts {
  readonly database: DatabaseSync
  /** A transaction is under way. */
  readonly busy: () => boolean
  /** Nothing was given back; it is tried again after a later commit. */
  readonly failed: (error: unknown) => void
  /** Default `LOOK_MS`. */
  readonly lookMs?: number
}

/**
 * Gives empty pages back to the disk. Deleted rows leave pages that new rows use; after a great many were deleted the
 * file would stay as large as it ever was. It goes on in small transactions between those of the daemon. A file made by
 * a version before format 3 cannot shrink (making it anew at start could find the disk full): its pages are only used again.
 */
export class Compaction {
  readonly #parts: CompactionParts
  #timer: NodeJS.Timeout | undefined

  constructor(parts: CompactionParts) {
    this.#parts = parts
  }

  /** Something may have been deleted. Cheap. */
  wrote(): void {
    if (this.#timer === undefined) this.#later(this.#parts.lookMs ?? LOOK_MS, () => this.#look())
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  #later(ms: number, then: () => void): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      then()
    }, ms)
  }

  #look(): void {
    const { pages, freePages } = pageCounts(this.#parts.database)
    if (freePages > FREE_PAGES_KEPT && freePages > pages * FREE_SHARE_MIN) this.#slice()
  }

  #slice(): void {
    const { database, busy, failed } = this.#parts
    if (busy()) {
      this.#later(SLICE_MS, () => this.#slice())
      return
    }
    const before = pageCounts(database).freePages
    try {
      database.exec(`PRAGMA incremental_vacuum(${SLICE_PAGES})`)
    } catch (error) {
      failed(error)
      return
    }
    const left = pageCounts(database).freePages
    if (left > FREE_PAGES_KEPT && left < before) this.#later(SLICE_MS, () => this.#slice())
  }
}
