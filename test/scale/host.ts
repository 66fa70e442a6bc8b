/**
 * One node: the core of its membership and of its right to act, with its tick, its disk, its links and its share of the
 * traffic. They are put together as `src/node` does; tasks are left out, and rings are shared (`ring-registry.ts`).
 */
import { asNodeId, asPeerId, type LinkId, type NodeId, type PeerId } from '../../src/base/ids.ts'
import { Random } from '../../src/base/random.ts'
import { instantOf, type Now, wallOf } from '../../src/base/time.ts'
import { type GrantsConfig, grantsDefaults } from '../../src/grants/config.ts'
import type { GrantsEffect } from '../../src/grants/effects.ts'
import { Grants } from '../../src/grants/grants.ts'
import type { GrantsLinkMessage } from '../../src/grants/messages.ts'
import { membershipDefaults } from '../../src/membership/config.ts'
import type { DialOutcome } from '../../src/membership/dialling.ts'
import { Membership } from '../../src/membership/membership.ts'
import type { MembershipGossip } from '../../src/membership/messages.ts'
import type { MembershipEffect } from '../../src/membership/outbox.ts'
import { isGrantsMessage } from '../../src/node/granting.ts'
import type { Ring } from '../../src/ring/ring.ts'
import { type End, type Fabric, meshPicks } from './fabric.ts'
import type { RingRegistry } from './ring-registry.ts'
import { type LinkMessage, Traffic } from './traffic.ts'
import type { Wheel } from './wheel.ts'

const TICK_MS = 100
/** A write of a few bytes, on disk. */
const DISK_MS = 2
/** So many keys that even one of a thousand members, with half its share, owns one of them. */
const OWN_KEY_TRIES = 40_000
const WALL_MS = 1_760_000_000_000
const RING = { version: 1, hash: 'ketama-md5', vnodesPerWeight: 100, replicas: 3 }
const LOAD = { running: 0, queued: 0 }

export type LogEffect = Extract<MembershipEffect | GrantsEffect, { kind: 'log' }>

export interface HostInit {
  readonly index: number
  readonly seeds: readonly string[]
  /** `available` mode when absent. */
  readonly grants: Pick<GrantsConfig, 'expectedNodes' | 'voters'> | undefined
  readonly rings: RingRegistry
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
  #grants: Grants | undefined
  #rosterVersion = -1
  #viewed: number | undefined
  #ring: Ring
  #ownKey: { readonly ring: Ring | undefined; readonly key: string } = { ring: undefined, key: '' }
  #voters: readonly NodeId[] = []
  #wakeAt = Number.POSITIVE_INFINITY

  constructor(wheel: Wheel, fabric: Fabric, init: HostInit) {
    this.index = init.index
    const number = String(init.index).padStart(4, '0')
    this.id = asNodeId(`node-${number}`)
    this.peer = asPeerId(`12D3KooWscaLeNodeWithAKeyAsLongAsTheReaLonesAre${number.replaceAll('0', 'a')}9`)
    this.address = `10.20.${Math.trunc(init.index / 250)}.${(init.index % 250) + 1}:7946`
    this.#init = init
    this.#wheel = wheel
    this.#fabric = fabric
    this.#ring = init.rings.of([])
  }

  get membership(): Membership {
    if (this.#membership === undefined) throw new Error(`${this.id} was not started`)
    return this.#membership
  }

  /** Absent in available mode. */
  get grants(): Grants | undefined {
    return this.#grants
  }

  /** Is it up, and may it act: a quorum grants it its keys, nobody else may still act on them, and it acts for one? */
  get acts(): boolean {
    const grants = this.#grants
    if (!this.up || grants === undefined) return false
    const now = this.#now()
    if (!grants.hasLease(now) || grants.status(now).exceptions > 0) return false
    const leave = grants.leaveFor(this.#keyOfOwn())
    return leave !== undefined && leave.until > now.mono
  }

  get hasLease(): boolean {
    return this.up && (this.#grants?.hasLease(this.#now()) ?? false)
  }

  start(): void {
    const now = this.#now()
    const { grants, rings, seeds } = this.#init
    this.up = true
    if (grants !== undefined) this.#grants = this.#makeGrants(grants, rings, now)
    this.#membership = new Membership(
      {
        self: {
          ...{ id: this.id, peerId: this.peer, incarnation: now.wall, status: 'alive' },
          ...{ leaving: false, addresses: [this.address], weight: 1 },
        },
        ...{ cluster: 'scale', version: '0', ring: RING, config: membershipDefaults(), seeds },
        random: new Random(this.index + 1),
        tickMs: TICK_MS,
        nonce: this.index,
        ...this.#eviction(),
      },
      now,
    )
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
    if (!this.up) return
    this.#step(now => {
      this.membership.linkDown(end.link, end.other.host.peer, cause, now)
      const unlinked = this.#grants?.voters.names.filter(name => this.membership.linkTo(name) === undefined)
      if (unlinked !== undefined) this.#grants?.unreachable(new Set(unlinked), now)
    })
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

  frame(end: End, message: LinkMessage): void {
    const { peer } = end.other.host
    this.#step(now => {
      if (!isGrantsMessage(message)) return this.membership.frame(end.link, peer, message, now)
      const from = this.membership.touched(end.link, peer, now, message.type === 'renew')
      if (from !== undefined) this.#grants?.message(from, peer, message, now)
    })
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

