/**
 * The network between the hosts: connections as TCP makes them seem, and gossip that floods over some of them.
 *
 * A frame takes the delay of its way and keeps its place. A lost one stalls its direction until a retransmission gets
 * through, 200 ms later and then after twice as long each time. A cut holds everything back; when it ends, an old
 * connection speaks again with its next retransmission, which comes after up to as long again as the cut was.
 *
 * Gossip is what gossipsub does with the settings of the transport: the author sends to all its peers, everybody else on
 * the mesh of about three links each. Repetitions are counted but not delivered.
 */
import { asLinkId, type LinkId } from '../../src/base/ids.ts'
import type { Random } from '../../src/base/random.ts'
import type { MembershipGossip } from '../../src/membership/messages.ts'
import type { MembershipEffect } from '../../src/membership/outbox.ts'
import type { Host } from './host.ts'
import type { LinkMessage } from './traffic.ts'
import type { Wheel } from './wheel.ts'
import { Wire } from './wire.ts'

const DELAY_MS_MIN = 0.2
const DELAY_MS_MAX = 2
/** First retransmission of a segment, and of a SYN. */
const RTO_MS = 200
const SYN_RTO_MS = 1_000
/** Frames held back on one stalled direction; a real socket buffer ends too. */
const HELD_MAX = 500
/** Links of each node that it keeps in its gossip mesh; as many again choose it. */
const MESH_PICKS = 2
/** Gossip moves to a newer connection when the old one has stalled for so long. */
const GOSSIP_STALL_MS = 1_000

/** One end of a connection, with the state of the direction that leads away from it. */
export class End {
  readonly host: Host
  readonly link: LinkId
  readonly dialled: string | undefined
  open = true
  lastArrival = 0
  heldSince = 0
  held: LinkMessage[] | undefined
  #other: End | undefined

  constructor(host: Host, dialled: string | undefined) {
    this.host = host
    this.link = asLinkId(++host.links)
    this.dialled = dialled
  }

  get other(): End {
    return this.#other as End
  }

  static pair(a: End, b: End): void {
    a.#other = b
    b.#other = a
  }
}

interface Flood {
  readonly author: Host
  readonly message: MembershipGossip
  readonly bytes: number
  /** Per host: when the first copy comes; minus infinity once it has. */
  readonly first: Float64Array
}

type DialOrder = Extract<MembershipEffect, { kind: 'dial' }>

export class Fabric {
  readonly hosts: Host[] = []
  readonly #wheel: Wheel
  readonly #random: Random
  readonly #byAddress = new Map<string, Host>()
  /** Hosts of different sides do not hear each other. */
  #sides: ((host: Host) => number) | undefined
  /** Share of segments that are lost. */
  loss = 0
  /** Segments that were lost once or more, each a stall of what it belongs to. */
  stalls = 0
  readonly wire = new Wire()

  constructor(wheel: Wheel, random: Random) {
    this.#wheel = wheel
    this.#random = random
  }

  add(host: Host): void {
    this.hosts.push(host)
    this.#byAddress.set(host.address, host)
  }

  cut(sides: (host: Host) => number): void {
    this.#sides = sides
  }

  isCut(a: Host, b: Host): boolean {
    return this.#sides !== undefined && this.#sides(a) !== this.#sides(b)
  }

  /** Old connections speak again with their next retransmission. */
  heal(): void {
    this.#sides = undefined
    for (const host of this.hosts) {
      for (const end of host.ends.values()) if (end.held !== undefined) this.#retransmit(end)
    }
  }

  send(end: End, message: LinkMessage): void {
    const bytes = this.wire.frame(message)
    end.host.traffic.sent(message.type, bytes)
    const there = end.other.host
    if (this.isCut(end.host, there)) {
      if (end.held === undefined) {
        end.held = []
        end.heldSince = this.#wheel.now
      }
      if (end.held.length < HELD_MAX) end.held.push(message)
      return
    }
    this.#wheel.at(this.#arrival(end), () => this.#deliver(end, message, bytes))
  }

  /** The process is gone: its kernel closes what was open, as far as anybody can hear it. */
  abandon(host: Host): void {
    for (const end of [...host.ends.values()]) this.#close(end)
  }

  /** This side closes, after what it sent before. */
  close(end: End): void {
    if (!end.open) return
    this.#close(end)
    this.#wheel.in(0, () => end.host.linkDown(end, 'local'))
  }

