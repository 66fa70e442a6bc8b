/**
 * Keeping links: seeds until one answers, members that have none, the dead (so that halves merge by themselves), and a
 * second connection to whoever went silent on the first: TCP that lost packets stalls for seconds while a new
 * connection works at once.
 */
import type { NodeId, PeerId } from '../base/ids.ts'
import type { Random } from '../base/random.ts'
import { after, elapsedMs, type Instant, NEVER, type Now } from '../base/time.ts'
import type { MembershipConfig } from './config.ts'
import type { Contact, Contacts } from './contact.ts'
import type { Detection } from './detection.ts'
import type { Outbox } from './outbox.ts'
import type { Entry, Roster } from './roster.ts'
import { FULL_MESH_MAX, type Topology } from './topology.ts'

/** Who has the higher peer id waits this long for the other to dial, so that breaks do not make double links. */
const YIELD_MS = 1_000
/** After boot a node dials whomever it learns of at once: nobody dials a newcomer before it is known. */
const JOINING_MS = 3_000
/** A link that has been silent this long while a newer one speaks is closed. */
const STALE_LINK_MS = 4_000
/** Dials under way at one time; the rest wait for the next tick. */
export const DIALS_MAX = 64
/** The dead are dialled only while fewer than these are under way: they must not keep the living waiting. */
const DEAD_DIALS_MAX = 16
/** Above `FULL_MESH_MAX` members so many of the dead are tried in each such time, in ms, at random: everybody does so. */
const DEAD_TRIES = 4
const DEAD_TRIES_MS = 1_000
/**
 * A seed that leads to several places is looked at again this often, in ms, though a member answered there: nodes that started at
 * one moment may have found each other in twos and threes, and each of these would go on as a cluster of its own.
 */
const LOOK_AGAIN_MS = 60_000

export type DialOutcome =
  | { readonly ok: true; readonly peer: PeerId; readonly several?: boolean }
  | { readonly ok: false; readonly reason: string; readonly detail: string }

interface Seed {
  readonly address: string
  /** Who answered there last. */
  peer: PeerId | undefined
  /** It is a name of several places; from then on it is looked at again. */
  several: boolean
  lookAt: Instant
  /** It led to this node itself, the last time. */
  self: boolean
  dialling: number | undefined
  nextAt: Instant
  backoffMs: number
  /** The last trouble, so that each kind is said once. */
  trouble: string | undefined
}

interface Order {
  readonly seed?: Seed
  /** A member answers at the seed: this is about others there. */
  readonly looks?: boolean
  readonly contact?: Contact
  readonly member?: NodeId
  readonly address: string
}

const SEED_TROUBLE: Readonly<Record<string, string>> = {
  unresolvable: 'SEED_UNRESOLVABLE',
  'other-cluster': 'SEED_OTHER_CLUSTER',
  'wrong-key': 'SEED_WRONG_KEY',
}

export class Dialling {
  readonly #config: MembershipConfig
  readonly #roster: Roster
  readonly #contacts: Contacts
  readonly #detection: Detection
  readonly #random: Random
  readonly #out: Outbox
  #seeds: Seed[]
  readonly #orders = new Map<number, Order>()
  readonly #topology: Topology
  readonly #bootedAt: Instant
  #nextDeadAt: Instant
  #numbers = 0
  secondConnections = 0

  constructor(parts: {
    config: MembershipConfig
    roster: Roster
    contacts: Contacts
    detection: Detection
    random: Random
    out: Outbox
    topology: Topology
    seeds: readonly string[]
    now: Instant
  }) {
    this.#config = parts.config
    this.#roster = parts.roster
    this.#contacts = parts.contacts
    this.#detection = parts.detection
    this.#random = parts.random
    this.#out = parts.out
    this.#topology = parts.topology
    this.#bootedAt = parts.now
    this.#nextDeadAt = parts.now
    this.#seeds = parts.seeds.map(address => newSeed(address, parts.now))
  }

  get seeds(): readonly string[] {
    return this.#seeds.map(seed => seed.address)
  }

