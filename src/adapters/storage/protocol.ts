/** What passes between the store and its worker thread: flat arrays of strings, which clone fastest. */
import type { ErrorCode } from '../../base/errors.ts'
import type { Store } from '../../runtime/ports.ts'

export type Write = Parameters<Store['commit']>[0][number]
export type Table = Write['table']

/** One write: table, key, value as JSON (null deletes). */
export type EncodedWrite = readonly [table: Table, key: string, value: string | null]

/** Given to the worker at birth. */
export interface WorkerOrder {
  readonly path: string
  readonly fileBytesMax: number
}

export type ToWorker =
  /** A part of a transaction; `last` ends it and is answered by `committed` or `failed`. */
  | { readonly kind: 'write'; readonly writes: readonly EncodedWrite[]; readonly last: boolean }
  /** The next rows of a table after a key; answered by `rows` or `unreadable`. */
  | { readonly kind: 'read'; readonly id: number; readonly table: Table; readonly after: string | undefined }
  | { readonly kind: 'close' }

export type FromWorker =
  | { readonly kind: 'opened' }
  /** The file cannot be used; the worker is gone. */
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly detail: string }
  | { readonly kind: 'committed'; readonly ms: number }
  /** A write did not get to the disk; the worker takes no more. */
  | { readonly kind: 'failed'; readonly detail: string }
  /** `rows` is key, value, key, value... */
  | {
      readonly kind: 'rows'
      readonly id: number
      readonly rows: readonly string[]
      readonly done: boolean
    }
  | { readonly kind: 'unreadable'; readonly id: number; readonly code: ErrorCode; readonly detail: string }
