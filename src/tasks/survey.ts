/** Questions to every living node, each of which answers for itself: the words, for the wire and the faces. */
import type { Failure } from '../base/errors.ts'
import type { NodeId, TaskId } from '../base/ids.ts'
import type { Place } from './table.ts'
import type { TaskRecord, TaskState } from './task.ts'

/** Which tasks are wanted; all conditions together. */
export interface TaskFilter {
  readonly state?: TaskState
  readonly type?: string
  readonly key?: string
  readonly group?: string
  /** Stands somewhere in the id, the key, the type or the error, in whatever case. */
  readonly q?: string
}

/** A copy that is to go, if it is still the same dead letter. */
export interface DeadCopy {
  readonly task: TaskId
  readonly revision: number
}

export const KEPT_WHYS = ['listed', 'changed', 'stopping'] as const
/**
 * Why a node keeps what it was to forget: a loaded task list has it, and would bring it back; it is another than was meant,
 * since it was tried again or written anew; its last attempt was ordered to stop here and has not ended.
 */
export interface KeptLetter {
  readonly task: TaskId
  readonly why: (typeof KEPT_WHYS)[number]
}

export type SurveyQuestion =
  /** The tasks that you own, in the order of their ids, above `after`. */
  | { readonly kind: 'page'; readonly filter: TaskFilter; readonly after?: TaskId; readonly limit: number }
  | { readonly kind: 'stats' }
  | { readonly kind: 'explain'; readonly task: TaskId }
  /** Forget these dead letters. */
  | { readonly kind: 'purge'; readonly copies: readonly DeadCopy[] }

/** What a node measures of its container, or its machine. */
export interface Vitals {
  /** Share of the CPU time in use, 0 to 1. */
  readonly cpu: number
  /** Share of the memory in use, 0 to 1. */
  readonly memory: number
}

/** Work on one node: what it owns, and what it runs. */
export interface WorkStats {
  /** Records of tasks that it owns. */
  readonly total: number
  /** Of these: ready, scheduled or between two attempts. */
  readonly queued: number
  readonly running: number
  readonly done: number
  /** Dead letters. */
  readonly failed: number
  readonly cancelled: number
  /** Attempts that this node may execute at one time, and how many it does. */
  readonly workers: number
  readonly busy: number
  /** Attempts that clients of this node carry out; they take up no worker. */
  readonly claimed: number
  /** Accepted tasks that come to their end here, a second, over the last ten seconds. */
  readonly drainPerS: number
}

/** Where one node sees a task. */
export interface TaskStanding {
  /** Of the task: decides its owner. */
  readonly key: string
  /** As this node sees it. */
  readonly owner?: NodeId
  readonly revision: number
  /** Of what it owns, in quorum mode: an end only once it counts. A copy may say so before. */
  readonly state: TaskState
  /** What the task waits for here; `nowhere` where another owns it. */
  readonly place: Place
  /** Why it is where it is, most important first. */
  readonly why: readonly { readonly code: WhyCode; readonly text: string }[]
  /** What must happen for it to go on. */
  readonly next: string
}

export const WHY_CODES = [
  'settled',
  'running',
  'ending',
  'starting',
  'next-in-line',
  'not-owner',
  'node-not-open',
  'takeover',
  'run-at',
  'retry-pause',
  'id-contested',
  'runs-elsewhere',
  'no-leave',
  'no-executor',
  'key-order',
  'key-busy',
  'type-limit',
  'group-limit',
  'no-claimer',
  'slots',
] as const
export type WhyCode = (typeof WHY_CODES)[number]

/** By what a node says which tasks it owns. Answers add up to all of them only if nobody is settling and all name one ring. */
export interface Ownership {
  /** Which tasks it owns is just changing. */
  readonly settling: boolean
  /** The checksum of its ring; absent while it has none. */
  readonly ring?: string
}

export type SurveyAnswer =
  /** `upTo`: there may be more above this id. */
  | (Ownership & {
      readonly kind: 'page'
      readonly tasks: readonly TaskRecord[]
      readonly upTo?: TaskId
    })
  | (Ownership & { readonly kind: 'stats'; readonly stats: WorkStats; readonly vitals?: Vitals })
  | { readonly kind: 'explain'; readonly standing?: TaskStanding }
  /** What was forgotten here, and what is known here and stays. */
  | { readonly kind: 'purge'; readonly purged: readonly TaskId[]; readonly kept: readonly KeptLetter[] }

export type SurveyReply =
  | {
      readonly ok: true
      /** That of the node that asked is the first. */
      readonly answers: readonly { readonly node: NodeId; readonly answer: SurveyAnswer }[]
      /** Living nodes that did not answer in time. */
      readonly silent: readonly NodeId[]
    }
  | { readonly ok: false; readonly failure: Failure }
