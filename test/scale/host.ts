/** One node: a membership core with its tick, its links and its share of the traffic. */
import { asNodeId, asPeerId, type LinkId, type NodeId, type PeerId } from '../../src/base/ids.ts'
import { Random } from '../../src/base/random.ts'
import { instantOf, type Now, wallOf } from '../../src/base/time.ts'
import { type MembershipConfig, membershipDefaults } from '../../src/membership/config.ts'
import type { DialOutcome } from '../../src/membership/dialling.ts'
import { Membership } from '../../src/membership/membership.ts'
import type { MembershipGossip, MembershipLinkMessage } from '../../src/membership/messages.ts'
import type { MembershipEffect } from '../../src/membership/outbox.ts'
import { type End, type Fabric, meshPicks } from './fabric.ts'
import { Traffic } from './traffic.ts'
import type { Wheel } from './wheel.ts'

const TICK_MS = 100
const WALL_MS = 1_760_000_000_000
const RING = { version: 1, hash: 'ketama-md5', vnodesPerWeight: 100, replicas: 3 }
const LOAD = { running: 0, queued: 0 }

type LogEffect = Extract<MembershipEffect, { kind: 'log' }>

export interface HostInit {
  readonly index: number
  readonly seeds: readonly string[]
  readonly voters: readonly NodeId[]
  readonly config?: Partial<MembershipConfig>
  /** Called after every step, with what it logged. */
  readonly stepped: (host: Host, logged: readonly LogEffect[]) => void
}

export class Host {
  readonly index: number
  readonly id: NodeId
  readonly peer: PeerId
  readonly address: string
  readonly traffic = new Traffic()
  /** Open connections, oldest first; and the same by peer. */
  readonly ends = new Map<LinkId, End>()
  readonly peers = new Map<Host, End[]>()
  links = 0
  up = false
  readonly #init: HostInit
  readonly #wheel: Wheel
  readonly #fabric: Fabric
  readonly #choseUs = new Set<Host>()
  #picks: readonly Host[] = []
  #membership: Membership | undefined
  #wakeAt = Number.POSITIVE_INFINITY

  constructor(wheel: Wheel, fabric: Fabric, init: HostInit) {
    this.index = init.index
    const number = String(init.index).padStart(4, '0')
    this.id = asNodeId(`node-${number}`)
    this.peer = asPeerId(`12D3KooWscaleNodeWithAKeyAsLongAsARealOneIs${'x'.repeat(6)}${number}`)
    this.address = `10.20.${Math.trunc(init.index / 250)}.${(init.index % 250) + 1}:7946`
    this.#init = init
    this.#wheel = wheel
    this.#fabric = fabric
  }

  get membership(): Membership {
    if (this.#membership === undefined) throw new Error(`${this.id} was not started`)
    return this.#membership
  }

  start(): void {
    const now = this.#now()
    this.up = true
    this.#membership = new Membership(
      {
        self: {
          id: this.id,
          peerId: this.peer,
          incarnation: now.wall,
          status: 'alive',
          leaving: false,
          addresses: [this.address],
          weight: 1,
        },
        cluster: 'scale',
        version: '0',
        ring: RING,
        config: { ...membershipDefaults(), ...this.#init.config },
        seeds: this.#init.seeds,
        random: new Random(this.index + 1),
        tickMs: TICK_MS,
        nonce: this.index,
      },
      now,
    )
    this.#membership.setVoters(this.#init.voters)
    this.#wheel.in(0, () => this.#tickAgain())
  }

  /** kill -9. */
  kill(): void {
    this.up = false
    this.#fabric.abandon(this)
  }

  linkUp(end: End): void {
    this.ends.set(end.link, end)
    const known = this.peers.get(end.other.host)
    if (known !== undefined) known.push(end)
    else {
      this.peers.set(end.other.host, [end])
      this.#repick()
    }
    this.#step(now => this.membership.linkUp(end.link, end.other.host.peer, end.dialled, now))
  }

  linkDown(end: End, cause: 'remote' | 'local'): void {
    if (this.up) this.#step(now => this.membership.linkDown(end.link, end.other.host.peer, cause, now))
  }

  /** This end is closed. */
  lost(end: End): void {
    this.ends.delete(end.link)
    const ends = this.peers.get(end.other.host)
    if (ends === undefined) return
    const index = ends.indexOf(end)
    if (index >= 0) ends.splice(index, 1)
    if (ends.length > 0) return
    this.peers.delete(end.other.host)
    this.#repick()
  }

  knows(end: End): boolean {
    return this.ends.has(end.link)
  }

  dialled(dial: number, outcome: DialOutcome): void {
    if (this.up) this.#step(now => this.membership.dialled(dial, outcome, now))
  }

  frame(end: End, message: MembershipLinkMessage): void {
    this.#step(now => this.membership.frame(end.link, end.other.host.peer, message, now))
  }

  gossip(author: PeerId, via: PeerId, message: MembershipGossip): void {
    this.#step(now => this.membership.gossip(author, via, message, now))
  }

  /** Those it chose and those who chose it. */
  meshPeers(): Iterable<Host> {
    const peers = new Set(this.#choseUs)
    for (const pick of this.#picks) peers.add(pick)
    return peers
  }

  #repick(): void {
    for (const pick of this.#picks) pick.#choseUs.delete(this)
    this.#picks = meshPicks(this)
    for (const pick of this.#picks) pick.#choseUs.add(this)
  }

  #tickAgain(): void {
    if (!this.up) return
    this.#wheel.in(TICK_MS, () => this.#tickAgain())
    this.#tick()
  }

  #tick(): void {
    const checksum = String(this.membership.roster.digest())
    this.#step(now => this.membership.tick(checksum, LOAD, now))
  }

  #step(input: (now: Now) => void): void {
    const now = this.#now()
    this.membership.awake(now)
    input(now)
    this.#perform(this.membership.effects())
    const wake = this.membership.nextWake()
    if (wake >= this.#wakeAt || !Number.isFinite(wake)) return
    this.#wakeAt = wake
    this.#wheel.at(wake, () => {
      this.#wakeAt = Number.POSITIVE_INFINITY
      if (this.up) this.#tick()
    })
  }

  #perform(effects: readonly MembershipEffect[]): void {
    const logged: LogEffect[] = []
    for (const effect of effects) {
      if (effect.kind === 'log') logged.push(effect)
      else if (effect.kind === 'publish') this.#fabric.publish(this, effect.message)
      else if (effect.kind === 'dial') this.#fabric.dial(this, effect)
      else this.#onLink(effect)
    }
    this.#init.stepped(this, logged)
  }

  #onLink(effect: Extract<MembershipEffect, { kind: 'send' | 'close-link' }>): void {
    const end = this.ends.get(effect.link)
    if (end === undefined) return
    if (effect.kind === 'send') this.#fabric.send(end, effect.message)
    else this.#fabric.close(end)
  }

  #now(): Now {
    return { mono: instantOf(this.#wheel.now), wall: wallOf(WALL_MS + this.#wheel.now) }
  }
}
