/**
 * Gossipsub, as what it does for a cluster whose nodes all know each other: a message floods over the live connections,
 * each node hands it up once and passes it on. In a full mesh that is one hop; where two nodes have no connection, two.
 *
 * It rides the same connections as the frames, one stream a peer, on the oldest connection (where gossipsub opened it),
 * so a stalled connection stalls it too, though a copy by way of a third node usually comes sooner. Copies that can no
 * longer be the first are not scheduled: they would be dropped on arrival, and are most of the traffic.
 *
 * Left out: mesh maintenance, scores and IHAVE recovery, so a copy that is lost with its connection stays lost unless
 * somebody else passes it on. That makes the model harsher than the original.
 */
import type { PeerId } from '../../src/base/ids.ts'
import type { Random } from '../../src/base/random.ts'
import type { GossipMessage } from '../../src/node/machine.ts'
import type { End, Network, Party } from './network.ts'
import type { EventQueue } from './queue.ts'
import type { Unrest } from './unrest.ts'

const SEEN = -1
/** What a node takes to check a signature and pass a message on, in ms. */
const HOP_MS_MAX = 2

/** One published message on its way through the cluster. */
export class Rumour {
  readonly author: PeerId
  readonly message: GossipMessage
  /** Per host: when the first copy comes, `SEEN` once it was handed up, infinity when none is on its way. */
  readonly #first: number[] = []

  constructor(author: PeerId, message: GossipMessage) {
    this.author = author
    this.message = message
  }

  /** True exactly once per host. */
  take(host: number): boolean {
    if (this.#first[host] === SEEN) return false
    this.#first[host] = SEEN
    return true
  }

  seen(host: number): boolean {
    return this.#first[host] === SEEN
  }

  /** Would a copy arriving then be the first? If so it is now the one expected. */
  improves(host: number, arrival: number): boolean {
    if (arrival >= (this.#first[host] ?? Number.POSITIVE_INFINITY)) return false
    this.#first[host] = arrival
    return true
  }

  /** The copy under way to this host did not get there. */
  missed(host: number): void {
    if (this.#first[host] !== SEEN) this.#first[host] = Number.POSITIVE_INFINITY
  }
}

export class Gossip {
  readonly #network: Network
  readonly #queue: EventQueue
  readonly #random: Random
  readonly #unrest: Unrest

  constructor(network: Network, queue: EventQueue, random: Random, unrest: Unrest) {
    this.#unrest = unrest
    this.#network = network
    this.#queue = queue
    this.#random = random
  }

  publish(party: Party, message: GossipMessage): void {
    const rumour = new Rumour(party.peer, message)
    rumour.take(party.host)
    this.#flood(party, rumour, undefined, 0)
  }

  /** A copy has come: hands it up if it is the first, and passes it on. */
  receive(party: Party, rumour: Rumour, via: PeerId, hand: () => void): void {
    if (!rumour.take(party.host)) return
    hand()
    const againMs = this.#unrest.gossipAgainMs()
    if (againMs !== undefined) this.#queue.in(againMs, () => party.whenAwake(hand))
    this.#flood(party, rumour, via, this.#random.next() * HOP_MS_MAX)
  }

  #flood(party: Party, rumour: Rumour, except: PeerId | undefined, afterMs: number): void {
    const told = new Set<PeerId>()
    for (const end of this.#network.endsOf(party)) {
      const peer = end.other.owner.peer
      if (told.has(peer)) continue
      told.add(peer)
      if (peer !== except && peer !== rumour.author) this.#copy(end, rumour, afterMs)
    }
  }

  #copy(end: End, rumour: Rumour, afterMs: number): void {
    const to = end.other.owner.host
    if (rumour.seen(to)) return
    const estimate = this.#network.estimate(end)
    const lateMs = this.#unrest.gossipLateMs()
    if (estimate === undefined) this.#network.sendLost(end, { kind: 'gossip', rumour })
    else if (lateMs > 0)
      this.#queue.in(lateMs, () => {
        if (end.open) this.#copy(end, rumour, afterMs)
      })
    else if (rumour.improves(to, Math.max(estimate + afterMs, this.#queue.now))) {
      this.#network.deliverAt(end, { kind: 'gossip', rumour }, estimate + afterMs)
    }
  }
}
