import type { NodeId } from '../base/ids.ts'
import { type Instant, NEVER } from '../base/time.ts'
import type { Ring } from '../ring/ring.ts'

/** What orders attempts of different owners of a key; `safe` is false where two sides may both act. */
export interface Token {
  readonly value: string
  readonly safe: boolean
}

/** Leave to act for a key: until when, and under which token. */
export interface Leave {
  /** `NEVER` in available mode. */
  readonly until: Instant
  readonly token: Token
  /** The term under which is written now: that of the token, or a later one that has the key too. Absent without `epochs`. */
  readonly term?: number
}

/** A ring under which somebody may have written, and whose answers tell what was held when it was noted. */
export interface NotedRing {
  readonly ring: Ring
  counts(node: NodeId, disk: string): boolean
}

/** The rings under which somebody may have written, as voters tell them. */
export interface RingsBefore {
  readonly rings: readonly NotedRing[]
  /** No quorum of voters knows of every ring: there may have been others. */
  readonly lost: boolean
}

/**
 * What the voters know that durability rests on (`grants/notes.ts`, `grants/ledger.ts`), for keys in quorum mode. The rules
 * that use it stand in `durability.ts`.
 */
export interface Epochs {
  /** Rises whenever a voter tells what was not known. */
  readonly changes: number
  /** Is no key in available mode? */
  readonly only: boolean
  isQuorum(key: string): boolean
  /** The newest term, once it is taken. */
  readonly tenure:
    | {
        readonly term: number
        /** What all of these give to this node is what it has, */
        readonly rings: readonly string[]
        /** but for these keys, which others keep; undefined while others may act for more. */
        readonly without: readonly string[] | undefined
      }
    | undefined
  /** All terms that are held. */
  readonly held: readonly number[]
  /** The rings under all of which a key was this node's just if the term has it; undefined where that is not so plain. */
  claimedUnder(term: number): readonly string[] | undefined
  /** Keys that this node asks to keep though the ring gives them to others. */
  readonly keeps: readonly string[]
  /** Has the term no keys but those that this ring gives to this node, and what is kept by name? */
  isWithin(term: number, ring: string): boolean
  /** Does one of these terms still have the key, without a break? */
  hasUnder(key: string, terms: ReadonlySet<number>): boolean
  /** Does a quorum of voters answer this node? */
  readonly inTouch: boolean
  /** This node's disk, and whether a quorum of voters has noted it. */
  readonly disk: string
  readonly enrolled: boolean
  /** Has a quorum of voters noted the ring, asked by this node under it? */
  noted(ring: string): boolean
  /** Rings under which somebody may have written before the term was chosen. */
  ringsBefore(term: number): RingsBefore | 'unknown'
  /** Every ring that a voter has a note of, as far as was told. */
  readonly checksums: ReadonlySet<string>
  /** Nodes that came back with another disk, as was told since this was asked last. */
  takeReplaced(): ReadonlySet<NodeId>
  /** Does the node, on this disk, have all that it ever held, as far as any voter knows? */
  isDiskOf(node: NodeId, disk: string): boolean
  /** A ring by its checksum, while it is known. */
  ring(checksum: string): Ring | undefined
  /** Would whoever takes over look for records on this node, as far as voters have told? */
  names(node: NodeId): boolean
  /** Somebody wrote under this term what this node believes to be its own: it gives up what it holds below. */
  outranked(term: number): void
  /** All that this node owns under the ring is complete and lies on its holders; undefined: not so. */
  setDone(ring: string | undefined): void
  /**
   * The highest term that anybody is known to have gone on under without members that were forgotten, though they may have had
   * what nobody else had; 0: none. Of what was written before it nobody can say that it ended because nobody has it.
   */
  readonly gap: number
  /** This node did so: whoever takes over later is to know it. */
  hadGap(term: number): void
  /** Has an operator said that the member will not come back? */
  forgotten(node: NodeId): boolean
  /** Has an operator said that what the node had on other disks than this one is gone for good? */
  isOnlyDisk(node: NodeId, disk: string): boolean
  /** All members that are known and not gone in good order, this node and the forgotten included. */
  known(): readonly NodeId[]
}

/**
 * Who may act. The ring says who should run a task; this says whether that node may, now. The node answers it from its
 * grants in quorum mode; in available mode everybody always may, and `until` is `NEVER`. So who gets no leave, or one that
 * ends, knows that the key is in quorum mode, and who gets one there knows that no other node acts for the key.
 *
 * Order matters after a new ring: first the tasks are told of it, then the grants are told what the tasks keep
 * (`Tasks.keptKeys`), and only then is leave asked for again (`Tasks.fence`): a lost key whose work still drains may be
 * acted for only as a kept one.
 */
export interface Right {
  /** Undefined: this node may not act for the key at this moment. */
  leaveFor(key: string): Leave | undefined
  /** Changes whenever a key that might not be acted for may be acted for now. */
  readonly version: number
  /**
   * Changes whenever a leave may have ended, or its end may have moved, for another reason than that time went by. What
   * runs is looked at again then; without it, in every step.
   */
  readonly moves?: number
  /** Present where copies are counted in quorum mode. */
  readonly epochs?: Epochs
}

/** The leave for the key, unless its time is up. */
export function leaveNow(right: Right, key: string, now: Instant): Leave | undefined {
  const leave = right.leaveFor(key)
  return leave !== undefined && leave.until > now ? leave : undefined
}

/** Was it written under a term that has the key still, without a break? Nobody else can have acted for it since. */
export const isWrittenUnderHeld = (key: string, term: number | undefined, epochs: Epochs): boolean =>
  term !== undefined && epochs.held.includes(term) && epochs.hasUnder(key, new Set([term]))

/** Is this leave one of quorum mode? */
export const isLoan = ({ until }: Leave): boolean => until !== NEVER
