/** What a node shows of itself: read by the API, the CLI and the metrics. Plain values, safe to keep. */

import type { ErrorCode } from '../base/errors.ts'
import type { NodeId, TaskId } from '../base/ids.ts'
import type { Mode } from '../grants/config.ts'
import type { GrantsStanding } from '../grants/standing.ts'
import type { MemberRecord, MemberStatus } from '../membership/member.ts'
import type { Claim, Load } from '../membership/messages.ts'
import type { KeyPlacement, RingMember } from '../ring/ring.ts'
import type { Token } from '../tasks/right.ts'
import type { TaskRecord, TaskState } from '../tasks/task.ts'

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
      | 'no-lease'
      | 'not-granting'
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

export interface Explanation extends KeyPlacement {
  readonly mine: boolean
  readonly ringChecksum: string
  /** Who believes what: each live member's last known ring checksum, and whether it equals this node's. */
  readonly beliefs: readonly {
    readonly id: NodeId
    readonly ringChecksum: string | undefined
    readonly agrees: boolean | undefined
  }[]
  readonly tasks: readonly TaskRecord[]
  /** Which of the tasks are ready and do not start, and why. */
  readonly waiting: readonly TaskWait[]
  /** What this node has seen of the key's owners since it started. */
  readonly history: KeyHistory
}

/** Why a task that is ready does not start. */
export interface TaskWait {
  readonly task: TaskId
  /** `no-claimer`: clients carry out tasks of its type, and none waits for one at this node, which owns the key. */
  readonly code: 'no-claimer'
  /** One sentence for people. */
  readonly detail: string
}

export interface KeyHistory {
  /** Wall clock ms from which on nothing is left out; what was before is not known here. */
  readonly since: number
  /** Newest first. */
  readonly owners: readonly OwnerChange[]
  /** When this node owned the key and held a quorum of grants, newest first; empty in available mode. */
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

/** This node owned the key and might act for it, but for moments in which another one's promise stood in the way. */
export interface RightPeriod {
  /** Wall clock ms. */
  readonly from: number
  /** Absent: it goes on. */
  readonly until?: number
  /**
   * Fencing tokens that this node took in the period, the first and the last of them: the key's own is among these, and
   * nearly always the first. The first is absent when it is so long ago that it is not kept.
   */
  readonly token?: string
  readonly tokenMost: string
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
