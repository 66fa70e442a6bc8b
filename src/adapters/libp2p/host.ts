/**
 * The libp2p node under the transport, with every setting that would otherwise bite. libp2p is made for open networks of
 * strangers behind home routers; here it must be a plain, fast, private wire, and the decisions (whom to dial, whom to
 * give up, who is dead) are ours. So everything in it that acts on its own is off. Each setting names its trap.
 *
 * Not used: identify (two streams, two signatures and several peer-store writes per connection, to learn protocols that
 * the link stream negotiates anyway), ping (ours measures, and never closes), the dial queue (it joins a forced dial to
 * one already under way, and hides the reason of a failure), peer routing, discovery and address announcing.
 */
import { gossipsub } from '@chainsafe/libp2p-gossipsub'
import type {
  Connection,
  ConnectionGater,
  ConnectionProtector,
  Ed25519PrivateKey,
  Libp2p,
  StreamHandler,
  Upgrader,
} from '@libp2p/interface'
import { serviceCapabilities } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import type { Multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { assert } from '../../base/assert.ts'
import type { Logger } from '../../runtime/ports.ts'
import { frugalNoise } from './frugal-noise.ts'
import { frugalYamux } from './frugal-yamux.ts'
import { type GossipRouter, gossipOptions } from './gossip-router.ts'
import {
  CLOSE_MS,
  CONNECTIONS_MAX,
  CONNECTIONS_PER_HOST_PER_S,
  NEGOTIATION_MS,
  PENDING_CONNECTIONS_MAX,
  UPGRADE_MS,
} from './limits.ts'
import { quietLogger } from './quiet-logger.ts'
import type { WireOptions } from './wire.ts'

/** What the transport uses of libp2p, and nothing more. */
export interface Host {
  readonly node: Libp2p
  readonly router: GossipRouter
  /** Makes a new connection, always; no queue, no reuse, errors as the socket and the handshake gave them. */
  connect(address: Multiaddr, options: ConnectOptions): Promise<Connection>
  handle(protocol: string, handler: StreamHandler): Promise<void>
  listen(address: Multiaddr): Promise<readonly Multiaddr[]>
  /** Closes everything. */
  stop(): Promise<void>
  /** Tells the gossip router that a peer is there, or gone. */
  introduce(connection: Connection): void
  forget(connection: Connection): void
}

export interface ConnectOptions extends WireOptions {
  readonly signal: AbortSignal
}

export interface HostInit {
  readonly key: Ed25519PrivateKey
  readonly topic: string
  readonly logger: Logger
  readonly protector: ConnectionProtector
  readonly allowPeers: ReadonlySet<string>
  /** A copy of a gossip message came in, new or not. */
  readonly onGossipCopy: () => void
}

/** What libp2p hands to its services; the parts that are used here. */
interface Inside {
  readonly upgrader: Upgrader
  readonly transportManager: {
    dial(address: Multiaddr, options: ConnectOptions): Promise<Connection>
    listen(addresses: Multiaddr[]): Promise<void>
    getAddrs(): Multiaddr[]
  }
  readonly registrar: {
    getTopologies(protocol: string): readonly Topology[]
    handle(protocol: string, handler: StreamHandler, options: { maxInboundStreams: number }): Promise<void>
  }
}

interface Topology {
  onConnect?(peer: Connection['remotePeer'], connection: Connection): void | Promise<void>
  onDisconnect?(peer: Connection['remotePeer']): void | Promise<void>
}

const CONNECTIONS = {
  maxConnections: CONNECTIONS_MAX,
  // Trap: 5 connections a second from one address; a cluster behind one NAT cannot start. (The default.)
  inboundConnectionThreshold: CONNECTIONS_PER_HOST_PER_S,
  // Trap: 10 handshakes at a time; a join storm, or ten silent strangers, keeps real peers out. (The default.)
  maxIncomingPendingConnections: PENDING_CONNECTIONS_MAX,
  // Trap: strangers may stay silent for 10 s. (The default.)
  inboundUpgradeTimeout: UPGRADE_MS,
  // Trap: 10 s; gossipsub opens its streams one after the other, so one frozen peer would hold up all. (The default.)
  outboundStreamProtocolNegotiationTimeout: NEGOTIATION_MS,
  inboundStreamProtocolNegotiationTimeout: NEGOTIATION_MS,
  connectionCloseTimeout: CLOSE_MS,
  // Trap: dials take 10 s to fail. (The default.) Ours bring their own limit; this is for anything that does not.
  dialTimeout: UPGRADE_MS,
  // The membership decides who is dialled again, and when.
  reconnectRetries: 0,
} as const

/** Made, not started: nothing listens yet. */
export async function createHost(init: HostInit): Promise<Host> {
  let inside: Inside | undefined
  const node = await createLibp2p({
    start: false,
    privateKey: init.key,
    logger: quietLogger(init.logger),
    // We listen ourselves after the start, to get the error code of a port in use.
    addresses: { listen: [] },
    transports: [
      tcp({
        // Trap: sockets without traffic for two minutes are destroyed. 0 is no such timer: the detector decides.
        inboundSocketInactivityTimeout: 0,
        outboundSocketInactivityTimeout: 0,
      }),
    ],
    connectionProtector: () => init.protector,
    connectionEncrypters: [frugalNoise()],
    streamMuxers: [
      frugalYamux({
        // Trap: yamux pings every 30 s on its own. Harmless, but it is not our detector and costs idle CPU.
        enableKeepAlive: false,
        // A link, two gossip streams, and room for those that are being replaced.
        maxInboundStreams: 64,
        maxOutboundStreams: 64,
      }),
    ],
    connectionGater: gater(init.allowPeers),
    connectionManager: CONNECTIONS,
    // Trap: it pings every 10 s and aborts connections on its own idea of too slow.
    connectionMonitor: { enabled: false },
    services: {
      // gossipsub insists on identify being there. It only needs to be told of peers, which `introduce` does.
      identify: (components: Inside) => {
        inside = components
        return { [serviceCapabilities]: ['@libp2p/identify'] }
      },
      gossip: gossipsub(gossipOptions(init.topic, init.onGossipCopy)),
    },
  })
  assert(inside !== undefined, 'libp2p makes its services at once')
  keepNoStrangers(node, init.logger)
  return wrap(node, inside, node.services.gossip)
}

function wrap(node: Libp2p, inside: Inside, router: GossipRouter): Host {
  const { transportManager, registrar } = inside
  const topologies = () => registrar.getTopologies(router.protocols[0] ?? '')
  return {
    node,
    router,
    connect: (address, options) => transportManager.dial(address, options),
    // One link stream per connection; a second is refused where it arrives, and a flood of them here.
    handle: (protocol, handler) => registrar.handle(protocol, handler, { maxInboundStreams: 4 }),
    listen: async address => {
      await transportManager.listen([address])
      return transportManager.getAddrs()
    },
    async stop() {
      const endTimers = timersLeft(inside, router)
      try {
        await node.stop()
      } finally {
        endTimers()
      }
    },
    introduce: connection => {
      for (const topology of topologies()) void topology.onConnect?.(connection.remotePeer, connection)
    },
    forget: connection => {
      for (const topology of topologies()) void topology.onDisconnect?.(connection.remotePeer)
    },
  }
}

/**
 * Trap: two timers outlive libp2p's own stop and keep the process for up to 1.25 s. gossipsub forgets that of its next
 * heartbeat, and when the listener closes, the address manager waits a second for more changes before it writes addresses
 * to the peer store. Both are private; where a new version has moved them, the process lives on for that second.
 */
function timersLeft(inside: Inside, router: GossipRouter): () => void {
  const status = Reflect.get(router, 'status') as { readonly heartbeatTimeout?: NodeJS.Timeout } | undefined
  const addresses = Reflect.get(inside, 'addressManager') as object
  const debounced: unknown = Reflect.get(addresses, '_updatePeerStoreAddresses')
  const stop: unknown = typeof debounced === 'function' ? Reflect.get(debounced, 'stop') : undefined
  return () => {
    clearTimeout(status?.heartbeatTimeout)
    if (typeof stop === 'function') stop()
  }
}

/**
 * Trap: libp2p notes for each key that ever spoke a protocol which one that was, looks only at what is old when somebody asks for
 * it, and never at the rest. Containers that come back with a new key each, or strangers, would fill the memory. Told after
 * libp2p's own listeners, which read the note of a peer that goes.
 */
function keepNoStrangers(node: Libp2p, logger: Logger): void {
  const drop = (peer: Connection['remotePeer']): void => {
    if (node.getConnections(peer).length > 0 || peer.equals(node.peerId)) return
    void node.peerStore.delete(peer).catch((error: unknown) => {
      logger.log('debug', 'transport.peer-not-dropped', { peer: peer.toString(), detail: String(error) })
    })
  }
  node.addEventListener('peer:disconnect', ({ detail }) => drop(detail))
  // One that had gone before it was noted.
  node.addEventListener('peer:update', ({ detail }) => drop(detail.peer.id))
}

/** Trap: a denied dial resolves at the dialler and is closed a moment later, so a resolved dial is not membership. */
function gater(allowed: ReadonlySet<string>): ConnectionGater {
  if (allowed.size === 0) return {}
  const denied = (peer: { toString(): string }) => !allowed.has(peer.toString())
  return { denyInboundEncryptedConnection: denied, denyOutboundEncryptedConnection: denied }
}
