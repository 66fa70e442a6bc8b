/** What nodes say to each other about work. All of it goes over peer links. */
import type { Failure } from '../base/errors.ts'
import type { RequestId, TaskId } from '../base/ids.ts'
import type { TaskRecord, TaskSpec } from './task.ts'

/** A request on its way to the owner of its key. `hops` counts forwards; at most `HOPS_MAX`. */
export interface Forward {
  readonly type: 'forward'
  readonly id: RequestId
  readonly hops: number
  readonly request: TaskRequest
}

/** The answer to a `forward`, matched by id. */
export interface ForwardReply {
  readonly type: 'forward-reply'
  readonly id: RequestId
  readonly reply: TaskReply
}

/** Newest copies for the other holders of the keys; resent until acknowledged or no longer needed. */
export interface Replicate {
  readonly type: 'replicate'
  readonly batch: number
  readonly records: readonly TaskRecord[]
  /** Where copies are counted: checksum of the ring whose holders they are meant for. */
  readonly ring?: string
  /** For each record the term under which the sender may act for its key; 0 where it may not: that is no write, but news. */
  readonly terms?: readonly number[]
}

/** The batch is on the holder's disk. */
export interface Replicated {
  readonly type: 'replicated'
  readonly batch: number
  /** False: it is there, but by another ring or on a disk that the voters do not know yet, so it does not count. */
  readonly counted?: boolean
  /** Records that were not taken as they are, each by its place in the batch, with the term that stands against it, or 0. */
  readonly refused?: readonly (readonly [place: number, term: number])[]
}

/** "I own these keys now: what do you hold of them?" Sent to all members on gaining keys. */
export interface Inventory {
  readonly type: 'inventory'
  readonly id: number
  /** The asker's ring; the one asked selects records whose owner under its own equal ring is the asker. */
  readonly ringChecksum: string
  /** The asker's term: the one asked refuses what is written under a lower one from now on. */
  readonly term?: number
  /** That is: of the keys that all of these rings give to the asker; these its term has. */
  readonly under?: readonly string[]
  /** Keys to which that does not apply, since others still keep them. */
  readonly without?: readonly string[]
  /** Keys that the asker owned under all of these rings need not be told; empty: all must. */
  readonly since?: readonly string[]
}

/** One page of what is held; `done` on the last. */
export interface InventoryReply {
  readonly type: 'inventory-reply'
  readonly id: number
  /** False: "my ring differs from yours, ask again"; nothing is listed then. */
  readonly agreed: boolean
  readonly records: readonly TaskRecord[]
  /** Tasks of these keys that ran on the answering node when it began to answer; the first pages tell them. */
  readonly running: readonly TaskId[]
  readonly done: boolean
  /** Name of the disk that it comes from, on the last page. */
  readonly disk?: string
}

export type TaskLinkMessage = Forward | ForwardReply | Replicate | Replicated | Inventory | InventoryReply

export type TaskRequest =
  | { readonly kind: 'submit'; readonly spec: TaskSpec }
  | { readonly kind: 'get'; readonly task: TaskId }

export type TaskReply =
  | {
      readonly ok: true
      readonly record: TaskRecord
      /** True when the same task was already known (same id, same content). */
      readonly existed: boolean
      /** Copies known to be on a disk when this was said. */
      readonly durableCopies: number
    }
  | { readonly ok: false; readonly failure: Failure }