  /** Those that stay go on as they were; new ones are dialled at once. */
  setSeeds(addresses: readonly string[], now: Instant): void {
    this.#seeds = [...new Set(addresses)].map(
      address => this.#seeds.find(seed => seed.address === address) ?? newSeed(address, now),
    )
  }

  /** True when there is a seed that is not this node itself. */
  get hasSeeds(): boolean {
    return this.#seeds.some(seed => !seed.self)
  }

  tick(now: Instant): void {
    for (const seed of this.#seeds) this.#trySeed(seed, now)
    for (const entry of this.#topology.wanted()) this.#keepLinked(entry, DIALS_MAX, now)
    for (const entry of this.#deadToTry(now)) this.#keepLinked(entry, DEAD_DIALS_MAX, now)
  }

  #deadToTry(now: Instant): readonly Entry[] {
    const { size, livingCount } = this.#roster
    const few = size <= FULL_MESH_MAX
    if (livingCount === size || (!few && now < this.#nextDeadAt)) return []
    this.#nextDeadAt = after(now, DEAD_TRIES_MS)
    const dead = [...this.#roster.entries()].filter(({ record }) => record.status === 'dead')
    if (few) return dead
    return Array.from({ length: DEAD_TRIES }, () => this.#random.pick(dead)).filter(one => one !== undefined)
  }

  /** The remote end closed its last link: dial at once; "connection refused" will be evidence. */
  remoteClosed(entry: Entry, contact: Contact, now: Instant): void {
    contact.remoteClosedAt = now
    contact.refusedAddresses.clear()
    if (contact.dialling === undefined) this.#dialMember(entry, contact, false)
  }

  /** The peer wants no link with this node: it is asked again, but not at once. */
  refusedBy(contact: Contact, now: Instant): void {
    contact.nextDialAt = after(now, this.#jitter(this.#config.redialMsMax))
    for (const seed of this.#seeds) if (seed.peer === contact.peer) seed.nextAt = contact.nextDialAt
  }

  /** A dial ended. Returns the member whose refusal is evidence, if it is. */
  ended(dial: number, outcome: DialOutcome, now: Now): Entry | undefined {
    const order = this.#orders.get(dial)
    if (order === undefined) return undefined
    this.#orders.delete(dial)
    if (order.seed !== undefined) this.#seedAnswered(order.seed, outcome, order.looks === true, now.mono)
    if (order.contact === undefined) return undefined
    order.contact.dialling = undefined
    if (outcome.ok) return undefined
    this.#backOff(order.contact, now.mono)
    return this.#evidence(order, outcome, now.mono)
  }

  #evidence(order: Order, outcome: DialOutcome & { ok: false }, now: Instant): Entry | undefined {
    const { contact, member } = order
    if (outcome.reason !== 'refused' || contact === undefined || member === undefined) return undefined
    const closedAt = contact.remoteClosedAt
    if (closedAt === undefined || elapsedMs(closedAt, now) > this.#config.refusedWindowMs) return undefined
    if (contact.links.size > 0) return undefined
    const entry = this.#roster.get(member)
    // Others may have buried it meanwhile: that its process is gone is for this node to have seen itself.
    if (entry === undefined || entry.record.status === 'left') return undefined
    if (entry.record.peerId !== contact.peer) return undefined
    // Of several addresses one may be another host's here: only the one that has answered says something, or all.
    const { addresses } = entry.record
    contact.refusedAddresses.add(order.address)
    if (order.address === contact.goodAddress && addresses.includes(order.address)) return entry
    const untried = addresses.find(address => !contact.refusedAddresses.has(address))
    if (untried === undefined) return entry
    this.#dialMember(entry, contact, false, untried)
    return undefined
  }

  #trySeed(seed: Seed, now: Instant): void {
    if (seed.dialling !== undefined || now < seed.nextAt) return
    const linked = seed.peer !== undefined && (this.#contacts.get(seed.peer)?.links.size ?? 0) > 0
    const looks = linked || this.#isMember(seed)
    if (looks && !(seed.several && now >= seed.lookAt)) return
    if (this.#orders.size >= DIALS_MAX) return
    seed.dialling = this.#order({ seed, looks, address: seed.address })
    const besides = looks ? this.#roster.living().flatMap(({ record }) => record.addresses) : []
    const { dialTimeoutMs: timeoutMs } = this.#config
    const dial = { dial: seed.dialling, address: seed.address, timeoutMs }
    this.#out.dial({ ...dial, forceNew: looks, ...(looks && { besides }) })
  }

  /** Among many members a seed is one of them: its links are those that it has a duty to. */
  #isMember(seed: Seed): boolean {
    if (seed.peer === undefined || !this.#topology.large) return false
    return this.#roster.byPeer(seed.peer)?.record.status === 'alive'
  }

  #seedAnswered(seed: Seed, outcome: DialOutcome, looks: boolean, now: Instant): void {
    seed.dialling = undefined
    if (outcome.ok && outcome.several === true) seed.several = true
    if (seed.several) seed.lookAt = after(now, this.#jitter(LOOK_AGAIN_MS))
    // That there is nobody else is no trouble.
    if (looks && !outcome.ok) return
    seed.self = !outcome.ok && outcome.reason === 'self'
    if (outcome.ok) {
      seed.peer = outcome.peer
      seed.backoffMs = this.#config.redialMsMin
      seed.nextAt = after(now, this.#config.redialMsMax)
      seed.trouble = undefined
      return
    }
    if (seed.self) {
      // A number stays this node's own; a name may lead to others later (a service that has one container so far).
      seed.nextAt = isNumber(seed.address) ? NEVER : after(now, this.#config.redialMsMax)
      return
    }
    seed.backoffMs = this.#nextBackoffMs(seed.backoffMs)
    seed.nextAt = after(now, this.#jitter(seed.backoffMs))
    if (seed.trouble !== outcome.reason) {
      const code = SEED_TROUBLE[outcome.reason] ?? 'SEED_UNREACHABLE'
      const { reason, detail } = outcome
      this.#out.log('warn', 'seed-trouble', {
        seed: seed.address,
        code,
        reason,
        detail,
        retryMs: seed.backoffMs,
      })
    }
    seed.trouble = outcome.reason
  }

  #keepLinked(entry: Entry, dialsMax: number, now: Instant): void {
    const contact = this.#contacts.of(entry.record.peerId, now)
    if (contact.dialling !== undefined || this.#orders.size >= dialsMax) return
    if (contact.links.size === 0) {
      if (now >= contact.nextDialAt && this.#mayDial(entry, contact, now)) {
        this.#dialMember(entry, contact, false)
      }
      return
    }
    this.#closeStale(contact, now)
    const silent = this.#detection.directSilenceMs(entry, now)
    const { secondConnectionMs, probeIntervalMs } = this.#config
    const slower = this.#topology.probeMs(entry.record.id, probeIntervalMs) / probeIntervalMs
    if (silent !== undefined && silent > secondConnectionMs * slower && now >= contact.nextDialAt) {
      this.secondConnections++
      this.#dialMember(entry, contact, true)
    }
  }

  /** The lower peer id dials first; the other one after a while, or at once while it is new here. */
  #mayDial(entry: Entry, contact: Contact, now: Instant): boolean {
    if (entry.record.status === 'dead') return true
    if (this.#roster.self.peerId < contact.peer) return true
    if (elapsedMs(this.#bootedAt, now) < JOINING_MS) return true
    return elapsedMs(contact.lastHeard ?? entry.since, now) > YIELD_MS
  }

  #dialMember(
    entry: Entry,
    contact: Contact,
    forceNew: boolean,
    address = this.#addressOf(entry, contact),
  ): void {
    if (address === undefined) return
    const member = entry.record.id
    contact.dialling = this.#order({ contact, member, address })
    const { dialTimeoutMs: timeoutMs } = this.#config
    this.#out.dial({ dial: contact.dialling, address, peer: contact.peer, forceNew, timeoutMs })
  }

  /** Where it last answered, and the others in turn after failures. */
  #addressOf(entry: Entry, contact: Contact): string | undefined {
    const { addresses } = entry.record
    if (contact.dialBackoffMs > 0) return this.#random.pick(addresses)
    const good = contact.goodAddress
    return good !== undefined && addresses.includes(good) ? good : addresses[0]
  }

  #closeStale(contact: Contact, now: Instant): void {
    if (contact.links.size < 2) return
    const best = contact.best()
    if (best === undefined || elapsedMs(best.lastHeard, now) > this.#config.secondConnectionMs) return
    for (const link of contact.links.values()) {
      if (link === best || elapsedMs(link.lastHeard, now) < STALE_LINK_MS) continue
      this.#out.closeLink(link.id, 'silent while a newer connection works')
    }
  }

  #order(order: Order): number {
    const number = ++this.#numbers
    this.#orders.set(number, order)
    return number
  }

  #backOff(contact: Contact, now: Instant): void {
    contact.dialBackoffMs = this.#nextBackoffMs(contact.dialBackoffMs)
    contact.nextDialAt = after(now, this.#jitter(contact.dialBackoffMs))
  }

  #nextBackoffMs(backoffMs: number): number {
    const { redialMsMin, redialMsMax } = this.#config
    return Math.min(redialMsMax, Math.max(redialMsMin, backoffMs * 2))
  }

  #jitter(ms: number): number {
    return ms * this.#random.between(0.75, 1.25)
  }
}

const newSeed = (address: string, now: Instant): Seed => ({
  address,
  peer: undefined,
  several: false,
  lookAt: now,
  self: false,
  dialling: undefined,
  nextAt: now,
  backoffMs: 0,
  trouble: undefined,
})

/** An address that names a host by its number. */
const isNumber = (address: string): boolean => /^(\d+\.){3}\d+:|^\[/.test(address)
