/** What a node shows of itself: read by the API, the CLI and the metrics. Plain values, safe to keep. */

import type { ErrorCode } from '../base/errors.ts'
import type { NodeId, TaskId } from '../base/ids.ts'
import type { Mode } from '../grants/config.ts'
import type { GrantsStanding } from '../grants/standing.ts'
import type { MemberRecord, MemberStatus } from '../membership/member.ts'
import type { Claim, Load } from '../membership/messages.ts'
import type { KeyPlacement, RingMember } from '../ring/ring.ts'
import type { QueueCounts } from '../tasks/queue-counts.ts'
import type { Token } from '../tasks/right.ts'
import type { TaskRecord, TaskState } from '../tasks/task.ts'
import type { Waiting } from '../tasks/waiting.ts'

export interface NodeStatus {
  readonly nodeId: NodeId
  readonly peerId: string
  readonly cluster: string
  readonly version: string
  readonly incarnation: number
  readonly boot: number
  readonly uptimeMs: number
  /** Of keys without a mode of their own. */
  readonly mode: Mode
  readonly grants: GrantsStatus
  /** Asked to own nothing for now. */
  readonly cordoned: boolean
  readonly addresses: readonly string[]
  readonly phase: 'joining' | 'ready' | 'leaving' | 'left'
  readonly ready: Readiness
  readonly members: Readonly<Record<MemberStatus, number>>
  readonly ring: { readonly checksum: string; readonly members: number; readonly agreement: number }
  readonly tasks: TaskCounts
}

export interface Readiness {
  readonly ready: boolean
  /** Why not, one sentence each; empty when ready. `island`: it has seeds and none has answered, and it is alone. */
  readonly reasons: readonly {
    readonly code:
      | 'joining'
      | 'island'
      | 'node-id-taken'
      | 'leaving'
      | 'min-members'
      | 'settling'
      | 'no-voters'
      | 'voters-undecided'
      | 'no-lease'
      | 'not-granting'
      | 'store-full'
      | 'store-read-only'
      | 'store-slow'
      | 'taking-over'
    readonly detail: string
  }[]
}

export interface TaskCounts {
  /** Records of tasks this node owns now, by state. */
  readonly owned: Readonly<Record<TaskState, number>>
  /** Records held for other owners. */
  readonly held: number
  /** Since boot. */
  readonly started: number
  readonly succeeded: number
  readonly failedAttempts: number
  readonly retried: number
  readonly forwarded: number
  /** Keys gained whose earlier holders are still being asked. */
  readonly takingOver: boolean
  /** What is ready and what runs, by type and group. */
  readonly queue: QueueCounts
}

/** Work that a node still has in its hands. */
export interface WorkLeft {
  /** Attempts that run here. */
  readonly running: number
  /** Changed records that no other disk is known to have; 0 when there is no other node. */
  readonly unsafe: number
  /** Nothing of either, and every record has found its owner. */
  readonly drained: boolean
}

export interface MemberView extends MemberRecord {
  /** This node's opinion, `suspect` included. */
  readonly opinion: MemberStatus
  readonly self: boolean
  readonly lastHeardMs: number | undefined
  readonly rttMs: number | undefined
  /** Silent for longer, and this node accuses it. It grows with the worst gap of the last minute and the round trip. */
  readonly silenceLimitMs: number
  readonly links: number
  /** True when only this node's link is silent while others hear the member. */
  readonly linkFault: boolean
  /** True when it says that it asks leave for other keys than this node does: both may act for one key. */
  readonly modesDiffer: boolean
  readonly ringChecksum: string | undefined
  readonly load: Load | undefined
  /** Claims that stand against it. */
  readonly claims: readonly Claim[]
  /** The newest line of its ledger that says why it is believed to be what it is. */
  readonly why: LedgerEntry | undefined
}

/** One line of the why-ledger. */
export interface LedgerEntry {
  readonly at: number
  readonly event: string
  readonly text: string
  readonly fields: Readonly<Record<string, unknown>>
}

export interface OwnerAnswer {
  readonly key: string
  readonly owner: NodeId | undefined
  readonly mine: boolean
  /** `host:port` addresses of the owner's gossip port, as it announces them. */
  readonly addresses: readonly string[]
  readonly ringChecksum: string
  /** The mode of this key. */
  readonly mode: Mode
  /** May this node act for the key now? In available mode: is it the owner, and ready? */
  readonly acting: boolean
  /** Wall clock ms at which that right ends unless it is renewed; absent when it does not act or needs no right. */
  readonly actingUntilMs?: number
  /** The same as a span from the answer on, in ms: for clocks that step. */
  readonly actingForMs?: number
  /** Fencing token of the key, when this node acts for it in quorum mode: never below that of an earlier owner. */
  readonly token?: Token
}

