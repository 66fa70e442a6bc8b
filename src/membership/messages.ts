/**
 * What nodes say to each other about being alive. `hello`, `sync`, `summary`, `ping`, `ack`, `liveness`, `refuse`,
 * `leave` and `leave-ack` go over a peer link; `heartbeat` is published on the membership topic; `rumour` and `claims`
 * travel either way.
 */
import type { Incarnation, NodeId, PeerId } from '../base/ids.ts'
import type { MemberRecord } from './member.ts'

/** Ring parameters; two nodes with different ones would disagree on every owner, so they refuse each other. */
export interface RingParameters {
  /** Version of the placement rule. */
  readonly version: number
  readonly hash: string
  readonly vnodesPerWeight: number
  /** Length of a preference list. */
  readonly replicas: number
}

/** One process among those that bore a name: two can have one name and even one key (a copied data directory). */
export interface Life {
  /** Drawn at its start. */
  readonly nonce: number
  /** How long it has run when this is said, in ms: says who is older whatever the clocks show. */
  readonly ageMs: number
}

/** Who bears a name, as the one who refuses another bearer of it knows. */
export interface Holder extends Life {
  readonly peerId: PeerId
  /** How long it has been known here under this name without a gap, in ms. */
  readonly heldMs: number
}

/** First frame on every new link, from both ends. */
export interface Hello {
  readonly type: 'hello'
  readonly cluster: string
  readonly self: MemberRecord
  readonly ring: RingParameters
  /** Version of the daemon, for people. */
  readonly version: string
  readonly life?: Life
}

/** "I do not talk to you, and this is why." The link is closed after it. */
export interface Refuse {
  readonly type: 'refuse'
  readonly code: 'RING_MISMATCH' | 'NODE_ID_TAKEN' | 'PEER_NOT_ALLOWED' | 'SEED_OTHER_CLUSTER'
  readonly detail: string
  /** With NODE_ID_TAKEN: the other bearer, when it is linked here. */
  readonly holder?: Holder
}

/** Half of a push-pull: everything the sender knows. `reply` asks for the other half. */
export interface Sync {
  readonly type: 'sync'
  readonly reply: boolean
  /** When not all: the parts of the summary that these members make up, and that the answer is to be of. */
  readonly buckets?: readonly number[]
  /** More parts of this exchange follow: it counts as one with the last. */
  readonly more?: boolean
  readonly members: readonly MemberRecord[]
  readonly claims: readonly Claim[]
}

/** Sums in a summary: with 1,000 members a difference of one costs 16 records and not 1,000. */
export const SUMMARY_BUCKETS = 64

/** What the sender knows, as one sum a bucket: large rosters are compared before they are sent. */
export interface Summary {
  readonly type: 'summary'
  /** `SUMMARY_BUCKETS` sums. */
  readonly buckets: readonly number[]
}

/** What the sender has seen of all members' counts. Sent above `FULL_MESH_MAX` members in place of pings. */
export interface Liveness {
  readonly type: 'liveness'
  /** Digest of the sender's view. */
  readonly viewDigest: number
  /** Digest of the view that `beats` is ordered by. */
  readonly order: number
  /** Two characters a member. */
  readonly beats: string
}

export interface Ping {
  readonly type: 'ping'
  readonly seq: number
}

export interface Ack {
  readonly type: 'ack'
  readonly seq: number
}

/** Said on every link by a node that goes: `left` in the record means "I am gone when this arrives". */
export interface Leave {
  readonly type: 'leave'
  readonly member: MemberRecord
}

export interface LeaveAck {
  readonly type: 'leave-ack'
  readonly incarnation: Incarnation
}

/** News about members: published when something changed, and said on links where it must not wait for gossip. */
export interface Rumour {
  readonly type: 'rumour'
  readonly members: readonly MemberRecord[]
}

/** Published by each node every heartbeat interval. */
export interface Heartbeat {
  readonly type: 'heartbeat'
  readonly id: NodeId
  readonly incarnation: Incarnation
  readonly leaving: boolean
  /** Checksum of the sender's ring. */
  readonly ringChecksum: string
  /** Digest of the sender's view (ids, incarnations, statuses). */
  readonly viewDigest: number
  readonly load: Load
  /** Which keys the sender asks leave for, as text: equal texts, equal rules. Absent where it does not say. */
  readonly modes?: string
  /** The sender's wall clock, in ms: whose clock is wrong? Absent where it does not say. */
  readonly wall?: number
  /**
   * How long ago, in ms, the sender last heard each member, itself excluded. Indirect news of life. Empty above
   * `FULL_MESH_MAX` members: there `liveness` tells it.
   */
  readonly heard: readonly (readonly [NodeId, number])[]
}

/** Executors that one heartbeat names. */
export const TYPES_MAX = 64

/** What a node says of itself for those who choose where work goes. Absent: it does not say (an earlier version). */
export interface Load {
  readonly running: number
  readonly queued: number
  /** Attempts that may run there at one time. */
  readonly slots?: number
  /** Share of the CPU time that its container or machine has, in use; 0 to 1. */
  readonly cpu?: number
  /** The same of memory. */
  readonly memory?: number
  /** The types that it has executors for; the first `TYPES_MAX`. */
  readonly types?: readonly string[]
}

/**
 * One observer's claim that a member is unreachable. State, not an event: the newest sequence of an accuser about a
 * subject wins, a standing claim is resent every second, `withdrawn` ends it, a new incarnation makes it void.
 */
export interface Claim {
  readonly accuser: NodeId
  readonly subject: NodeId
  /** The subject's incarnation that is accused. */
  readonly incarnation: Incarnation
  /** Rises with every claim or withdrawal of this accuser, within its incarnation. */
  readonly sequence: number
  readonly evidence: Evidence
  readonly withdrawn: boolean
}

/**
 * `timeout`: link and liveness vector were silent too long. `refused`: the remote end closed or reset the link and a
 * re-dial within a second was answered "connection refused".
 */
export type Evidence = 'timeout' | 'refused'

export interface Claims {
  readonly type: 'claims'
  readonly claims: readonly Claim[]
}

export type MembershipLinkMessage =
  | Hello
  | Refuse
  | Sync
  | Summary
  | Ping
  | Ack
  | Liveness
  | Leave
  | LeaveAck
  | Rumour
  | Claims
export type MembershipGossip = Rumour | Heartbeat | Claims
