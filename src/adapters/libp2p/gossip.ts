/**
 * Gossip between linked peers: one topic, signed by the author, passed on by peers.
 *
 * gossipsub opens one outbound stream per peer, on the connection it first sees, and never again. That is where it fails
 * in silence: two connections to one peer come from every simultaneous dial, and when the one that carries the stream is
 * closed, or stalls while the other works, this side's gossip to that peer is gone for good, one way, without an error. So
 * the outbound streams are ours (`GossipPipe`): gossipsub pushes bytes into a pipe per peer, and the pipe rides the link
 * that works. It moves when its connection closes or is about to, when the other end drops the stream, and when it is
 * silent while a newer link speaks. Once a second everything is looked at again, whatever the reason it went wrong.
 *
 * Not done: a gossip protocol of our own over the links. It would be shorter than this file, but gossipsub brings signed
 * messages, repair and a mesh that scales past the full mesh, and other implementations can listen in.
 */
import { type Message, TopicValidatorResult } from '@chainsafe/libp2p-gossipsub'
import type { PeerId as Libp2pPeerId } from '@libp2p/interface'
import { asPeerId, type PeerId } from '../../base/ids.ts'
import type { GossipMessage } from '../../node/machine.ts'
import type { Enqueue, Logger } from '../../runtime/ports.ts'
import { decodeGossip, encodeGossip } from './codec.ts'
import type { Complaints } from './complaints.ts'
import type { Counters } from './counters.ts'
import { keepTimeOf } from './gossip-clock.ts'
import { GossipPipe } from './gossip-pipe.ts'
import { type OutboundPipe, takeOver } from './gossip-router.ts'
import type { Host } from './host.ts'
import { GOSSIP_SILENCE_MS } from './limits.ts'
import type { Link } from './link.ts'

export interface GossipInit {
  readonly host: Host
  readonly topic: string
  readonly counters: Counters
  readonly complaints: Complaints
  readonly logger: Logger
  readonly enqueue: Enqueue
  /** The usable links to a peer, newest last. */
  readonly linksTo: (peer: PeerId) => readonly Link[]
}

export class Gossip {
  readonly #init: GossipInit
  readonly #outbound: Map<string, OutboundPipe>
  readonly #subscribed: (peer: string) => void
  readonly #pipes = new Map<PeerId, GossipPipe>()
  readonly #publishing = new Set<Promise<void>>()

