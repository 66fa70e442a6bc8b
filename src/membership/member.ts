import type { Incarnation, NodeId, PeerId } from '../base/ids.ts'
import type { WallMs } from '../base/time.ts'

/**
 * What a node can be. `suspect` is an opinion of the one who looks and never travels in a record; the rest do.
 * Legal order for one node: alive(N) < alive and leaving(N) < dead(N) < left(N) < forgotten(N) < alive(N + 1).
 */
export type MemberStatus = 'alive' | 'suspect' | 'dead' | 'left'

/** The claim about one member that nodes exchange: in rumours, in a sync, in a hello. */
export interface MemberRecord {
  readonly id: NodeId
  /** The key this incarnation of the node speaks with. */
  readonly peerId: PeerId
  readonly incarnation: Incarnation
  readonly status: 'alive' | 'dead' | 'left'
  /** It has announced its leave and drains: still answers, owns nothing. */
  readonly leaving: boolean
  /** It is asked to own nothing for now; changes only with the incarnation. Absent: no. */
  readonly cordoned?: boolean
  /** With `left`: an operator wants it out of sight. Kept all the same, or old news would bring it back. */
  readonly forgotten?: boolean
  /** With `dead` and `left`: when that was found, by the finder's clock. From then on it is remembered for `tombstoneMs`. */
  readonly goneAt?: WallMs
  /**
   * Name of its disk, once an operator has said that those it had before are gone for good: nobody waits for what they held.
   * Holds for this life of it alone; changes only with the incarnation.
   */
  readonly onlyDisk?: string
  /** Where it can be dialled, `host:port`, most useful first; at most 8. */
  readonly addresses: readonly string[]
  /** Its share of the ring relative to the others, 1 by default; 0.01 to 100. */
  readonly weight: number
}

function rank(record: MemberRecord): number {
  if (record.status === 'left') return record.forgotten ? 4 : 3
  if (record.status === 'dead') return 2
  return record.leaving ? 1 : 0
}

/**
 * Does `news` replace `known`? A higher incarnation always wins; within one incarnation the further state does. Equal
 * news does not, so a rumour dies out once everybody has it.
 */
export function supersedes(news: MemberRecord, known: MemberRecord): boolean {
  if (news.incarnation !== known.incarnation) return news.incarnation > known.incarnation
  return rank(news) > rank(known)
}

/** Of two names that live with one key, which is the later life? A tie goes by the text, so that all nodes decide alike. */
export function isLaterLife(one: MemberRecord, other: MemberRecord): boolean {
  return one.incarnation === other.incarnation ? one.id > other.id : one.incarnation > other.incarnation
}
