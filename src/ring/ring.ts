/**
 * The consistent hash ring behind a small face. A ring is a value: a new view makes a new ring, and two can be diffed.
 */
import type { NodeId } from '../base/ids.ts'

export interface RingMember {
  readonly id: NodeId
  /** Share relative to the others; `vnodesPerWeight` times this, rounded, is its number of vnodes (4 points each). */
  readonly weight: number
}

export interface Ring {
  /** Sorted by id. */
  readonly members: readonly RingMember[]
  /** Hash of ring version and sorted `nodeId:weight`: equal checksums mean equal owners for every key. */
  readonly checksum: string
  has(id: NodeId): boolean
  /** The node that should run what belongs to this key; `undefined` when the ring is empty. */
  owner(key: string): NodeId | undefined
  /** The first `count` distinct members clockwise from the key, owner first; all of them when there are fewer. */
  preferenceList(key: string, count: number): readonly NodeId[]
  /** How the owner was found, step by step. */
  explain(key: string, count: number): KeyPlacement
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
