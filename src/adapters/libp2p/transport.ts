/**
 * The network of a node: authenticated links to peers, and gossip to all of them, over libp2p.
 *
 * The intuition: libp2p gives encrypted, multiplexed connections between keys; everything that decides is kept out of it.
 * The rule: one link is one connection with one framed stream; what the core hears of it (up, frame, down and why) is
 * exactly what happened on the socket, because a closed link is evidence in somebody's death. Gossip is a pipe per peer
 * that follows whichever link works. Nothing here retries, redials, pings or closes on an opinion of its own.
 *
 * The road not taken: plain TLS and our own gossip. Fewer bytes and a faster start, but peers would need a certificate
 * authority, and the wire format would be readable by nobody else.
 */

import type { Ed25519PrivateKey } from '@libp2p/interface'
import { asPeerId, type LinkId, type PeerId } from '../../base/ids.ts'
import type { DialResult, GossipMessage, LinkMessage } from '../../node/machine.ts'
import type { Metric } from '../../node/status.ts'
import type { Enqueue, Logger, Transport } from '../../runtime/ports.ts'
import { ClusterKeyProtector, parseClusterKey } from './cluster-key.ts'
import { Complaints } from './complaints.ts'
import type { TransportConfig } from './config.ts'
import { Counters } from './counters.ts'
import { Dialler, type DialOrder } from './dialler.ts'
import { Gossip } from './gossip.ts'
import { createHost, type Host } from './host.ts'
import { STOP_MS } from './limits.ts'
import { Links } from './links.ts'
import { startListening } from './listening.ts'
import { type NameService, Names } from './names.ts'
import { Strangers } from './strangers.ts'
import { Wires } from './wire.ts'

export interface TransportInit {
  readonly config: TransportConfig
  readonly cluster: string
  /** The key this node is known by; see `loadIdentity`. */
  readonly identity: Ed25519PrivateKey
  readonly logger: Logger
  /** For tests: other name services than the system's. */
  readonly names?: NameService
}

/** Throws CLUSTER_KEY_INVALID. Nothing listens before `start`. */
export async function createTransport(init: TransportInit): Promise<Transport> {
  const { clusterKey } = init.config
  return await Libp2pTransport.create(
    init,
    clusterKey === undefined ? undefined : parseClusterKey(clusterKey),
  )
}

interface Parts {
  readonly host: Host
  readonly counters: Counters
  readonly strangers: Strangers
  readonly wires: Wires
}

class Libp2pTransport implements Transport {
  readonly peer: PeerId
  readonly #init: TransportInit
  readonly #host: Host
  readonly #counters: Counters
  readonly #strangers: Strangers
  readonly #links: Links
  readonly #gossip: Gossip
  readonly #dialler: Dialler
  #enqueue: Enqueue | undefined
  #stopping: Promise<void> | undefined

  static async create(init: TransportInit, key: Uint8Array | undefined): Promise<Libp2pTransport> {
    const counters = new Counters()
    const strangers = new Strangers({ counters, logger: init.logger })
    const wires = new Wires(strangers)
    const onUsedUp = () => counters.add('transport_links_cut_total', { reason: 'key-stream-used-up' })
    const host = await createHost({
      key: init.identity,
      topic: topicOf(init.cluster),
      logger: init.logger,
      protector: wires.protector(key && new ClusterKeyProtector({ key, onUsedUp })),
      allowPeers: new Set(init.config.allowPeers),
      onGossipCopy: () => counters.add('transport_gossip_total', { outcome: 'copy' }),
    })
    return new Libp2pTransport(init, { host, counters, strangers, wires })
  }

  private constructor(init: TransportInit, { host, counters, strangers, wires }: Parts) {
    const { logger, config, cluster } = init
    const complaints = new Complaints(logger)
    const enqueue: Enqueue = (input, bytes) => this.#enqueue?.(input, bytes)
    const shared = { host, counters, complaints, logger, enqueue }
    this.#init = init
    this.#host = host
    this.#counters = counters
    this.#strangers = strangers
    this.peer = asPeerId(host.node.peerId.toString())
    this.#links = new Links({ ...shared, protocol: `/roundtable/${cluster}/link/1`, wires })
    this.#gossip = new Gossip({ ...shared, topic: topicOf(cluster), linksTo: peer => this.#links.to(peer) })
    this.#dialler = new Dialler({
      host,
      counters,
      links: this.#links,
      names: new Names(init.names),
      allowPeers: new Set(config.allowPeers),
      hasClusterKey: config.clusterKey !== undefined,
    })
  }

  async start(enqueue: Enqueue): Promise<readonly string[]> {
    this.#enqueue = enqueue
    try {
      await this.#host.node.start()
      this.#gossip.start()
      // Protocols first: a peer that connects in the first millisecond must not be told that they are unknown.
      await this.#links.start(this.#gossip)
      return await startListening(this.#host, this.#init.config)
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  dial(order: DialOrder): Promise<DialResult> {
    return this.#dialler.dial(order)
  }

  send(link: LinkId, message: LinkMessage): void {
    this.#links.send(link, message)
  }

  publish(message: GossipMessage): void {
    this.#gossip.publish(message)
  }

  closeLink(link: LinkId, reason: string): void {
    void this.#links.close(link, reason)
  }

  metrics(): readonly Metric[] {
    const links: Metric = {
      name: 'transport_links',
      help: 'Links that are up.',
      type: 'gauge',
      samples: [{ value: this.#links.count }],
    }
    return [links, ...this.#counters.metrics()]
  }

  stop(withinMs = STOP_MS): Promise<void> {
    this.#stopping ??= this.#stop(Math.ceil(Math.min(Math.max(withinMs, 0), STOP_MS)))
    return this.#stopping
  }

  /** What peers take in time is flushed. Whatever is open then is cut, so that libp2p finds nothing to wait for. */
  async #stop(withinMs: number): Promise<void> {
    this.#dialler.stop()
    this.#strangers.stop()
    await inTime(this.#flush(withinMs), withinMs)
    for (const connection of this.#host.node.getConnections()) connection.abort(new Error('stop'))
    if (await inTime(this.#host.stop(), STOP_MS)) return
    this.#init.logger.log('warn', 'transport.stop-forced', { afterMs: STOP_MS })
  }

  async #flush(withinMs: number): Promise<void> {
    await this.#gossip.settled()
    await this.#links.closeAll(withinMs)
  }
}

/** Was it done within so many ms? It is not waited for any longer. */
async function inTime(work: Promise<void>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<false>(resolve => {
    timer = setTimeout(() => resolve(false), ms)
  })
  try {
    return await Promise.race([work.then(() => true), late])
  } finally {
    clearTimeout(timer)
  }
}

function topicOf(cluster: string): string {
  return `/roundtable/${cluster}/membership/1`
}
