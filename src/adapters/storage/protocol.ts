/** What passes between the store and its worker thread: flat arrays of strings, which clone fastest. */
import type { ErrorCode } from '../../base/errors.ts'
import type { Store, StoreCondition } from '../../runtime/ports.ts'
import type { Trouble } from './trouble.ts'

export type Write = Parameters<Store['commit']>[0][number]
export type Table = Write['table']
export type Condition = StoreCondition

/** One write: table, key, value as JSON (null deletes). */
export type EncodedWrite = readonly [table: Table, key: string, value: string | null]

/** Given to a store when it is made; it keeps it for life. */
export interface Birth {
  /** Random: two stores never have the same, also not two of one node. */
  readonly diskId: string
  /** The boot of the node in which it was made; 0 when that is not known (it was made by an older version). */
  readonly bornBoot: number
}

/** What came of reading a damaged store. */
export interface Salvaged {
  /** Rows that were read whole. */
  readonly rows: number
  /** Rows and unreadable places that were left out. A place may have held many rows. */
  readonly left: number
  /** What stopped it, where it did not get to the end. */
  readonly stopped: string | undefined
}

/** Given to the worker at birth. */
export interface WorkerOrder {
  readonly path: string
  /** Set to 1 when `sign` was asked for. */
  readonly sign: Int32Array<SharedArrayBuffer>
  readonly fileBytesMax: number
  readonly reserveBytes: number
  /** The store whose reserve is given up when there is no room. */
  readonly reserveOf: string
  /** For a store that is made, or comes from a version that gave none. */
  readonly birth: Birth
}

/** How the database stands, for the metrics. */
export interface FileState {
  readonly pages: number
  readonly freePages: number
  readonly reserveBytes: number
  readonly logBytes: number
}

export type ToWorker =
  /** A part of a transaction; `last` ends it and is answered by `committed`, `held` or `failed`. */
  | {
      readonly kind: 'write'
      /** Which transaction; each try has its own number. */
      readonly batch: number
      readonly writes: readonly EncodedWrite[]
      readonly last: boolean
    }
  /** The next rows of a table; answered by `rows` or `unreadable`. */
  | { readonly kind: 'read'; readonly id: number; readonly table: Table; readonly after: number | undefined }
  /** Copies what can be read of a damaged store's table; answered by `salvaged` or `failed`. Before the first write. */
  | { readonly kind: 'salvage'; readonly path: string; readonly table: Table }
  /** Gives up the reserve: somebody else needs room to write. Answered by `room-made`. */
  | { readonly kind: 'make-room' }
  /** Says that this thread is not held by the disk; no message answers it, since nobody reads messages any more by then. */
  | { readonly kind: 'sign' }
  | { readonly kind: 'close' }

export type FromWorker =
  /** `birth` is that of the store, wherever it was made. */
  | { readonly kind: 'opened'; readonly birth: Birth; readonly file: FileState }
  /** The file cannot be used; the worker is gone. `trouble` is what kept it from being written, where it was that. */
  | {
      readonly kind: 'refused'
      readonly code: ErrorCode
      readonly detail: string
      readonly trouble: Trouble | undefined
    }
  | { readonly kind: 'committed'; readonly ms: number; readonly file: FileState }
  | { readonly kind: 'file'; readonly file: FileState }
  /** Nothing of the transaction was written, for a reason that may pass: to be tried again. */
  | { readonly kind: 'held'; readonly detail: string }
  /** A write did not get to the disk; the worker takes no more. */
  | { readonly kind: 'failed'; readonly detail: string; readonly trouble: Trouble | undefined }
  | { readonly kind: 'condition'; readonly condition: Condition; readonly detail: string }
  /** The log was not copied into the database. Nothing is lost by that; it grows. */
  | { readonly kind: 'checkpoint-failed'; readonly detail: string; readonly logBytes: number }
  | { readonly kind: 'room-made' }
  | { readonly kind: 'salvaged'; readonly salvaged: Salvaged }
  /** `rows` is key, value, key, value...; `last` is where the next part begins after. */
  | {
      readonly kind: 'rows'
      readonly id: number
      readonly rows: readonly string[]
      readonly last: number
      readonly done: boolean
    }
  | { readonly kind: 'unreadable'; readonly id: number; readonly code: ErrorCode; readonly detail: string }
