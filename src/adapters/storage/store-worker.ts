/**
 * The worker thread that owns the database: SQLite's calls block, so they block here and not the daemon's event loop.
 * It does what it is told in the order it is told; grouping, limits and promises are the main thread's.
 */
import { existsSync, rmSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import { assert, unreachable } from '../../base/assert.ts'
import { CodedError } from '../../base/errors.ts'
import { Compaction } from './compaction.ts'
import { reasonOf, unusable } from './disk.ts'
import { giveSign } from './last-sign.ts'
import { LogWatch } from './log-watch.ts'
import { Mark } from './mark.ts'
import type { FileState, FromWorker, Table, ToWorker, WorkerOrder } from './protocol.ts'
import { Reserve, reservePath } from './reserve.ts'
import { pageCounts, Room, rewriteHeader } from './room.ts'
import { RowReader } from './row-reader.ts'
import { RowWriter } from './row-writer.ts'
import { salvage } from './salvage.ts'
import { LOG_BYTES_KEPT, type OpenedFile, openStoreFile, storeError } from './store-file.ts'
import { PAGE_BYTES } from './tables.ts'
import { troubleOf } from './trouble.ts'

/** At most this share of the file is kept for when it is full. */
const RESERVED_SHARE_MAX = 0.25

assert(parentPort !== null, 'the store worker runs in a worker thread')
const port = parentPort
const order = workerData as WorkerOrder

const answer = (message: FromWorker): void => port.postMessage(message)

const sayCheckpointFailed = (detail: string, logBytes: number): void =>
  answer({ kind: 'checkpoint-failed', detail, logBytes })

class StoreWorker {
  readonly #database: DatabaseSync
  readonly #writer: RowWriter
  readonly #reader: RowReader
  readonly #mark: Mark
  readonly #reserve: Reserve
  readonly #room: Room
  readonly #compaction: Compaction
  readonly #log: LogWatch
  /** Read from the first row on and without a write since, so that its rows can be counted. */
  readonly #reading = new Map<Table, number>()
  #heldBatch: number | undefined
  #busy = false
  #failed = false

  constructor({ database, birth, extent }: OpenedFile) {
    const { path, fileBytesMax, reserveBytes, reserveOf } = order
    const pagesMax = Math.floor(fileBytesMax / PAGE_BYTES)
    const fail = (error: unknown) => this.#fail(error)
    this.#database = database
    this.#writer = new RowWriter(database, extent)
    this.#reader = new RowReader(database, path)
    this.#mark = new Mark(path, birth.diskId)
    this.#reserve = new Reserve(reserveOf, reserveBytes)
    this.#room = new Room({
      database,
      reserve: this.#reserve,
      pagesMax,
      pagesReserved: Math.floor(Math.min(reserveBytes / PAGE_BYTES, pagesMax * RESERVED_SHARE_MAX)),
      tryWrite: () => this.#tryWrite(),
      reserved: () => answer({ kind: 'file', file: this.file }),
      say: (condition, detail) => answer({ kind: 'condition', condition, detail }),
      fail,
    })
    this.#compaction = new Compaction({
      database,
      busy: () => this.#busy,
      failed: error => this.#shortage(error),
    })
    this.#log = new LogWatch({ database, path, bytesMax: LOG_BYTES_KEPT, failed: sayCheckpointFailed })
  }

  /** To be called before the first message is taken. */
  begin(): void {
    this.#mark.write(this.#writer.extent.transactions)
    this.#room.begin()
  }

  get file(): FileState {
    const counts = pageCounts(this.#database)
    return { ...counts, reserveBytes: this.#reserve.kept, logBytes: this.#log.bytes }
  }

  receive(message: ToWorker): void {
    switch (message.kind) {
      case 'write':
        this.#write(message)
        break
      case 'read':
        this.#read(message.id, message.table, message.after)
        break
      case 'salvage':
        this.#salvage(message.path, message.table)
        break
      case 'make-room':
        this.#room.shortage('full', 'room was needed to start')
        answer({ kind: 'room-made' })
        break
      case 'sign':
        giveSign(order.sign)
        break
      case 'close':
        this.#close()
        break
      default:
        unreachable(message)
    }
  }

  #write({ batch, writes, last }: Extract<ToWorker, { kind: 'write' }>): void {
    if (this.#failed || batch === this.#heldBatch) return
    try {
      this.#busy = true
      if (writes.length > 0) this.#reading.clear()
      this.#writer.write(writes)
      if (!last) return
      const ms = this.#writer.commit()
      this.#mark.write(this.#writer.extent.transactions)
      this.#busy = false
      this.#log.wrote()
      answer({ kind: 'committed', ms, file: this.file })
      if (writes.length > 0) this.#room.wrote()
      this.#compaction.wrote()
    } catch (error) {
      this.#busy = false
      this.#heldBatch = batch
      if (this.#shortage(error)) answer({ kind: 'held', detail: reasonOf(error) })
    }
  }

  #tryWrite(): boolean {
    if (this.#busy || this.#failed) return false
    try {
      rewriteHeader(this.#database)
      return true
    } catch (error) {
      this.#shortage(error)
      return false
    }
  }

  /** What was under way did not happen. True when it may later; else the store has failed. */
  #shortage(error: unknown): boolean {
    const trouble = troubleOf(error, order.path)
    if (trouble === undefined) {
      this.#fail(error)
      return false
    }
    this.#writer.rollBack()
    this.#room.shortage(trouble, `${order.path}: ${reasonOf(error)}`)
    if (trouble === 'full') this.#emptyLog()
    return !this.#failed
  }

  /**
   * The log takes up to some MiB, and what is in it needs as much again in the file when it is copied there: in the room
   * that the reserve has left, it is copied now, and the log's own room is free. Without that the two would share out the
   * reserve and be stuck.
   */
  #emptyLog(): void {
    try {
      this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    } catch (error) {
      // With no room even for that the log stays as it is, and it is tried again with the next write.
      if (troubleOf(error, order.path) === undefined) this.#fail(error)
      else sayCheckpointFailed(reasonOf(error), this.#log.bytes)
    }
  }

  #fail(error: unknown): void {
    if (this.#failed) return
    this.#failed = true
    const trouble = troubleOf(error, order.path)
    answer({ kind: 'failed', detail: `${order.path}: ${reasonOf(error)}`, trouble })
  }

  #read(id: number, table: Table, after: number | undefined): void {
    try {
      if (after === undefined) this.#reading.set(table, 0)
      const part = this.#reader.after(table, after)
      this.#count(table, part.rows.length / 2, part.done)
      answer({ kind: 'rows', id, ...part })
    } catch (error) {
      const { code, detail } = storeError(error, order.path)
      answer({ kind: 'unreadable', id, code, detail })
    }
  }

  /** A row that a damaged page hides is missed here. Throws STORE_CORRUPT. */
  #count(table: Table, rows: number, done: boolean): void {
    const before = this.#reading.get(table)
    if (before === undefined) return
    const found = before + rows
    this.#reading.set(table, found)
    const expected = this.#writer.extent.rows[table]
    if (!done || found === expected) return
    throw new CodedError(
      'STORE_CORRUPT',
      `${order.path}: expected ${expected} rows of ${table}, found ${found}.`,
    )
  }

  /** Where there is no room, once more in the room of the reserve: a row that is there already is written over. */
  #salvage(path: string, table: Table): void {
    try {
      this.#copyFrom(path, table)
    } catch (error) {
      if (!this.#shortage(error)) return
      try {
        this.#copyFrom(path, table)
      } catch (again) {
        this.#writer.rollBack()
        this.#fail(again)
      }
    }
  }

  #copyFrom(path: string, table: Table): void {
    const salvaged = salvage(path, table, writes => {
      this.#writer.write(writes)
      this.#writer.commit()
      this.#mark.write(this.#writer.extent.transactions)
    })
    answer({ kind: 'salvaged', salvaged })
  }

  #close(): void {
    this.#room.stop()
    this.#compaction.stop()
    this.#database.close()
    this.#mark.close()
    port.close()
  }
}

/** Opening takes some room too, which on a full disk the reserve of the life before gives. */
function openInReserve(): OpenedFile {
  try {
    return openStoreFile(order)
  } catch (error) {
    const cause = error instanceof CodedError ? error.cause : error
    const reserve = reservePath(order.reserveOf)
    if (!existsSync(reserve) || troubleOf(cause, order.path) !== 'full') throw error
    rmSync(reserve)
    return openStoreFile(order)
  }
}

/** Throws STORE_CORRUPT, STORE_TOO_NEW, DATA_DIR_LOCKED, DATA_DIR_UNUSABLE. */
function start(): void {
  const opened = openInReserve()
  try {
    const worker = new StoreWorker(opened)
    worker.begin()
    answer({ kind: 'opened', birth: opened.birth, file: worker.file })
    port.on('message', (message: ToWorker) => worker.receive(message))
  } catch (error) {
    opened.database.close()
    throw unusable(order.path, 'a store with room for its mark and reserve', error)
  }
}

try {
  start()
} catch (error) {
  if (!(error instanceof CodedError)) throw error
  const trouble = troubleOf(error.cause, order.path)
  answer({ kind: 'refused', code: error.code, detail: error.detail, trouble })
}
