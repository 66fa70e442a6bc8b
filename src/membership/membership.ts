/**
 * Who is alive. This room may be wrong, and being wrong costs only availability: who may act is decided elsewhere.
 *
 * Every node probes its peers over long-lived links and gossips heartbeats that say how long ago it heard each member.
 * Silence beyond a limit makes an observer accuse; accusations are gossiped as state; a majority of the observers that
 * stands for a moment is a verdict; the accused can refute any of it by a higher incarnation. A closed link answered by
 * "connection refused" needs no waiting at all.
 *
 * SWIM's random probing with a suspicion timeout was the other road. In clusters of tens of nodes every pair can afford
 * a link, and then a majority of direct witnesses is both faster and harder to fool than a timeout after one
 * failed probe (Das, Gupta, Motivala 2002; Dadgar et al., Lifeguard, 2017).
 */
import type { LinkId, NodeId, PeerId } from '../base/ids.ts'
import type { Random } from '../base/random.ts'
import { after, type Instant, type Now } from '../base/time.ts'
import { Beats } from './beats.ts'
import { Belief } from './belief.ts'
import { ClaimBoard } from './claims.ts'
import type { MembershipConfig } from './config.ts'
import { type Contact, Contacts, type Link } from './contact.ts'
import { convict } from './conviction.ts'
import { Cordon } from './cordon.ts'
import { Departure } from './departure.ts'
import { Detection } from './detection.ts'
import { Dialling, type DialOutcome } from './dialling.ts'
import { Handshake } from './handshake.ts'
import { Hearsay } from './hearsay.ts'
import { Heartbeats } from './heartbeats.ts'
import { Ledger } from './ledger.ts'
import type { MemberRecord } from './member.ts'
import type {
  Claim,
  Hello,
  Leave,
  Load,
  MembershipGossip,
  MembershipLinkMessage,
  Refuse,
  RingParameters,
} from './messages.ts'
import { Namesake } from './namesake.ts'
import { News } from './news.ts'
import { Circle } from './observers.ts'
import { Orders } from './orders.ts'
import { type MembershipEffect, Outbox } from './outbox.ts'
import { type Entry, Roster, type RosterView } from './roster.ts'
import { type Sight, sightOf } from './sight.ts'
import { Surplus } from './surplus.ts'
import { Topology } from './topology.ts'
import { Upkeep } from './upkeep.ts'
import type { Verdict } from './verdicts.ts'
import { Wakefulness } from './wakefulness.ts'

/** Contacts of peers that are no members (yet) at most; more links from strangers are closed at once. */
const STRANGERS_MAX = 256

export interface MembershipInit {
  readonly self: MemberRecord
  readonly cluster: string
  readonly version: string
  readonly ring: RingParameters
  readonly config: MembershipConfig
  readonly seeds: readonly string[]
  readonly random: Random
  /** The driver's tick, in ms: a tick later than this and `lateMs` means that this node stood still. */
  readonly tickMs: number
  /** Drawn at the start of the process; tells it from another with the same key. */
  readonly nonce: number
  /** In quorum mode: does this node hold a live lease? Without one no verdict of its own is carried out. */
  readonly mayEvict?: () => boolean
}

export class Membership {
  readonly #config: MembershipConfig
  readonly #out = new Outbox()
  readonly #ledger = new Ledger()
  readonly #topology: Topology
  readonly #beats: Beats
  readonly #hearsay: Hearsay
  readonly #roster: Roster
  readonly #contacts: Contacts
  readonly #claims: ClaimBoard
  readonly #news: News
  /** What may be changed while it runs. */
  readonly orders: Orders
  readonly #namesake: Namesake
  readonly #detection: Detection
  readonly #handshake: Handshake
  readonly #dialling: Dialling
  readonly #heartbeats: Heartbeats
  readonly #departure: Departure
  readonly #upkeep: Upkeep
  readonly #surplus: Surplus
  readonly #belief: Belief
  readonly #wakefulness: Wakefulness
  /** Members whose process this node itself saw to be gone, since they were last asked for. */
  #refusals: NodeId[] = []
  #strangersDropped = 0
  #ungreetedDropped = 0