  #makeGrants(given: NonNullable<HostInit['grants']>, rings: RingRegistry, now: Now): Grants {
    return new Grants(
      {
        ...{ self: this.id, peer: this.peer, session: 1 },
        config: { ...grantsDefaults(), mode: 'quorum', ...given },
        stored: { top: undefined, voters: undefined },
        buildRing: members => rings.build(members),
        random: new Random(1_000_000 + this.index),
      },
      now,
    )
  }

  /** As in `src/node/granting.ts`. */
  #eviction(): { readonly mayEvict?: () => boolean; readonly hasLease?: () => boolean } {
    const grants = this.#grants
    if (grants === undefined) return {}
    const hasLease = () => grants.hasLease(this.#now())
    return { mayEvict: () => grants.voters.list === undefined || hasLease(), hasLease }
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
    this.#step(now => {
      this.membership.tick(this.#ring.checksum, LOAD, now)
      this.#grants?.tick(now)
    })
  }

  #step(input: (now: Now) => void): void {
    const now = this.#now()
    const logged: LogEffect[] = []
    this.#grants?.awake(now)
    this.membership.awake(now)
    input(now)
    if (this.membership.roster.version !== this.#rosterVersion) this.#newView(now)
    this.#perform(this.#rights(), logged)
    this.#perform(this.membership.effects(), logged)
    this.#init.stepped(this, logged)
    this.#wakeBy(Math.min(this.membership.nextWake(), this.#grants?.nextWake() ?? Number.POSITIVE_INFINITY))
  }

  /** A key that is its own under its present ring: the same one as long as that ring stands. */
  #keyOfOwn(): string {
    if (this.#ownKey.ring !== this.#ring) {
      let number = 0
      while (number < OWN_KEY_TRIES && this.#ring.owner(`key-${number}`) !== this.id) number++
      this.#ownKey = { ring: this.#ring, key: `key-${number}` }
    }
    return this.#ownKey.key
  }

  #newView(now: Now): void {
    const { roster, self } = this.membership
    this.#rosterVersion = roster.version
    if (roster.digest() === this.#viewed) return
    this.#viewed = roster.digest()
    const living = roster.living()
    this.#ring = this.#init.rings.of(living)
    const names = this.#grants === undefined ? [] : living.map(({ record }) => record.id)
    this.#grants?.viewChanged(this.#ring, names, self.leaving, now)
  }

  #rights(): readonly GrantsEffect[] {
    const grants = this.#grants
    const refusals = this.membership.takeRefusals()
    if (grants === undefined) return []
    for (const { id, peerId, since } of refusals) grants.refused(id, peerId, since)
    if (grants.voters.linked !== this.#voters) {
      this.#voters = grants.voters.linked
      this.membership.setVoters(this.#voters)
    }
    return grants.effects()
  }

  #wakeBy(wake: number): void {
    if (wake >= this.#wakeAt || !Number.isFinite(wake)) return
    this.#wakeAt = wake
    this.#wheel.at(wake, () => {
      this.#wakeAt = Number.POSITIVE_INFINITY
      if (this.up) this.#tick()
    })
  }

  #perform(effects: readonly (MembershipEffect | GrantsEffect)[], logged: LogEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'log') logged.push(effect)
      else if (effect.kind === 'publish') this.#fabric.publish(this, effect.message)
      else if (effect.kind === 'dial') this.#fabric.dial(this, effect)
      else if (effect.kind === 'persist') this.#persist(effect.then)
      else if (effect.kind === 'persisted') this.#persisted(effect.mark)
      else if ('to' in effect) this.#sendTo(effect.to, effect.message)
      else this.#onLink(effect)
    }
  }

  #persist(then: readonly GrantsEffect[]): void {
    this.#wheel.in(DISK_MS, () => {
      if (this.up) this.#perform(then, [])
    })
  }

  #persisted(mark: number): void {
    this.#step(now => this.#grants?.persisted(mark, now))
  }

  #sendTo(node: NodeId, message: GrantsLinkMessage): void {
    const link = this.membership.linkTo(node)
    const end = link === undefined ? undefined : this.ends.get(link)
    if (end !== undefined) this.#fabric.send(end, message)
  }

  #onLink(effect: Extract<MembershipEffect, { kind: 'send' | 'close-link' }>): void {
    const end = this.ends.get(effect.link)
    if (end === undefined) return
    if (effect.kind === 'send') this.#fabric.send(end, effect.message)
    else this.#fabric.close(end)
  }

  #now(): Now {
    return { mono: instantOf(this.#wheel.now), wall: wallOf(WALL_MS + Math.floor(this.#wheel.now)) }
  }
}
