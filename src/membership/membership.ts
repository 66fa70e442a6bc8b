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
import { Contacts } from './contact.ts'
import { Cordon } from './cordon.ts'
import { Departure } from './departure.ts'
import { Detection } from './detection.ts'
import { Dialling, type DialOutcome } from './dialling.ts'
import { Handshake } from './handshake.ts'
import { Hearsay } from './hearsay.ts'
import { Heartbeats } from './heartbeats.ts'
import { Ledger } from './ledger.ts'
import { Listening } from './listening.ts'
import type { MemberRecord } from './member.ts'
import type { Load, MembershipGossip, MembershipLinkMessage, RingParameters } from './messages.ts'
import { Namesake } from './namesake.ts'
import { News } from './news.ts'
import { Circle } from './observers.ts'
import { Orders } from './orders.ts'
import { type MembershipEffect, Outbox } from './outbox.ts'
import { type Entry, Roster, type RosterView } from './roster.ts'
import { isHeard, type Sight, type SightParts, sightOf } from './sight.ts'
import { Surplus } from './surplus.ts'
import { Topology } from './topology.ts'
import { Upkeep } from './upkeep.ts'
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
  /** Which keys this node asks leave for, as text for the others to compare; absent: they are told nothing. */
  readonly modes?: string
  /** In quorum mode: does this node hold a live lease? Without one no verdict of its own is carried out. */
  readonly mayEvict?: () => boolean
  /** In quorum mode: is this node's own vote a quorum? */
  readonly decidesAlone?: () => boolean
  /** In quorum mode: does a quorum grant this node, under its name, leave to act? */
  readonly hasLease?: () => boolean
  /** In quorum mode: does some voter wait for this member, whether or not the roster has it? */
  readonly isNamed?: (id: NodeId) => boolean
}

