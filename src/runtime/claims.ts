/**
 * The port through which clients of this node carry out its tasks: they claim one, renew the lease of the claim while they
 * work, and say how it ended. A face speaks it, an executor implements it.
 */
import type { Failure } from '../base/errors.ts'
import type { NodeId, TaskId } from '../base/ids.ts'
import type { ProgressReport } from '../tasks/progress.ts'
import type { Token } from '../tasks/right.ts'
import type { Json } from '../tasks/task.ts'

/** A client that waits for tasks. */
export interface ClaimQuery {
  /** Tasks of any of these types. */
  readonly types: readonly string[]
  /** So many at most. */
  readonly max: number
  /** How long it waits for the first one, in ms. */
  readonly waitMs: number
  /** Who it is, for people. */
  readonly client: string
}

/** One attempt of a task, in the hands of a client. */
export interface Claim {
  /** Names the claim, and no other. */
  readonly claim: string
  readonly task: TaskId
  readonly key: string
  readonly type: string
  readonly payload: Json
  readonly attempt: number
  readonly node: NodeId
  /** Orders this attempt against those of other owners of the key; completing needs its value. */
  readonly token: Token
  /** The claim must be renewed within this time, in ms, each time. */
  readonly leaseMs: number
  /** Wall clock ms at which the time limit of the attempt is over, however often it is renewed. */
  readonly deadlineMs: number
  /** Wall clock ms at which the client must have stopped, unless a renewal has told a later time. */
  readonly actingUntilMs: number
  /** The same as a span from the answer on, in ms: for clocks that step. */
  readonly actingForMs: number
}

/** Which claim somebody speaks of; attempt and token show that it is really theirs. */
export interface ClaimName {
  readonly claim: string
  readonly attempt: number
  readonly token: string
}

export interface Renewal extends ClaimName {
  /** How far the work is. Absent: as before. */
  readonly progress?: ProgressReport
  /** The answer may wait this long, in ms, for something to happen to the claim. */
  readonly waitMs: number
}

/** How the work ended, by the word of the client. */
export type ClaimEnding =
  | { readonly kind: 'complete'; readonly result: Json }
  | { readonly kind: 'fail'; readonly message: string; readonly retryable: boolean }
  /** Not carried out: the attempt counts against nothing. */
  | { readonly kind: 'release' }

/** `held`: go on. `cancelled`: stop and say so. `lost`: it ended without the client, which must stop. */
export interface ClaimStanding {
  readonly claim: string
  readonly state: 'held' | 'cancelled' | 'lost'
  /** Why, when it is not held. */
  readonly reason?: string
  /** As of a claim; absent when it is lost. */
  readonly actingUntilMs?: number
  readonly actingForMs?: number
}

/** A claim as it is shown. */
export interface ClaimView {
  readonly claim: string
  readonly task: TaskId
  readonly key: string
  readonly type: string
  readonly attempt: number
  readonly client: string
  readonly state: 'held' | 'cancelled'
  /** Wall clock ms. */
  readonly claimedAtMs: number
  readonly actingUntilMs: number
  readonly progress?: ProgressReport
}

export interface ClaimsView {
  /** The types that clients of this node may claim. */
  readonly types: readonly string[]
  /** Clients that wait now. */
  readonly waiting: number
  /** Claims in all; the oldest `CLAIMS_SHOWN_MAX` of them are listed. */
  readonly held: number
  readonly claims: readonly ClaimView[]
}

export const CLAIMS_SHOWN_MAX = 1_000

export type ClaimsReply =
  | { readonly ok: true; readonly claims: readonly Claim[] }
  | { readonly ok: false; readonly failure: Failure }

export type RenewalReply =
  | { readonly ok: true; readonly standing: ClaimStanding }
  | { readonly ok: false; readonly failure: Failure }

export type EndingReply =
  /** `repeated`: the same was said before, and was heard then. */
  | { readonly ok: true; readonly task: TaskId; readonly repeated: boolean }
  | { readonly ok: false; readonly failure: Failure }

export interface Claims {
  /**
   * Waits for tasks, and for no longer than it says. No claim is no failure.
   *
   * @param gone aborted when nobody waits for the answer any more
   */
  claim(query: ClaimQuery, gone: AbortSignal): Promise<ClaimsReply>
  /** These were answered and the answer did not get out: somebody else may have them. */
  undelivered(claims: readonly string[]): void
  /** Renews the lease from now on. Answers at once when the claim is cancelled or lost, also while it waits. */
  renew(renewal: Renewal, gone: AbortSignal): Promise<RenewalReply>
  /** Ends the claim. The attempt's end is with the node's core when the current turn of the event loop is over. */
  end(name: ClaimName, ending: ClaimEnding): EndingReply
  view(): ClaimsView
}
