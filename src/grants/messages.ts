/**
 * What nodes say to each other about the right to act. All of it goes over peer links. A `term` is the number that
 * orders owners of a key: wall clock ms or more, always rising, exact below 2^53.
 */
import type { NodeId } from '../base/ids.ts'
import type { RingMember } from '../ring/ring.ts'

/** Which keys a session claims: those the ring gives it (none of them when it leaves), and the kept ones. */
export interface Scope {
  /** Checksum of the ring. */
  readonly ring: string
  readonly leaving: boolean
  /** Keys it lost whose work still drains; at most `KEEPS_MAX`. */
  readonly keeps: readonly string[]
}

/** Checksum of no ring: what stands under it may be any key. */
export const NO_RING = 'none'

/** Keys that can be kept at once; more running work than that on lost keys is stopped. */
export const KEEPS_MAX = 256

/** Names one voter list: two lists of one version are different lists when their hashes differ. */
export interface VotersName {
  readonly version: number
  readonly hash: string
}

/** A member asks a voter for leave to act. */
export interface Renew {
  readonly type: 'renew'
  /** The sender's boot number. */
  readonly session: number
  /** Rises with every request of this session to this voter. */
  readonly seq: number
  readonly scope: Scope
  readonly voters: VotersName
  /** The highest term the session holds or asks for; 0 when it asks for none. */
  readonly term: number
  /** Name of the sender's disk: its records lie there, and on no other. */
  readonly disk?: string
  /** `NotesTell.seq` of what this voter told last; absent when it told nothing yet. */
  readonly known?: number
  /** Equal to `known`: all that the sender owns under the ring of `scope` is complete and lies on its new holders. */
  readonly done?: number
  /** The highest `NotesTell.gap` that the sender knows of, where this voter has told of a lower one. */
  readonly gap?: number
}

/** Rings noted at once: with the rings of promises they fit what `Rings` remembers. Beyond it the voter is `lost`. */
export const NOTES_MAX = 12
/** Disks noted at once: twice the members of the largest cluster. */
export const DISKS_MAX = 2_048

/** A ring under which somebody may have written. `seq` orders a voter's notes; a ring may be noted anew. */
export interface RingNote {
  readonly seq: number
  readonly ring: string
}

/** Whose disk is which, since when. */
export interface DiskNote {
  readonly node: NodeId
  readonly disk: string
  readonly seq: number
  /** The first disk of this node that the voter ever heard of, and it has forgotten none. */
  readonly born: boolean
  /** The voter itself knew the node by another disk before, so this one does not have all that the node ever held. */
  readonly replaced?: true
}

/** What a voter has on its disk of rings and disks; see `notes.ts`. */
export interface NotesTell {
  /** Rises with every change. */
  readonly seq: number
  /** Of the disks only those noted after it are told; absent: all of them are. */
  readonly since?: number
  /** There may have been notes that this voter does not have. */
  readonly lost: boolean
  /** The highest term that went on without members that were forgotten, though they may have had what nobody else had; absent: none. */
  readonly gap?: number
  readonly rings: readonly RingNote[]
  readonly disks: readonly DiskNote[]
}

/** The notes as they lie on a voter's disk. */
export interface StoredNotes {
  readonly seq: number
  readonly lost: boolean
  /** Name of the voter list under which they were made. */
  readonly list: string
  readonly gap?: number
  readonly rings: readonly (RingNote & { readonly members: readonly RingMember[] })[]
  readonly disks: readonly DiskNote[]
}

/** A voter's leave to act, which counts from the sending of the request. */
export interface Grant {
  readonly type: 'grant'
  readonly session: number
  readonly seq: number
  /** What was granted: the request's scope, perhaps with fewer keeps. */
  readonly scope: Scope
  /** What other sessions may still act on, but for the keeps of `scope`. */
  readonly exceptions: readonly Exception[]
  /** How long the voter's promise stands, on its clock: the lease is never longer than that allows. */
  readonly promiseMs: number
  /** The highest term this voter has on disk. */
  readonly top: number
  /** True when the request's term is on this voter's disk as this session's. */
  readonly termTaken: boolean
  /** No promise to this session stood when it asked. */
  readonly fresh?: boolean
  /** Present when it is not what the request said that it knows. */
  readonly notes?: NotesTell
  /**
   * In an answer that had to wait: the disk that the request named. Where a data directory was lost and its key was not,
   * another process may bear name, key and boot number by now; it did not ask this.
   */
  readonly disk?: string
}