/** A process that this node saw to be gone, and since when it had spoken here: another one with its key may have before, and live. */
type ProcessGone = Pick<MemberRecord, 'id' | 'peerId'> & { readonly since: Instant | undefined }

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
  readonly #listening: Listening
  /** Members whose process this node itself saw to be gone, since they were last asked for. */
  #refusals: ProcessGone[] = []

  constructor(init: MembershipInit, now: Now) {
    const { config, random } = init
    const out = this.#out
    this.#config = config
    this.#wakefulness = new Wakefulness(init.tickMs, config.lateMs, now)
    const { self, isNamed = () => false } = init
    const roster = new Roster(self, config.membersMax, now.mono, now.wall, config.tombstoneMs, isNamed)
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
    const { mayEvict, decidesAlone } = init
    const detection = new Detection({ ...parts, hearsay, claims, mayEvict, decidesAlone })
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
    const namesake = new Namesake({
      ...{ config, born, roster, contacts, news, cordon, out, hasLease: init.hasLease },
    })
    this.#namesake = namesake
    this.#detection = detection
    this.#handshake = handshake
    const dialling = new Dialling({ ...parts, detection, random, seeds })
    this.#dialling = dialling
    this.orders = new Orders({ roster, news, cordon, dialling, isNamed })
    const heartbeats = new Heartbeats({ ...parts, hearsay, handshake, beats, modes: init.modes, firstAt })
    const departure = new Departure({ roster, contacts, news, out })
    this.#heartbeats = heartbeats
    this.#departure = departure
    const heard = { handshake, namesake, detection, dialling, heartbeats, departure }
    this.#listening = new Listening({ ...parts, ...heard })
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
    this.#hearsay.stoodStill(lateMs, shiftMs)
    this.#claims.shift(shiftMs)
    for (const contact of this.#contacts.all()) contact.shift(shiftMs)
    this.#detection.stoodStill(lateMs, shiftMs, now.mono)
    const text = `this node stood still for ${Math.round(lateMs)} ms`
    this.#news.record(this.#roster.self.id, 'warn', 'stood-still', text, { lateMs: Math.round(lateMs) }, now)
  }

  /**
   * To be called before every tick: what peers have said waits here, unread, so this node's ears lag behind.
   * @param behindMs how long, in ms, the first of it has waited
   * @param dropped some of it was dropped, and may have been the only word of somebody
   */
  behind({ behindMs = 0, dropped = false }: { behindMs?: number; dropped?: boolean }, now: Now): void {
    const isNews = this.#detection.behind(behindMs, dropped, now.mono)
    if (!isNews) return
    const text = `what peers say is read ${Math.round(behindMs)} ms late${dropped ? ', and some was dropped' : ''}`
    const fields = { behindMs: Math.round(behindMs), dropped }
    this.#news.record(this.#roster.self.id, 'warn', 'fell-behind', text, fields, now)
  }

  tick(ringChecksum: string, load: Load, now: Now): void {
    this.#wakefulness.ticked(now)
    for (const record of this.#roster.reap(this.#config.tombstoneMs, now.mono))
      if (this.#roster.get(record.id) === undefined) this.#drop(record)
    if (this.#namesake.waits(now)) {
      // Said to nobody, and not kept for later: what would wait to be told wants a tick at once.
      this.#news.flush(now.mono)
      this.#dialling.tick(now.mono)
      this.#upkeep.closeUngreeted(now.mono)
      return
    }
    this.#upkeep.probe(now.mono)
    this.#heartbeats.tick(ringChecksum, load, now)
    this.#listening.convict(this.#detection.tick(now), now)
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
    if (cause !== 'remote') return
    const { status, leaving, id } = entry.record
    // Who leaves says so on its links before it closes them. One that has not may be there still, and drain.
    // Of one that others buried first this node still has to see for itself that its process is gone.
    if (status === 'dead' || leaving || this.#topology.wants(id))
      this.#dialling.remoteClosed(entry, contact, now.mono)
  }

  dialled(dial: number, outcome: DialOutcome, now: Now): void {
    const refused = this.#dialling.ended(dial, outcome, now)
    if (refused === undefined || this.nameTaken !== undefined) return
    const { id, peerId, status } = refused.record
    this.#refusals.push({ id, peerId, since: this.#contacts.get(peerId)?.speaker?.since })
    if (status !== 'alive') return
    this.#detection.refused(refused, now)
    this.#listening.convict(this.#detection.judge(now), now)
  }

  frame(link: LinkId, peer: PeerId, message: MembershipLinkMessage, now: Now): void {
    this.#listening.frame(link, peer, message, now)
  }

  /**
   * Any other room's frame came on this link: it is contact too. Undefined: the peer is nobody, drop the frame.
   * @param inRhythm the frame comes by itself every probe interval (`renew`, `grant`): no probe is needed beside it
   */
  touched(link: LinkId, peer: PeerId, now: Now, inRhythm = false): NodeId | undefined {
    return this.#listening.touched(link, peer, now, inRhythm)
  }

  gossip(author: PeerId, via: PeerId, message: MembershipGossip, now: Now): void {
    if (this.nameTaken === undefined) this.#listening.gossip(author, via, message, now)
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
  takeRefusals(): readonly ProcessGone[] {
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

  get heartbeats(): Pick<Heartbeats, 'pulse' | 'modesDiffer' | 'clocksAhead'> {
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
    return sightOf(entry, this.#sightParts(), now)
  }

  /** Members that are heard of at this moment, this node included: not the silent ones that nobody may evict. */
  heard(now: Instant): readonly NodeId[] {
    const parts = this.#sightParts()
    const { self } = this.roster
    return this.roster
      .living()
      .filter(entry => entry.record.id === self.id || isHeard(entry, parts, now))
      .map(({ record }) => record.id)
  }

  #sightParts(): SightParts {
    const [contacts, detection, claims] = [this.#contacts, this.#detection, this.#claims]
    return { contacts, detection, claims, topology: this.#topology }
  }

  /** Counters since boot and present sizes. */
  counters() {
    return {
      standstills: this.#detection.standstills,
      backlogs: this.#detection.backlogs,
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
      ungreetedDropped: this.#listening.ungreetedDropped,
      strangersDropped: this.#listening.strangersDropped,
    }
  }

  #drop({ id, peerId }: MemberRecord): void {
    this.#handshake.forget(peerId)
    this.#handshake.syncedWith.delete(id)
    this.#detection.forget(id)
    this.#heartbeats.forget(id)
    this.#ledger.forget(id)
  }
}
