/**
 * The consistent hash ring behind a small face. A ring is a value: a new view makes a new ring, and two can be diffed.
 *
 * The intuition: put every member at many places of a circle; a key belongs to the member found first when walking
 * clockwise from the key's own place. When a member goes, only the arcs it held change hands, and each falls to a
 * neighbour; nothing else moves. That is why a crash costs one eighth of the work of eight nodes, and not all of it.
 *
 * The rule (ketama, so that a program in another language computes the same owner):
 *   - member m of weight w has v = max(1, round(w x vnodesPerWeight)) vnodes; where all have more than 102,400, each has
 *     v / 2 instead, or v / 4 and so on, down to a whole number and one at least (`vnodes.ts`);
 *   - for each i below v the MD5 of `m-i` gives four tokens, its four little-endian 32-bit words;
 *   - a key's position is the first little-endian word of its MD5; its owner holds the first token at or after that,
 *     wrapping at the top. Two equal tokens: the smaller name's counts first.
 *
 * Roads not taken: `hash % N` moves 87 % of the keys when eight become seven. Rendezvous hashing balances better but has
 * no ranges that a takeover could name, and asks every member for every key. hashring's own `weights` option divides a
 * fixed number of tokens among all, so that one departure shifts everybody's: 5.9 % of the keys moved needlessly.
 */
import type { NodeId } from '../base/ids.ts'

export interface RingMember {
  readonly id: NodeId
  /** Share relative to the others; `vnodesPerWeight` times this, rounded, is its number of vnodes (4 points each) in most rings. */
  readonly weight: number
}

export interface Ring {
  /** Sorted by id. */
  readonly members: readonly RingMember[]
  /** Hash of ring parameters and sorted members with their weights, and of halvings: equal checksums mean equal owners for every key. */
  readonly checksum: string
  has(id: NodeId): boolean
  /** The node that should run what belongs to this key; `undefined` when the ring is empty. */
  owner(key: string): NodeId | undefined
  /** The first `count` distinct members clockwise from the key, owner first; all of them when there are fewer. */
  preferenceList(key: string, count: number): readonly NodeId[]
  /** How the owner was found, step by step. Ask only a ring that has members. */
  explain(key: string, count: number): KeyPlacement
  /** The exact fraction of the circle that a member owns, 0 to 1; 0 for a stranger. All members' add up to exactly 1. */
  share(id: NodeId): number
  /** The owner of a position of the circle, 0 to 2^32 - 1. */
  ownerAt(position: number): NodeId | undefined
  /** Every place where ownership may change, ascending, each once. */
  readonly tokens: readonly number[]
}

export interface KeyPlacement {
  readonly key: string
  /** The key's position on the circle, 0 to 2^32 - 1. */
  readonly hash: number
  /** The first token at or after the hash (wrapping), and the member it belongs to. */
  readonly token: number
  readonly owner: NodeId
  readonly preferenceList: readonly NodeId[]
}
