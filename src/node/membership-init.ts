import { assert } from '../base/assert.ts'
import { hash32 } from '../base/hash.ts'
import type { Random } from '../base/random.ts'
import type { RingParameters } from '../membership/messages.ts'
import { modesText } from './acting.ts'
import type { NodeInit } from './init.ts'
import { TICK_MS } from './machine.ts'

/** What membership begins with. */
export function membershipInit(init: NodeInit, random: Random) {
  assert(init.addresses.length > 0, 'a node has an address', { nodeId: init.nodeId })
  const { version, hash, vnodesPerWeight, replicas } = init.ring
  const ring: RingParameters = { version, hash, vnodesPerWeight, replicas }
  return {
    self: {
      id: init.nodeId,
      peerId: init.peerId,
      incarnation: init.incarnation,
      status: 'alive' as const,
      leaving: false,
      addresses: init.addresses.slice(0, 8),
      weight: init.weight,
      ...((init.joinDelayMs ?? 0) > 0 ? { cordoned: true } : {}),
    },
    cluster: init.cluster,
    version: init.version,
    ring,
    config: init.membership,
    seeds: init.seeds,
    random,
    tickMs: TICK_MS,
    nonce: hash32(`${init.nodeId} ${init.boot} ${init.seed}`),
    modes: modesText(init.grants, init.tasks.durability),
  }
}