  dial(host: Host, order: DialOrder): void {
    const reused = order.forceNew ? undefined : this.#reusable(host, order)
    if (reused !== undefined) {
      this.#wheel.in(0, () => host.dialled(order.dial, { ok: true, peer: reused.other.host.peer }))
      return
    }
    let done = false
    const finish: Host['dialled'] = (dial, outcome) => {
      if (!done) host.dialled(dial, outcome)
      done = true
    }
    this.#wheel.in(order.timeoutMs, () =>
      finish(order.dial, { ok: false, reason: 'timeout', detail: order.address }),
    )
    const there = this.#byAddress.get(order.address)
    if (there === undefined) return
    this.#wheel.in(this.#delay() + this.#stall(SYN_RTO_MS), () => {
      if (this.isCut(host, there) || done) return
      if (there === host) finish(order.dial, { ok: false, reason: 'self', detail: order.address })
      else if (!there.up) finish(order.dial, { ok: false, reason: 'refused', detail: order.address })
      else this.#handshake(host, there, order, () => done, finish)
    })
  }

  publish(host: Host, message: MembershipGossip): void {
    const bytes = this.wire.gossip(message)
    const first = new Float64Array(this.hosts.length).fill(Number.POSITIVE_INFINITY)
    first[host.index] = Number.NEGATIVE_INFINITY
    const flood = { author: host, message, bytes, first }
    for (const peer of host.peers.keys()) this.#copy(host, peer, flood)
  }

  #handshake(host: Host, there: Host, order: DialOrder, over: () => boolean, finish: Host['dialled']): void {
    const takes = 5 * this.#delay() + this.#stall(RTO_MS)
    this.#wheel.in(takes, () => {
      if (over() || !host.up || !there.up || this.isCut(host, there)) return
      const near = new End(host, order.address)
      const far = new End(there, undefined)
      End.pair(near, far)
      // What this side says at once comes after the news of the connection itself.
      near.lastArrival = this.#wheel.now + this.#delay()
      this.#wheel.at(near.lastArrival, () => {
        if (there.up && near.open) there.linkUp(far)
      })
      host.linkUp(near)
      finish(order.dial, { ok: true, peer: there.peer })
    })
  }

  #reusable(host: Host, order: DialOrder): End | undefined {
    for (const end of host.ends.values()) {
      if (end.other.host.address === order.address) return end
    }
    return undefined
  }

  #close(end: End): void {
    end.open = false
    end.host.lost(end)
    const there = end.other
    if (this.isCut(end.host, there.host)) return
    this.#wheel.at(this.#arrival(end), () => {
      if (!there.open) return
      there.open = false
      there.host.lost(there)
      there.host.linkDown(there, 'remote')
    })
  }

  #deliver(end: End, message: LinkMessage, bytes: number): void {
    const there = end.other
    if (!there.open || !there.host.up || !there.host.knows(there)) return
    there.host.traffic.heard(bytes)
    there.host.frame(there, message)
  }

  #retransmit(end: End): void {
    let next = end.heldSince
    for (let rto = RTO_MS; next <= this.#wheel.now; rto *= 2) next += rto
    this.#wheel.at(next, () => {
      const held = end.held ?? []
      end.held = undefined
      for (const message of held) this.#wheel.at(this.#arrival(end), () => this.#deliver(end, message, 0))
    })
  }

  #arrival(end: End): number {
    const { now } = this.#wheel
    const flows = end.lastArrival <= now + DELAY_MS_MAX
    end.lastArrival = Math.max(end.lastArrival, now + this.#delay() + (flows ? this.#stall(RTO_MS) : 0))
    return end.lastArrival
  }

  #delay(): number {
    return this.#random.between(DELAY_MS_MIN, DELAY_MS_MAX)
  }

  #stall(rto: number): number {
    let stall = 0
    for (let next = rto; this.loss > 0 && this.#random.chance(this.loss); next *= 2) stall += next
    if (stall > 0) this.stalls++
    return stall
  }

  #copy(host: Host, peer: Host, flood: Flood): void {
    host.traffic.sent(flood.message.type, flood.bytes)
    if (this.isCut(host, peer)) return
    if (peer.up) peer.traffic.heard(flood.bytes)
    const known = flood.first[peer.index] ?? Number.NEGATIVE_INFINITY
    const end = this.#gossipEnd(host, peer)
    if (end === undefined || known <= this.#wheel.now) return
    const arrival = this.#arrival(end)
    if (arrival >= known) return
    flood.first[peer.index] = arrival
    this.#wheel.at(arrival, () => this.#heard(host, peer, flood))
  }

  #heard(via: Host, host: Host, flood: Flood): void {
    if (!host.up || flood.first[host.index] === Number.NEGATIVE_INFINITY) return
    flood.first[host.index] = Number.NEGATIVE_INFINITY
    host.gossip(flood.author.peer, via.peer, flood.message)
    for (const peer of host.meshPeers())
      if (peer !== via && peer !== flood.author) this.#copy(host, peer, flood)
  }

  #gossipEnd(host: Host, peer: Host): End | undefined {
    const ends = host.peers.get(peer) ?? []
    const flowing = ends.find(end => end.lastArrival - this.#wheel.now < GOSSIP_STALL_MS)
    return flowing ?? ends[0]
  }
}

/** The peers that a host chooses for its gossip mesh, of those it is linked to. */
export function meshPicks(host: Host): readonly Host[] {
  return [...host.peers.keys()]
    .map(peer => ({ peer, weight: pairWeight(host.index, peer.index) }))
    .sort((a, b) => a.weight - b.weight)
    .slice(0, MESH_PICKS)
    .map(({ peer }) => peer)
}

function pairWeight(a: number, b: number): number {
  const low = Math.min(a, b)
  const high = Math.max(a, b)
  let h = Math.imul(low + 1, 0x9e3779b1) ^ Math.imul(high + 1, 0x85ebca77)
  h ^= h >>> 15
  h = Math.imul(h, 0xc2b2ae3d)
  h ^= h >>> 13
  return h >>> 0
}
