/** What nodes say to each other about work. All of it goes over peer links. */
import type { Failure } from '../base/errors.ts'
import type { NodeId, RequestId, TaskId } from '../base/ids.ts'
import type { Conflict } from './conflicts.ts'
import type { Progress } from './progress.ts'
import type { SurveyAnswer, SurveyQuestion } from './survey.ts'
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

/** Several of one step, so that a batch costs each owner a few frames and not one each. */
export interface Forwards {
  readonly type: 'forwards'
  readonly forwards: readonly Omit<Forward, 'type'>[]
}

/** Several answers of one step. */
export interface ForwardReplies {
  readonly type: 'forward-replies'
  readonly replies: readonly Omit<ForwardReply, 'type'>[]
}

/** A question that every living node answers for itself. */
export interface Survey {
  readonly type: 'survey'
  readonly id: RequestId
  readonly question: SurveyQuestion
}

export interface SurveyReplied {
  readonly type: 'survey-reply'
  readonly id: RequestId
  readonly answer: SurveyAnswer
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
  /** Records, by their places, that the owner knows to have ended and dropped, or never to have counted: copies may go. */
  readonly ended?: readonly number[]
  /**
   * Records, by their places, that do not count yet and are to be sent again: they are new there, and its disk takes nothing
   * new at the moment; or they were taken, and their owner has yet to hear what others have of the key.
   */
  readonly unwritten?: readonly number[]
  /**
   * Of `unwritten` those that were taken, by their places: it is only too early to count them. Who knows nothing of this tries
   * them one at a time.
   */
  readonly early?: readonly number[]
  /**
   * Records, by their places, that were not taken because another task with the id is there, and its key. They stand in
   * `unwritten` too: who knows nothing of conflicts keeps what it has, and sends it again.
   */
  readonly conflicts?: readonly Conflict[]
}

/** "I own these keys now: what do you hold of them?" Sent to all members on gaining keys, and again for what follows. */
export interface Inventory {
  readonly type: 'inventory'
  readonly id: number
  /** The answer that the asker has the beginning of; 0: none. */
  readonly answer: number
  /** So many of its pages the asker has, without a gap: this is the one that it wants next. */
  readonly page: number
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

/** One page of what is held; `done` on the last. It counts only behind all those before it, of the same answer. */
export interface InventoryReply {
  readonly type: 'inventory-reply'
  readonly id: number
  /** False: "my ring differs from yours, ask again"; nothing is listed then. */
  readonly agreed: boolean
  /** Which of the answering node's answers it is of; 0 where nothing is listed. */
  readonly answer: number
  /** Its place among the pages of that, from 0 on. */
  readonly page: number
  /** Nothing more is sent until it is asked for. */
  readonly paused?: true
  readonly records: readonly TaskRecord[]
  /** Tasks of these keys that ran on the answering node when it began to answer; the first pages tell them. */
  readonly running: readonly TaskId[]
  readonly done: boolean
  /** Name of the disk that it comes from, on the last page. */
  readonly disk?: string
  /** Checksum of the ring that selected it, on the last page. */
  readonly ring?: string
}

/** Of one message: some 30 KB. */
export const COMPARED_MAX = 400

/** A task, its key, and the term and revision of the copy of it that somebody has. A term of 0: it was never written under one. */
export type CopyVersion = readonly [task: TaskId, key: string, term: number, revision: number]

/** "I hold these for you: do you know them?" Of tasks that have not ended, in quorum mode. */
export interface Compare {
  readonly type: 'compare'
  /** The sender's ring; with another one nothing is answered. */
  readonly ring: string
  readonly copies: readonly CopyVersion[]
}

/** "These I do not know, or I have them older." */
export interface Compared {
  readonly type: 'compared'
  readonly copies: readonly CopyVersion[]
}

/** Bytes of each output that an answer to a `look` holds at most. */
export const LOOK_BYTES_MAX = 16 * 1024

/** "What does this attempt, which runs or ran with you, say?" Answered from memory; nothing is written for it. */
export interface Look {
  readonly type: 'look'
  readonly id: RequestId
  readonly task: TaskId
  readonly attempt: number
  /** Bytes wanted of the end of each of its outputs; 0: none of them. */
  readonly logBytes: number
}

/** The answer to a `look`, matched by id. Without `look`: nothing is known of it there (any more). */
export interface LookReply {
  readonly type: 'look-reply'
  readonly id: RequestId
  readonly look?: AttemptLook
}

/** What the node that runs or ran an attempt can tell of it from memory. */
export interface AttemptLook {
  readonly running: boolean
  readonly progress?: Progress
  /** Absent where the executor has no output, or none was asked for. */
  readonly stdout?: LogTail
  readonly stderr?: LogTail
}

/** The end of what an attempt printed. */
export interface LogTail {
  /** Bytes that are not UTF-8 are replaced. */
  readonly text: string
  /** Bytes printed before that. */
  readonly cutBytes: number
}

/** For `Tasks`. Questions about attempts are for `Looks`. */
export type TaskLinkMessage =
  | Forward
  | ForwardReply
  | Forwards
  | ForwardReplies
  | Survey
  | SurveyReplied
  | Replicate
  | Replicated
  | Inventory
  | InventoryReply
  | Compare
  | Compared

/** What only the owner of the key can do, or whoever keeps it while it runs the task. */
export type OwnerRequest =
  | { readonly kind: 'submit'; readonly spec: TaskSpec }
  /**
   * Ends it, also while it runs. `runsOn`: who runs it, as far as whoever asks knows; that node is asked first, as in
   * quorum mode nobody else may act for the key while it is kept.
   */
  | { readonly kind: 'cancel'; readonly task: TaskId; readonly key: string; readonly runsOn?: NodeId }
  /** Another try now: of one that is dead or cancelled, or that pauses before its next attempt. */
  | { readonly kind: 'retry'; readonly task: TaskId; readonly key: string }

/** Longest wait of one request, in ms; a face asks again when its own is longer. */
export const WAIT_MS_MAX = 10_000

/** How does a task stand? */
export interface TaskQuestion {
  readonly kind: 'get'
  readonly task: TaskId
  /** If it is unsettled, answer when it has come to its end, or after this, in ms. */
  readonly waitMs?: number
  /** By a copy that somebody has: its owner's word is wanted, also that there is none. From node to node only. */
  readonly key?: string
  /** Checksum of the ring of the node that asks: by another one nobody can say that there is none. From node to node only. */
  readonly ring?: string
}

export type TaskRequest = OwnerRequest | TaskQuestion

export const keyOfRequest = (request: OwnerRequest): string =>
  request.kind === 'submit' ? request.spec.key : request.key

export const taskOfRequest = (request: OwnerRequest): TaskId =>
  request.kind === 'submit' ? request.spec.id : request.task

export type TaskReply =
  | {
      readonly ok: true
      readonly record: TaskRecord
      /** True when the same task was already known (same id, same content). */
      readonly existed: boolean
      /** Copies known to be on a disk when this was said. */
      readonly durableCopies: number
      /** Of a schedule, by its owner: why nothing is made of it now. */
      readonly waits?: string
    }
  | { readonly ok: false; readonly failure: Failure }

/** A question of a face of this node about an attempt of another. */
export interface LookRequest {
  readonly node: NodeId
  readonly task: TaskId
  readonly attempt: number
  /** As in `Look`. */
  readonly logBytes: number
}

export type LookAnswer =
  | { readonly ok: true; readonly look?: AttemptLook }
  | { readonly ok: false; readonly failure: Failure }