  constructor(init: GossipInit) {
    this.#init = init
    const { router } = init.host
    const taken = takeOver(router, init.topic, peer => this.look(asPeerId(peer.toString())))
    this.#outbound = taken.outbound
    this.#subscribed = taken.subscribed
    router.topicValidators.set(init.topic, (via, message) => this.#receive(via, message))
    const keepTime = keepTimeOf(router)
    router.addEventListener('gossipsub:heartbeat', () => {
      keepTime()
      this.#lookAll()
    })
  }

  /** After the host has started. */
  start(): void {
    this.#init.host.router.subscribe(this.#init.topic)
  }

  publish(message: GossipMessage): void {
    const { counters, logger, host, topic } = this.#init
    const encoded = encodeGossip(message)
    if (!encoded.ok) {
      counters.add('transport_drops_total', { reason: `gossip-${encoded.reason}` })
      logger.log('error', 'transport.gossip-not-sent', { type: message.type, detail: encoded.detail })
      return
    }
    counters.add('transport_gossip_total', { outcome: 'published' })
    counters.add('transport_bytes_total', { direction: 'out', kind: 'gossip' }, encoded.bytes.byteLength)
    const published = host.router.publish(topic, encoded.bytes).then(
      () => undefined,
      (error: unknown) => {
        counters.add('transport_drops_total', { reason: 'gossip-not-published' })
        logger.log('debug', 'transport.gossip-not-published', { detail: String(error) })
      },
    )
    this.#publishing.add(published)
    void published.finally(() => this.#publishing.delete(published))
  }

  /** What was published before has been handed to the streams. */
  async settled(): Promise<void> {
    await Promise.all(this.#publishing)
  }

  /**
   * Makes sure that gossip to this peer rides a link that works. Cheap when it does. Called when a link comes up, goes
   * down or is about to, when a link speaks while another carries the gossip, and once a second.
   */
  look(peer: PeerId): void {
    const links = this.#init.linksTo(peer)
    const best = bestOf(links)
    if (best === undefined) return
    const pipe = this.#pipeTo(peer, best)
    const current = pipe.link
    if (current === undefined || !links.includes(current) || !pipe.carries)
      void this.#move(pipe, best, 'lost')
    else if (best !== current && current.silentMs() > GOSSIP_SILENCE_MS) void this.#move(pipe, best, 'silent')
  }

  /** A frame came over this link: does the gossip ride another one that is silent? */
  heard(link: Link): void {
    const current = this.#pipes.get(link.peer)?.link
    if (current !== undefined && current !== link) this.look(link.peer)
  }

  /** Moves gossip off a link that is about to be closed, when the peer has another. Resolves when it is off. */
  async leave(link: Link): Promise<void> {
    const pipe = this.#pipes.get(link.peer)
    const other = bestOf(this.#init.linksTo(link.peer).filter(one => one !== link))
    if (pipe === undefined || other === undefined || pipe.link !== link) return
    await this.#move(pipe, other, 'leaving')
  }

  /** A link went down: gossip moves to another one, or the peer is gone. */
  linkDown(link: Link): void {
    if (this.#init.linksTo(link.peer).length > 0) {
      this.look(link.peer)
    } else {
      this.#pipes.delete(link.peer)
      this.#init.host.forget(link.connection)
    }
  }

  #lookAll(): void {
    for (const peer of this.#pipes.keys()) this.look(peer)
  }

  /** gossipsub forgets a peer, pipe and all, when an inbound stream of that peer ends in an error. Then it is told anew. */
  #pipeTo(peer: PeerId, link: Link): GossipPipe {
    const known = this.#pipes.get(peer)
    if (known !== undefined && !known.closed && this.#outbound.get(peer) === known) return known
    void known?.close()
    const pipe = new GossipPipe(this.#init.topic, this.#init.counters, () => this.look(peer))
    this.#pipes.set(peer, pipe)
    this.#outbound.set(peer, pipe)
    this.#init.host.introduce(link.connection)
    this.#subscribed(peer)
    return pipe
  }

  async #move(pipe: GossipPipe, to: Link, reason: string): Promise<void> {
    if (await pipe.use(to)) this.#init.counters.add('transport_gossip_moves_total', { reason })
  }

  #receive(via: Libp2pPeerId, message: Message): TopicValidatorResult {
    const { counters, complaints, enqueue } = this.#init
    if (message.type !== 'signed') return TopicValidatorResult.Reject
    counters.add('transport_bytes_total', { direction: 'in', kind: 'gossip' }, message.data.byteLength)
    const author = asPeerId(message.from.toString())
    const decoded = decodeGossip(message.data)
    if (!decoded.ok) {
      counters.add('transport_drops_total', { reason: 'gossip-invalid' })
      complaints.once('transport.gossip-invalid', author, decoded.detail)
      return TopicValidatorResult.Reject
    }
    counters.add('transport_gossip_total', { outcome: 'received' })
    const { message: said } = decoded
    enqueue({ kind: 'gossip', author, via: asPeerId(via.toString()), message: said }, message.data.byteLength)
    return TopicValidatorResult.Accept
  }
}

/** The link that spoke last; of equals, the newest. */
function bestOf(links: readonly Link[]): Link | undefined {
  let best: Link | undefined
  for (const link of links) if (best === undefined || link.heardAt >= best.heardAt) best = link
  return best
}