/**
 * A promise to another session that has not run out: it covers a key when every one of its scopes does. Without a node
 * it stands for many: what any node but the one that is told of it may claim by those scopes.
 */
export interface Exception {
  readonly node?: NodeId | undefined
  readonly scopes: readonly Scope[]
}

export interface GrantRefused {
  readonly type: 'grant-refused'
  readonly session: number
  readonly seq: number
  /**
   * `ring`: the voter's ring is another. `voters`: its voter list is another. `session`: a promise to an older session of
   * that node still stands. `silent`: the voter started less than a promise ago, or does not know its top yet.
   * `not-a-voter`: it is none.
   */
  readonly reason: 'ring' | 'voters' | 'session' | 'silent' | 'not-a-voter'
  /** The voter's own ring. */
  readonly ring: string
}

/** "Of whom is that ring?" */
export interface RingAsk {
  readonly type: 'ring-ask'
  readonly checksum: string
}

export interface RingTell {
  readonly type: 'ring-tell'
  readonly checksum: string
  readonly members: readonly RingMember[]
}

/** Orders the rounds in which a change of the list is decided: by round, then by the name of who began it. */
export interface Ballot {
  readonly round: number
  readonly by: NodeId
}

/**
 * Version 0 is a proposal and counts for nothing yet; odd versions stand alone; even ones from 2 on are joint:
 * `previous` stands beside `names` while one changes into the other, and then a quorum of both is needed.
 */
export interface VoterList {
  readonly version: number
  /** Sorted. */
  readonly names: readonly NodeId[]
  readonly previous?: readonly NodeId[] | undefined
  /** Named in configurations or made of the first nodes seen: then exactly half with the lowest name is a quorum. */
  readonly fixed: boolean
  /** Hash of the version 1 that it descends from; absent on that one. */
  readonly root?: string
  /** Of a joint list: the round in which it was accepted. */
  readonly ballot?: Ballot
  /** No voter of this list may vote for a term at or below it: what quorums of the list before it may have voted for. */
  readonly floor?: number
}

/** What stands on a node's disk. */
export interface StoredVoters extends VoterList {
  /** The highest round that it promised to. */
  readonly promised?: Ballot
}

/**
 * "This list is on my disk." Said to those who have none or an older one, to all voters while the list changes (it is the
 * answer that a change waits for), and as a proposal by whoever makes version 1.
 */
export interface VotersTell {
  readonly type: 'voters'
  /** Undefined: "I have none, tell me yours." */
  readonly list?: VoterList | undefined
  /** The teller is a voter that knows its top, or took the list from one: only then its word counts. */
  readonly firm: boolean
  /** The highest term on the teller's disk. */
  readonly top: number
  /** The longest promise that the teller may have given: an old list must not be replaced before it has run out. */
  readonly promiseMs: number
  /** Name of the teller's disk. */
  readonly disk: string
  /** "Say so again, in answer to this": see `moment.ts`. */
  readonly ask?: string
  /** The question that this answers. */
  readonly answer?: string
}

/** "May I change version `version`? Then accept no list of a lower round after it, and tell me what you accepted." */
export interface VotersPrepare {
  readonly type: 'voters-prepare'
  readonly version: number
  readonly root: string
  readonly ballot: Ballot
  /** As in `VotersTell`. */
  readonly ask?: string
}

export interface VotersPromise {
  readonly type: 'voters-promise'
  /** Of the request. */
  readonly ballot: Ballot
  /** The highest round promised to; when it is not that of the request, this is a no. */
  readonly promised: Ballot
  /** The joint list that it accepted. */
  readonly accepted?: VoterList | undefined
  /** Name of the disk that this stands on. */
  readonly disk: string
  readonly answer?: string
}

export type VotersMessage = VotersTell | VotersPrepare | VotersPromise

/** "What is the highest term on your disk?" Asked by a voter that has none on its own. */
export interface TopAsk {
  readonly type: 'top-ask'
}

export interface TopTell {
  readonly type: 'top-tell'
  readonly top: number
  /** False: it has none on its disk itself. */
  readonly known: boolean
  /** The list under which it votes: an answer under another one does not count. */
  readonly voters?: VotersName | undefined
  /** The highest round that it promised to: who lost its disk may have promised to that one as well. */
  readonly promised?: Ballot
}

export type TopMessage = TopAsk | TopTell

export type GrantsLinkMessage = Renew | Grant | GrantRefused | RingAsk | RingTell | VotersMessage | TopMessage
