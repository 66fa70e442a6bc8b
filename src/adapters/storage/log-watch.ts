import { statSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { reasonOf } from './disk.ts'

/** The log grows by so many bytes between two looks: as much as is copied at one time. */
const GROWTH_BYTES = 4 * 1024 * 1024

export interface LogWatchParts {
  readonly database: DatabaseSync
  /** Of the database; its log lies beside it. */
  readonly path: string
  /** A log of so many bytes is nothing special. */
  readonly bytesMax: number
  /** The log was not copied into the database, and why. */
  readonly failed: (detail: string, logBytes: number) => void
}

/**
 * Sees that the log is not copied into the database any more. SQLite does that after a commit and keeps silent when it
 * fails. Nothing is lost by a failure, since the log stays as it is and is copied later, all of it; but it grows until the
 * disk is full. So when it has grown beyond what is left of it after a large transaction, it is copied here once more, for the
 * reason; and again each time that it has grown further.
 *
 * Not taken: every copying by hand. The database does not tell how long its log is but by copying it.
 */
export class LogWatch {
  readonly #parts: LogWatchParts
  #lookAt: number
  #bytes = 0

  constructor(parts: LogWatchParts) {
    this.#parts = parts
    this.#lookAt = parts.bytesMax + GROWTH_BYTES
  }

  /** Size of the log, as it was after the last commit. */
  get bytes(): number {
    return this.#bytes
  }

  /** A transaction was committed. Never throws: whatever is wrong here, the commit was done. */
  wrote(): void {
    try {
      this.#look()
    } catch (error) {
      this.#parts.failed(reasonOf(error), this.#bytes)
    }
  }

  #look(): void {
    const { database, path, bytesMax, failed } = this.#parts
    this.#bytes = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0
    if (this.#bytes <= bytesMax) this.#lookAt = bytesMax + GROWTH_BYTES
    if (this.#bytes < this.#lookAt) return
    this.#lookAt = this.#bytes + GROWTH_BYTES
    const { log, checkpointed } = database.prepare('PRAGMA wal_checkpoint').get() ?? {}
    if (log !== checkpointed)
      failed(`${String(checkpointed)} of its ${String(log)} pages were copied`, this.#bytes)
  }
}
