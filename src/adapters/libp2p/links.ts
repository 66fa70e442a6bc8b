/**
 * All links of this node, by id and by peer. The dialler of a connection opens its link stream; when that is open both
 * ends have a link. A connection without one is closed soon: a peer that only sits there is not a member.
 *
 * Duplicates are welcome. Both ends cannot know which of two connections the other is about to use, and closing one has
 * killed gossip one way before; so nothing is closed here but the oldest of more than three, once gossip is off it.
 */
import type { Connection, Stream } from '@libp2p/interface'
import { asLinkId, asPeerId, type LinkId, type PeerId } from '../../base/ids.ts'
import type { LinkDownCause, LinkMessage } from '../../node/machine.ts'
import type { Enqueue, Logger } from '../../runtime/ports.ts'
import { toMultiaddr } from './addresses.ts'
import type { Complaints } from './complaints.ts'
import type { Counters } from './counters.ts'
import type { Gossip } from './gossip.ts'
import type { Host } from './host.ts'
import { CLOSE_MS, LINK_OPEN_MS, LINKS_PER_PEER_MAX } from './limits.ts'
import { Link, type LinkEvents } from './link.ts'
import type { Wires } from './wire.ts'

export interface LinksInit {
  readonly protocol: string
  readonly host: Host
  readonly wires: Wires
  readonly counters: Counters
  readonly complaints: Complaints
  readonly logger: Logger
  readonly enqueue: Enqueue
}

export class Links implements LinkEvents {
  readonly #init: LinksInit
  readonly #links = new Map<LinkId, Link>()
  readonly #byPeer = new Map<PeerId, Link[]>()
  /** Inbound connections whose link stream is awaited. */
  readonly #awaited = new Map<string, NodeJS.Timeout>()
  #gossip: Gossip | undefined
  #nextId = 1