export type GrantsStatus = GrantsStanding

export interface Explanation extends Omit<KeyPlacement, 'token' | 'owner'> {
  /** The first token at or after the hash; absent while the ring is empty. */
  readonly token?: number
  /** Undefined: nobody owns it, and `unowned` says why. */
  readonly owner: NodeId | undefined
  readonly unowned?: string
  readonly mine: boolean
  readonly mode: Mode
  readonly ringChecksum: string
  /** Who believes what: each live member's last known ring checksum, and whether it equals this node's. */
  readonly beliefs: readonly {
    readonly id: NodeId
    readonly ringChecksum: string | undefined
    readonly agrees: boolean | undefined
  }[]
  readonly tasks: readonly TaskRecord[]
  /** Why those of these tasks that are unfinished and do not run here do not run, as this node sees it. */
  readonly waiting: readonly (Waiting & { readonly task: TaskId })[]
  /** What this node has seen of the key's owners since it started. */
  readonly history: KeyHistory
  /** Of a key in quorum mode that the node asked owns: does it know all that was accepted for it? */
  readonly takeover?: KeyTakeover
}

export interface KeyTakeover {
  /** False: nothing of it starts or is accepted yet. */
  readonly complete: boolean
  /** The voters have not said yet under which rings others may have written, so it is not known either who is missing. */
  readonly blind: boolean
  /** Members that have not answered and may be needed, or answered from another disk than they had then. */
  readonly missing: readonly NodeId[]
  /** Who is waited for, and what ends that, in words; absent when it is complete. */
  readonly waitsFor?: string
  /** Members that were forgotten, they or their former disks, although they may have had what no other had. */
  readonly mayHaveLost: readonly NodeId[]
}

export interface KeyHistory {
  /** Wall clock ms from which on nothing is left out; what was before is not known here. */
  readonly since: number
  /** Newest first. */
  readonly owners: readonly OwnerChange[]
  /** Wall clock ms from which on `rights` leaves nothing out: what goes on then may have begun before. */
  readonly rightsSince: number
  /** When this node might act for the key by leave of a quorum, newest first; empty in available mode. */
  readonly rights: readonly RightPeriod[]
}

/** The key went from one owner to another, as this node saw it. */
export interface OwnerChange {
  /** Wall clock ms. */
  readonly at: number
  /** Absent: this node knew of no owner. */
  readonly from?: NodeId
  readonly to?: NodeId
  readonly ring: string
  /** What happened to the two owners, from the why-ledger. */
  readonly causes: readonly RingCause[]
}

/** Why a ring is another one than before: one member of it came, went or changed its weight. */
export interface RingCause {
  readonly member: NodeId
  readonly change: 'joined' | 'gone' | 'weight'
  /** The lines of its ledger that led to it, oldest first. */
  readonly ledger: readonly LedgerEntry[]
}

/** This node might act for the key, and nobody else, under one token and without a break. */
export interface RightPeriod {
  /** Wall clock ms. */
  readonly from: number
  /** Absent: it goes on. */
  readonly until?: number
  /** The fencing token. */
  readonly token: string
}

export interface RingView {
  readonly checksum: string
  readonly version: number
  readonly vnodesPerWeight: number
  readonly replicas: number
  readonly members: readonly (RingMember & { readonly share: number })[]
}

export interface TaskQuery {
  readonly state?: TaskState
  /** `owned` (default): tasks this node owns; `held`: copies for others; `ran`: tasks with an attempt on this node. */
  readonly scope?: 'owned' | 'held' | 'ran' | 'all'
  /** Continue after this task id. */
  readonly after?: string
  /** 1 to 1,000; 100 by default. */
  readonly limit?: number
}

export interface TaskPage {
  readonly tasks: readonly TaskRecord[]
  /** Pass as `after` for the next page; absent on the last. */
  readonly next?: string
}

/** One sample for `/metrics`; `roundtable_` is put before the name. */
export interface Metric {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly samples: readonly {
    /** Of a histogram, whose buckets are labelled `le` and count everything up to it. */
    readonly suffix?: '_bucket' | '_sum' | '_count'
    readonly labels?: Readonly<Record<string, string>>
    readonly value: number
  }[]
}

export type { ErrorCode }
