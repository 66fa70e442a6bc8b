/** What the run says to the stations beside the daemons, and what they answer: one line of JSON each. */
import type { Copy } from './history.ts'

/** A request to the daemon beside the station. */
export type Request =
  | { readonly op: 'ask'; readonly method: 'GET' | 'POST'; readonly path: string; readonly body?: string }
  /** All records that the daemon has. */
  | { readonly op: 'book' }

export type Reply =
  /** `status` null: the connection broke, or nothing came in time. */
  | { readonly op: 'answer'; readonly status: number | null; readonly body: string }
  | { readonly op: 'copies'; readonly copies: readonly Copy[]; readonly end: boolean }
  | { readonly op: 'failed'; readonly text: string }

export interface Numbered<T> {
  readonly number: number
  readonly said: T
}