  constructor(init: LinksInit) {
    this.#init = init
    init.host.node.addEventListener('connection:open', ({ detail }) => this.#await(detail))
    init.host.node.addEventListener('connection:close', ({ detail }) => this.#stopAwaiting(detail))
  }

  /** @param gossip is told of every link; it is made after this and asks this */
  async start(gossip: Gossip): Promise<void> {
    this.#gossip = gossip
    await this.#init.host.handle(this.#init.protocol, (stream, connection) =>
      this.#accept(stream, connection),
    )
  }

  get count(): number {
    return this.#links.size
  }

  /** Usable links to the peer, oldest first. */
  to(peer: PeerId): readonly Link[] {
    return (this.#byPeer.get(peer) ?? []).filter(link => link.usable)
  }

  /** A link that would do for a dial that does not insist on a new one. */
  find(order: { address: string; peer?: PeerId | undefined }): Link | undefined {
    if (order.peer !== undefined) return this.to(order.peer).at(-1)
    return [...this.#links.values()].find(link => link.dialled === order.address && link.usable)
  }

  /** @param host an IP address */
  reaches(host: string, port: number): boolean {
    const place = toMultiaddr(host, port).toString()
    const dialled = [...this.#links.values()].filter(link => link.dialled !== undefined && link.usable)
    return dialled.some(({ connection }) => connection.remoteAddr.toString().split('/p2p/')[0] === place)
  }

  /** Opens the link stream on a connection that this side dialled. Rejects when the other end does not take it. */
  async open(connection: Connection, dialled: string, signal: AbortSignal): Promise<Link> {
    const stream = await connection.newStream(this.#init.protocol, { signal })
    return this.#adopt(connection, stream, dialled)
  }

  send(id: LinkId, message: LinkMessage): void {
    const link = this.#links.get(id)
    if (link === undefined) this.#init.counters.add('transport_drops_total', { reason: 'link-gone' })
    else link.send(message)
  }

  async close(id: LinkId, reason: string): Promise<void> {
    const link = this.#links.get(id)
    if (link === undefined || link.closing) return
    this.#init.logger.log('debug', 'transport.link-closing', { link: id, peer: link.peer, reason })
    link.beginClose()
    await this.#gossip?.leave(link)
    await link.finish()
  }

  /** @param withinMs for each of them, whole ms; `CLOSE_MS` at most */
  async closeAll(withinMs: number): Promise<void> {
    for (const timer of this.#awaited.values()) clearTimeout(timer)
    this.#awaited.clear()
    const links = [...this.#links.values()]
    for (const link of links) link.beginClose()
    const each = Math.min(withinMs, CLOSE_MS)
    await Promise.all(links.map(link => link.finish(each)))
  }

  // what a link tells

  frame(link: Link, message: LinkMessage, bytes: number): void {
    this.#init.enqueue({ kind: 'frame', link: link.id, peer: link.peer, message }, bytes)
    this.#gossip?.heard(link)
  }

  invalid(link: Link, detail: string): void {
    this.#init.complaints.once('transport.frame-invalid', link.peer, detail)
  }

  unsent(link: Link, type: string, detail: string): void {
    this.#init.logger.log('error', 'transport.frame-not-sent', { peer: link.peer, type, detail })
  }

  fading(link: Link): void {
    this.#gossip?.look(link.peer)
  }

  down(link: Link, cause: LinkDownCause): void {
    this.#links.delete(link.id)
    const others = (this.#byPeer.get(link.peer) ?? []).filter(one => one !== link)
    if (others.length > 0) this.#byPeer.set(link.peer, others)
    else this.#byPeer.delete(link.peer)
    this.#init.counters.add('transport_links_closed_total', { cause })
    this.#init.enqueue({ kind: 'link-down', link: link.id, peer: link.peer, cause })
    this.#gossip?.linkDown(link)
  }

  #await(connection: Connection): void {
    if (connection.direction !== 'inbound') return
    const timer = setTimeout(() => {
      this.#awaited.delete(connection.id)
      this.#init.counters.add('transport_links_cut_total', { reason: 'no-link-stream' })
      connection.abort(new Error(`no link stream within ${LINK_OPEN_MS} ms`))
    }, LINK_OPEN_MS)
    this.#awaited.set(connection.id, timer)
  }

  #stopAwaiting(connection: Connection): void {
    clearTimeout(this.#awaited.get(connection.id))
    this.#awaited.delete(connection.id)
  }

  #accept(stream: Stream, connection: Connection): void {
    const second = [...this.#links.values()].some(link => link.connection === connection)
    if (second || connection.direction !== 'inbound') {
      this.#init.counters.add('transport_drops_total', { reason: 'link-stream-unexpected' })
      stream.abort(new Error('expected one link stream per connection, opened by its dialler'))
      return
    }
    this.#stopAwaiting(connection)
    this.#adopt(connection, stream, undefined)
  }

  #adopt(connection: Connection, stream: Stream, dialled: string | undefined): Link {
    const wire = this.#init.wires.of(connection)
    if (wire === undefined || connection.status !== 'open') throw new Error('the connection closed meanwhile')
    const { counters, enqueue } = this.#init
    const peer = asPeerId(connection.remotePeer.toString())
    const id = asLinkId(this.#nextId++)
    const link = new Link({ id, peer, connection, stream, wire, dialled, counters, events: this })
    this.#links.set(id, link)
    this.#byPeer.set(peer, [...(this.#byPeer.get(peer) ?? []), link])
    counters.add('transport_links_opened_total', { dialler: dialled === undefined ? 'remote' : 'local' })
    enqueue({ kind: 'link-up', link: id, peer, ...(dialled === undefined ? {} : { dialled }) })
    link.open()
    this.#gossip?.look(peer)
    this.#limit(peer)
    return link
  }

  /** Above the limit the link that was silent longest goes, never the newest. */
  #limit(peer: PeerId): void {
    const older = this.to(peer).slice(0, -1)
    if (older.length < LINKS_PER_PEER_MAX) return
    const oldest = older.reduce((a, b) => (b.heardAt < a.heardAt ? b : a))
    this.#init.counters.add('transport_links_cut_total', { reason: 'per-peer-limit' })
    void this.close(oldest.id, `more than ${LINKS_PER_PEER_MAX} connections to one peer`)
  }
}
