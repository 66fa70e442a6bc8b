import type { NodeId } from '../base/ids.ts'
import type { Ring } from '../ring/ring.ts'
import type { Node } from './node.ts'

/** Places of the circle that are compared, evenly spread: the share is right to about a hundredth. */
export const PLACES = 4_096
const STEP = 2 ** 32 / PLACES

/** Peers that differ and are looked at in one go; each costs about a millisecond. */
export const DIVERGENT_MAX = 16

/** The share of the circle, 0 to 1, that has another owner in the one ring than in the other; an estimate. */
export function divergence(a: Ring, b: Ring): number {
  if (a.checksum === b.checksum) return 0
  let different = 0
  for (let i = 0; i < PLACES; i++) if (a.ownerAt(i * STEP) !== b.ownerAt(i * STEP)) different++
  return different / PLACES
}

export interface Divergence {
  /** Peers whose ring is another, with the share of keys that they give to another owner. */
  readonly shares: ReadonlyMap<NodeId, number>
  /** Peers whose ring is another and not known here, or that there was no time to compare. */
  readonly unknown: number
}

/** How far the peers' rings, as their heartbeats name them, differ from this node's. */
export function divergenceOf(node: Node): Divergence {
  const shares = new Map<NodeId, number>()
  const compared = new Map<string, number>()
  let unknown = 0
  for (const { record } of node.membership.roster.living()) {
    const checksum = node.membership.heartbeats.pulse(record.id)?.ringChecksum
    if (record.id === node.init.nodeId || checksum === undefined || checksum === node.ring.checksum) continue
    const ring = node.grants?.ring(checksum) ?? node.history.ring(checksum)
    const known = compared.get(checksum)
    if (known !== undefined) shares.set(record.id, known)
    else if (ring === undefined || compared.size >= DIVERGENT_MAX) unknown++
    else {
      const share = divergence(node.ring, ring)
      compared.set(checksum, share)
      shares.set(record.id, share)
    }
  }
  return { shares, unknown }
}