  constructor(init: MembershipInit, now: Now) {
    const { config, random } = init
    const out = this.#out
    this.#config = config
    this.#wakefulness = new Wakefulness(init.tickMs, config.lateMs, now)
    const roster = new Roster(init.self, config.membersMax, now.mono, now.wall, config.tombstoneMs)
    const contacts = new Contacts(() => random.between(0, config.probeIntervalMs))
    const claimMs = 3 * config.claimIntervalMs
    const claims = new ClaimBoard(claimMs, claimMs + config.massDeathMs)
    const circle = new Circle(roster)
    const topology = new Topology(roster, circle)
    const beats = new Beats(roster, circle)
    const hearsay = new Hearsay(beats)
    const news: News = new News({ roster, claims, ledger: this.#ledger, out }, (...said) =>
      this.#belief.isBelievable(...said),
    )
    const parts = { config, roster, contacts, topology, news, out, now: now.mono }
    const detection = new Detection({ ...parts, hearsay, claims, mayEvict: init.mayEvict })
    this.#belief = new Belief({ ...parts, detection })
    this.#surplus = new Surplus(parts)
    this.#topology = topology
    this.#beats = beats
    this.#hearsay = hearsay
    const { cluster, version, ring, seeds } = init
    const born = { nonce: init.nonce, at: now.mono }
    const handshake = new Handshake({
      ...{ born, cluster, version, ring, roster, contacts, claims, detection, news, out },
    })
    const cordon = new Cordon(roster, news)
    const firstAt = after(now.mono, random.between(0, config.heartbeatIntervalMs))
    this.#roster = roster
    this.#contacts = contacts
    this.#claims = claims
    this.#news = news
    this.#namesake = new Namesake({ config, born, roster, contacts, news, cordon, out })
    this.#detection = detection
    this.#handshake = handshake
    const dialling = new Dialling({ ...parts, detection, random, seeds })
    this.#dialling = dialling
    this.orders = new Orders({ roster, news, cordon, dialling })
    this.#heartbeats = new Heartbeats({ ...parts, hearsay, handshake, beats, firstAt })
    this.#departure = new Departure({ roster, contacts, news, out })
    const { tickMs } = init
    this.#upkeep = new Upkeep({ ...parts, handshake, beats, random, tickMs })
    news.record(init.self.id, 'info', 'member-alive', 'this node started', {}, now)
  }

  /**
   * To be called before every input, with its time: notices that this node stood still (blocked, stopped, starved)
   * before any frame that queued up meanwhile is read, or verdicts would ripen from its own silence.
   */
  awake(now: Now): void {
    const standstill = this.#wakefulness.check(now)
    if (standstill === undefined) return
    const { lateMs, shiftMs } = standstill
    this.#roster.shift(shiftMs)
    this.#hearsay.shift(shiftMs)
    this.#claims.shift(shiftMs)
    for (const contact of this.#contacts.all()) contact.shift(shiftMs)
    this.#detection.stoodStill(lateMs, shiftMs, now.mono)
    const text = `this node stood still for ${Math.round(lateMs)} ms`
    this.#news.record(this.#roster.self.id, 'warn', 'stood-still', text, { lateMs }, now)
  }

  tick(ringChecksum: string, load: Load, now: Now): void {
    this.#wakefulness.ticked(now)
    for (const record of this.#roster.reap(this.#config.tombstoneMs, now.mono)) this.#drop(record)
    if (this.#namesake.waits(now)) {
      this.#dialling.tick(now.mono)
      this.#upkeep.closeUngreeted(now.mono)
      return
    }
    this.#upkeep.probe(now.mono)
    this.#heartbeats.tick(ringChecksum, load, now.mono)
    this.#convict(this.#detection.tick(now), now)
    this.#dialling.tick(now.mono)
    this.#upkeep.closeUngreeted(now.mono)
    this.#upkeep.antiEntropy(now.mono)
    this.#surplus.tick(now.mono)
    this.#news.flush(now.mono)
  }

  /** When a tick would do something before the driver's next regular one. */
  nextWake(): Instant {
    return this.#news.flushAt
  }

  linkUp(link: LinkId, peer: PeerId, dialled: string | undefined, now: Now): void {
    const contact = this.#contacts.of(peer, now.mono)
    contact.opened(link, dialled, now.mono)
    if (
      this.#roster.byPeer(peer) === undefined &&
      this.#contacts.count(peerOf => this.#roster.byPeer(peerOf) === undefined) > STRANGERS_MAX
    ) {
      this.#out.closeLink(link, 'too many strangers')
      return
    }
    this.#handshake.greet(link, now.mono)
  }

  linkDown(link: LinkId, peer: PeerId, cause: 'remote' | 'local' | 'error', now: Now): void {
    const contact = this.#contacts.get(peer)
    if (contact === undefined || !contact.links.delete(link) || contact.links.size > 0) return
    this.#departure.acknowledged(peer)
    const entry = this.#roster.byPeer(peer)
    if (entry === undefined || entry.record.status === 'left') {
      this.#contacts.delete(peer)
      this.#handshake.forget(peer)
      return
    }
    this.#news.record(entry.record.id, 'debug', 'link-down', `last link closed: ${cause}`, { cause }, now)
    if (entry.record.status !== 'alive' || cause !== 'remote') return
    if (entry.record.leaving)
      this.#news.take({ ...entry.record, status: 'left' }, 'leave', entry.record.id, now)
    else if (this.#topology.wants(entry.record.id)) this.#dialling.remoteClosed(entry, contact, now.mono)
  }

  dialled(dial: number, outcome: DialOutcome, now: Now): void {
    const refused = this.#dialling.ended(dial, outcome, now)
    if (refused === undefined || this.nameTaken !== undefined) return
    this.#detection.refused(refused, now)
    this.#refusals.push(refused.record.id)
    this.#convict(this.#detection.judge(now), now)
  }

  frame(link: LinkId, peer: PeerId, message: MembershipLinkMessage, now: Now): void {
    const contact = this.#contacts.get(peer)
    const open = contact?.links.get(link)
    if (contact === undefined || open === undefined) return
    if (open.closing) return
    if (message.type === 'hello') this.#hello(message, contact, open, now)
    else if (message.type === 'refuse') this.#refused(message, contact, open, now)
    else if (!open.greeted) this.#ungreetedDropped++
    else this.#fromMember(message, contact, open, now)
  }

  /**
   * Any other room's frame came on this link: it is contact too. Undefined: the peer is nobody, drop the frame.
   * @param inRhythm the frame comes by itself every probe interval (`renew`, `grant`): no probe is needed beside it
   */
  touched(link: LinkId, peer: PeerId, now: Now, inRhythm = false): NodeId | undefined {
    const contact = this.#contacts.get(peer)
    const open = contact?.links.get(link)
    if (contact === undefined || open === undefined || !open.greeted) return undefined
    if (inRhythm) contact.spokenAt = now.mono
    return this.#contact(contact, open, now)?.record.id
  }

  gossip(author: PeerId, via: PeerId, message: MembershipGossip, now: Now): void {
    if (this.nameTaken !== undefined) return
    const carrier = this.#contacts.get(via)
    if (carrier !== undefined && this.#roster.byPeer(via) !== undefined)
      this.#contact(carrier, undefined, now)
    const from = this.#roster.byPeer(author)?.record.id
    if (from === undefined) {
      this.#strangersDropped++
      return
    }
    switch (message.type) {
      case 'heartbeat':
        this.#heartbeats.hear(message, author, now)
        break
      case 'rumour':
        for (const record of message.members) this.#news.take(record, 'gossip', from, now)
        break
      case 'claims':
        this.#hearClaims(message.claims, from, now, true)
        break
    }
  }

  beginLeave(now: Now): void {
    this.#departure.begin(now)
  }

  /** @param farewellMs how long acknowledgements are waited for */
  finishLeave(now: Now, farewellMs?: number): void {
    this.#departure.finish(now, farewellMs)
  }

  /** True once everybody who was linked knows that this node left, or has had its time. */
  leaveDone(now: Instant): boolean {
    return this.#departure.done(now)
  }

  /** Members that closed their last link and whose address then refused, as this node itself saw; once each. */
  takeRefusals(): readonly NodeId[] {
    return this.#refusals.splice(0)
  }

  get seeds(): readonly string[] {
    return this.#dialling.seeds
  }

  /** Another live node bears this one's name, and this is why this one stands aside; undefined while it does not. */
  get nameTaken(): string | undefined {
    return this.#namesake.detail
  }

  /** Who votes: everybody stays linked to them. */
  setVoters(names: readonly NodeId[]): void {
    this.#topology.setVoters(names)
  }

  /** Verdicts that are ripe and wait for a lease. */
  get withheld(): number {
    return this.#detection.withheldNow
  }

  /** The effects asked for since the last call. */
  effects(): MembershipEffect[] {
    return this.#out.take()
  }

  get self(): MemberRecord {
    return this.#roster.self
  }

  get roster(): RosterView {
    return this.#roster
  }

  get ledger(): Pick<Ledger, 'of'> {
    return this.#ledger
  }

  get heartbeats(): Pick<Heartbeats, 'pulse'> {
    return this.#heartbeats
  }

  get lastRefusal(): Handshake['lastRefusal'] {
    return this.#handshake.lastRefusal
  }

  /** True once this node has taken some member's whole view, or has nobody to ask. */
  get synced(): boolean {
    return this.#handshake.syncedWith.size > 0 || !this.#dialling.hasSeeds
  }

  /** Alone although it has seeds. */
  get island(): boolean {
    return this.#dialling.hasSeeds && this.#roster.livingCount === 1
  }

  linkTo(node: NodeId): LinkId | undefined {
    const entry = this.#roster.get(node)
    return entry && this.#contacts.get(entry.record.peerId)?.best()?.id
  }

  /** What this node hears of a member, for people. */
  sight(entry: Entry, now: Instant): Sight {
    const [contacts, detection, claims, topology] = [
      this.#contacts,
      this.#detection,
      this.#claims,
      this.#topology,
    ]
    return sightOf(entry, { contacts, detection, claims, topology }, now)
  }

  /** Counters since boot and present sizes. */
  counters() {
    return {
      standstills: this.#detection.standstills,
      accusations: this.#detection.accusations,
      deaths: this.#detection.deaths,
      refutations: this.#news.refutations,
      refusals: this.#handshake.refusals,
      secondConnections: this.#dialling.secondConnections,
      surplusLinksClosed: this.#surplus.closed,
      evictionsWithheld: this.#detection.withheld,
      disbelieved: this.#belief.disbelieved,
      livenessUnreadable: this.#beats.unreadable,
      syncsPutOff: this.#handshake.syncsPutOff,
      rosterFull: this.#news.rosterFull,
      implausible: this.#news.implausible,
      ungreetedDropped: this.#ungreetedDropped,
      strangersDropped: this.#strangersDropped,
    }
  }

  #refused(refuse: Refuse, contact: Contact, link: Link, now: Now): void {
    this.#handshake.refused(refuse, contact, link, now.mono)
    this.#dialling.refusedBy(contact, now.mono)
    const seen = this.#handshake.lastRefusal
    if (refuse.code === 'NODE_ID_TAKEN' && seen) this.#namesake.taken(seen, refuse.holder, now)
  }

  #hello(hello: Hello, contact: Contact, link: Link, now: Now): void {
    if (this.#handshake.hello(hello, contact, link, now)) this.#contact(contact, link, now)
  }

  #fromMember(message: MembershipLinkMessage, contact: Contact, link: Link, now: Now): void {
    if (this.#roster.byPeer(contact.peer) === undefined) this.#handshake.introduced(message, contact, now)
    const entry = this.#contact(contact, link, now)
    if (entry === undefined) return
    switch (message.type) {
      case 'ping':
        contact.pingedAt = now.mono
        this.#out.send(link.id, { type: 'ack', seq: message.seq })
        break
      case 'ack':
        contact.acked(link, message.seq, now.mono)
        break
      case 'sync':
        this.#namesake.accepted(message, now)
        this.#handshake.sync(message, entry.record.id, contact, link, now)
        break
      case 'rumour':
        for (const record of message.members) this.#news.take(record, 'sync', entry.record.id, now)
        break
      case 'leave':
        this.#leaving(message, contact, link, now)
        break
      case 'summary':
        this.#compared(message.buckets, entry.record.id, contact, link, now)
        break
      case 'liveness':
        this.#heartbeats.liveness(message, contact, now.mono)
        break
      case 'claims':
        this.#hearClaims(message.claims, entry.record.id, now, false)
        break
      case 'leave-ack':
        this.#departure.acknowledged(contact.peer)
        break
      default:
        break
    }
  }

  #leaving(leave: Leave, contact: Contact, link: Link, now: Now): void {
    if (leave.member.peerId !== contact.peer) return
    if (!contact.outlives(link)) this.#news.take(leave.member, 'leave', leave.member.id, now)
    this.#out.send(link.id, { type: 'leave-ack', incarnation: leave.member.incarnation })
  }

  /** The peer was heard on a connection. One that counts as dead is told so, and will refute. */
  #contact(contact: Contact, link: Link | undefined, now: Now): Entry | undefined {
    contact.heard(link, now.mono)
    const entry = this.#roster.byPeer(contact.peer)
    if (entry === undefined) return undefined
    this.#detection.contacted(entry, now)
    if (entry.record.status === 'dead') this.#handshake.pushPull(contact, now.mono)
    return entry
  }

  #hearClaims(claims: readonly Claim[], from: NodeId, now: Now, flooded: boolean): void {
    const own = claims.filter(claim => claim.accuser === from)
    for (const claim of own) this.#detection.hear(claim, now, flooded)
    this.#convict(this.#detection.judgeClaims(own, now), now)
  }

  #compared(theirs: readonly number[], from: NodeId, contact: Contact, link: Link, now: Now): void {
    if (!this.#handshake.summary(theirs, from, contact, link, now.mono)) return
    this.#namesake.accepted({ type: 'sync', reply: false, members: [], claims: [] }, now)
  }

  #convict(verdicts: readonly Verdict[], now: Now): void {
    const [roster, contacts, detection, news] = [this.#roster, this.#contacts, this.#detection, this.#news]
    convict(verdicts, { roster, contacts, detection, news }, now)
  }

  #drop({ id, peerId }: MemberRecord): void {
    this.#handshake.forget(peerId)
    this.#handshake.syncedWith.delete(id)
    this.#detection.forget(id)
    this.#heartbeats.forget(id)
    this.#ledger.forget(id)
  }
}
