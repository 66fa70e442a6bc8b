/**
 * gossipsub, tuned for up to 32 members that all know each other, at one heartbeat a second from each.
 *
 * A message goes from its author straight to every linked peer (flood), and is passed on along a thin mesh, so that it
 * still arrives where a single link is broken. The default mesh (D 6) delivers each message five to six times in a
 * cluster of eight; D 0 (flood only) loses a member behind one bad link, silently. Three is the least that stays
 * connected when links break at random.
 */
import { type GossipSub, type GossipsubOpts, StrictSign } from '@chainsafe/libp2p-gossipsub'
import type { PeerId as Libp2pPeerId } from '@libp2p/interface'
import { assert } from '../../base/assert.ts'
import { GOSSIP_ENVELOPE_BYTES_MAX } from './limits.ts'

export const GOSSIP_PROTOCOL = '/meshsub/1.2.0'

/** The face of one outbound stream, as gossipsub uses it. */
export interface OutboundPipe {
  readonly protocol: string
  push(bytes: Uint8Array): void
  pushPrefixed(bytes: Uint8Array): void
  close(): Promise<void>
}

export type GossipRouter = GossipSub

/**
 * The places of gossipsub that are taken over (see `gossip.ts`). Public at run time in the pinned version, not all of
 * them in its types; `takeOver` stops the process when a new version has moved them.
 */
interface RouterInternals {
  readonly streamsOutbound: Map<string, OutboundPipe>
  readonly topics: Map<string, Set<string>>
  createOutboundStream: (peer: Libp2pPeerId) => Promise<void>
}

export interface Taken {
  /** By peer: where gossipsub finds the stream to write to. */
  readonly outbound: Map<string, OutboundPipe>
  /**
   * Counts a peer as subscribed. Every linked peer is; but until its own word for it has come, two round trips after the
   * link, what is published would not go to it, and what a joiner says first matters most.
   */
  subscribed(peer: string): void
}

/** Hands the outbound streams to `open`: gossipsub asks it instead of opening one itself. */
export function takeOver(router: GossipRouter, topic: string, open: (peer: Libp2pPeerId) => void): Taken {
  const internals = router as unknown as RouterInternals
  assert(internals.streamsOutbound instanceof Map, 'gossipsub keeps its outbound streams in a map')
  assert(internals.topics instanceof Map, 'gossipsub keeps the subscribers in a map')
  assert(
    typeof internals.createOutboundStream === 'function',
    'gossipsub opens outbound streams in one place',
  )
  internals.createOutboundStream = async peer => open(peer)
  return {
    outbound: internals.streamsOutbound,
    subscribed: peer => {
      const known = internals.topics.get(topic)
      if (known === undefined) internals.topics.set(topic, new Set([peer]))
      else known.add(peer)
    },
  }
}

/** @param onCopy is called for every copy of a message that arrives, wanted or not */
export function gossipOptions(topic: string, onCopy: () => void): Partial<GossipsubOpts> {
  return {
    globalSignaturePolicy: StrictSign,
    allowedTopics: [topic],
    floodPublish: true,
    // Encode once, send to all.
    batchPublish: true,
    // Trap: publishing while nobody is linked throws. A node alone still says its heartbeats.
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    emitSelf: false,
    fallbackToFloodsub: false,
    // Peers are found by the membership, not in prune messages from whoever sends them.
    doPX: false,
    // Saves a peer-store write for each change of the mesh; nothing reads the tags.
    tagMeshPeers: false,
    D: 3,
    Dlo: 2,
    Dhi: 4,
    Dscore: 2,
    Dout: 1,
    // Repair by IHAVE and IWANT for what the mesh lost: one random peer a second is told the ids.
    Dlazy: 1,
    gossipFactor: 0.1,
    heartbeatInterval: 1_000,
    // Trap: without it each copy of a message has its signature checked; with it, only the first.
    fastMsgIdFn: message => {
      onCopy()
      return `${latin1(message.seqno)}${latin1(message.from)}`
    },
    // Small messages gain nothing from IDONTWANT, which is itself a message. Ours are mostly under 1 KiB.
    idontwantMinDataSize: 4_096,
    // Trap: unlimited by default; a length prefix of 4 GB would be believed.
    maxInboundDataLength: GOSSIP_ENVELOPE_BYTES_MAX,
    decodeRpcLimits: {
      maxSubscriptions: 16,
      maxMessages: 512,
      maxIhaveMessageIDs: 2_048,
      maxIwantMessageIDs: 2_048,
      maxIdontwantMessageIDs: 512,
      maxControlMessages: 64,
      maxPeerInfos: 0,
    },
    scoreParams: {
      // Trap: 16 nodes behind one address (one machine, one NAT) score each other into silence, without an error.
      IPColocationFactorWeight: 0,
      // Trap: a node that paused breaks IWANT promises and would be silenced for it. Who is well is not gossip's business.
      behaviourPenaltyWeight: 0,
      // Nothing is scored, so nothing need decay each second.
      decayInterval: 60_000,
      retainScore: 60_000,
    },
  }
}

function latin1(bytes: Uint8Array | undefined): string {
  if (bytes === undefined) return ''
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}
