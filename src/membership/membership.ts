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
import { ClaimBoard } from './claims.ts'
import type { MembershipConfig } from './config.ts'
import { type Contact, Contacts, type Link } from './contact.ts'
import { convict } from './conviction.ts'
import { Departure } from './departure.ts'
import { Detection } from './detection.ts'
import { Dialling, type DialOutcome } from './dialling.ts'
import { Handshake } from './handshake.ts'
import { Hearsay } from './hearsay.ts'
import { Heartbeats } from './heartbeats.ts'
import { Ledger } from './ledger.ts'
import type { MemberRecord } from './member.ts'
import type {
  Hello,
  Leave,
  Load,
  MembershipGossip,
  MembershipLinkMessage,
  Refuse,
  RingParameters,
} from './messages.ts'
import { News } from './news.ts'
import { type MembershipEffect, Outbox } from './outbox.ts'
import { type Entry, Roster, type RosterView } from './roster.ts'
import { type Sight, sightOf } from './sight.ts'
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
}

export class Membership {
  readonly #config: MembershipConfig
  readonly #out = new Outbox()
  readonly #ledger = new Ledger()
  readonly #hearsay = new Hearsay()
  readonly #roster: Roster
  readonly #contacts: Contacts
  readonly #claims: ClaimBoard
  readonly #news: News
  readonly #detection: Detection
  readonly #handshake: Handshake
  readonly #dialling: Dialling
  readonly #heartbeats: Heartbeats
  readonly #departure: Departure
  readonly #upkeep: Upkeep
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
    const roster = new Roster(init.self, config.membersMax, now.mono, now.wall)
    const contacts = new Contacts(() => random.between(0, config.probeIntervalMs))
    const claims = new ClaimBoard(3 * config.claimIntervalMs)
    const hearsay = this.#hearsay
    const news = new News({ roster, claims, ledger: this.#ledger, out }, (record, at) =>
      this.#believe(record, at),
    )
    const detection = new Detection({ config, roster, contacts, hearsay, claims, news, out, now: now.mono })
    const { cluster, version, ring, seeds } = init
    const handshake = new Handshake({ cluster, version, ring, roster, claims, detection, news, out })
    const firstAt = after(now.mono, random.between(0, config.heartbeatIntervalMs))
    this.#roster = roster
    this.#contacts = contacts
    this.#claims = claims
    this.#news = news
    this.#detection = detection
    this.#handshake = handshake
    this.#dialling = new Dialling({ config, roster, contacts, detection, random, out, seeds, now: now.mono })
    this.#heartbeats = new Heartbeats({ config, roster, contacts, hearsay, handshake, out, firstAt })
    this.#departure = new Departure({ roster, contacts, news, out })
    const { tickMs } = init
    this.#upkeep = new Upkeep({ config, roster, contacts, handshake, random, out, tickMs, now: now.mono })
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
    this.#upkeep.probe(now.mono)
    this.#heartbeats.tick(ringChecksum, load, now.mono)
    this.#convict(this.#detection.tick(now), now)
    this.#dialling.tick(now.mono)
    this.#upkeep.closeUngreeted(now.mono)
    this.#upkeep.antiEntropy(now.mono)
    this.#news.flush(now.mono)
    for (const record of this.#roster.reap(this.#config.tombstoneMs, now.mono)) this.#forget(record)
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
    this.#handshake.greet(link)
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
    else this.#dialling.remoteClosed(entry, contact, now.mono)
  }

  dialled(dial: number, outcome: DialOutcome, now: Now): void {
    const refused = this.#dialling.ended(dial, outcome, now)
    if (refused === undefined) return
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

  /** Any other room's frame came on this link: it is contact too. False: the peer is nobody, drop the frame. */
  touched(link: LinkId, peer: PeerId, now: Now): NodeId | undefined {
    const contact = this.#contacts.get(peer)
    const open = contact?.links.get(link)
    if (contact === undefined || open === undefined || !open.greeted) return undefined
    return this.#contact(contact, open, now)?.record.id
  }

  gossip(author: PeerId, via: PeerId, message: MembershipGossip, now: Now): void {
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
        for (const claim of message.claims) if (claim.accuser === from) this.#detection.hear(claim, now)
        this.#convict(this.#detection.judge(now), now)
        break
    }
  }

  beginLeave(now: Now): void {
    this.#departure.begin(now)
  }

  finishLeave(now: Now): void {
    this.#departure.finish(now)
  }

  /** True once everybody who was linked knows that this node left, or has had its time. */
  leaveDone(now: Instant): boolean {
    return this.#departure.done(now)
  }

  /** Members that closed their last link and whose address then refused, as this node itself saw; once each. */
  takeRefusals(): readonly NodeId[] {
    return this.#refusals.splice(0)
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
    return this.#dialling.hasSeeds && this.#roster.living().length === 1
  }

  linkTo(node: NodeId): LinkId | undefined {
    const entry = this.#roster.get(node)
    return entry && this.#contacts.get(entry.record.peerId)?.best()?.id
  }

  /** What this node hears of a member, for people. */
  sight(entry: Entry, now: Instant): Sight {
    return sightOf(entry, { contacts: this.#contacts, detection: this.#detection, claims: this.#claims }, now)
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
      rosterFull: this.#news.rosterFull,
      ungreetedDropped: this.#ungreetedDropped,
      strangersDropped: this.#strangersDropped,
    }
  }

  #refused(refuse: Refuse, contact: Contact, link: Link, now: Now): void {
    this.#handshake.refused(refuse, contact, link, now.mono)
    this.#dialling.refusedBy(contact, now.mono)
  }

  #hello(hello: Hello, contact: Contact, link: Link, now: Now): void {
    if (this.#handshake.hello(hello, contact, link, now)) this.#contact(contact, link, now)
  }

  #fromMember(message: MembershipLinkMessage, contact: Contact, link: Link, now: Now): void {
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
        this.#handshake.sync(message, entry.record.id, contact, link, now)
        break
      case 'rumour':
        for (const record of message.members) this.#news.take(record, 'sync', entry.record.id, now)
        break
      case 'leave':
        this.#leaving(message, entry, link, now)
        break
      case 'leave-ack':
        this.#departure.acknowledged(contact.peer)
        break
      default:
        break
    }
  }

  #leaving(leave: Leave, entry: Entry, link: Link, now: Now): void {
    if (leave.member.id !== entry.record.id) return
    this.#news.take(leave.member, 'leave', entry.record.id, now)
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

  /** Is a claim of death or of another key believable? Not about somebody whom this node hears: that one is told. */
  #believe(record: MemberRecord, now: Now): boolean {
    const entry = this.#roster.get(record.id)
    if (entry === undefined || entry.record.status !== 'alive') return true
    const contact = this.#contacts.get(entry.record.peerId)
    const silence = this.#detection.directSilenceMs(entry, now.mono)
    const link = contact?.best()
    if (link === undefined || silence === undefined || silence > this.#config.silenceMsMin) return true
    if (record.incarnation >= entry.record.incarnation)
      this.#out.send(link.id, { type: 'rumour', members: [record] })
    return false
  }

  #convict(verdicts: readonly Verdict[], now: Now): void {
    const [roster, contacts, detection, news] = [this.#roster, this.#contacts, this.#detection, this.#news]
    convict(verdicts, { roster, contacts, detection, news }, now)
  }

  #forget({ id, peerId }: MemberRecord): void {
    this.#handshake.forget(peerId)
    this.#handshake.syncedWith.delete(id)
    this.#detection.forget(id)
    this.#heartbeats.forget(id)
    this.#ledger.forget(id)
  }
}
