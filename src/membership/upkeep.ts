/**
 * What links need from time to time: probes, an end to those that never said hello, and a full exchange now and then.
 *
 * In a small cluster a probe is a ping. In a large one it is this node's liveness vector, which each end sends for its
 * own sake: with a vector each way every 500 ms each end hears the other, and a ping only measures the round trip now
 * and then. Links that only serve voting need less: they are not what a member's life is judged by.
 */
import type { Random } from '../base/random.ts'
import { after, elapsedMs, type Instant, later } from '../base/time.ts'
import type { Beats } from './beats.ts'
import type { MembershipConfig } from './config.ts'
import type { Contact, Contacts } from './contact.ts'
import type { Handshake } from './handshake.ts'
import type { Outbox } from './outbox.ts'
import type { Entry, Roster } from './roster.ts'
import type { Topology } from './topology.ts'

/** This node counts this often, in ms: a count is told twice before the shortest silence is over. */
const BEAT_MS = 250
/** Links of large clusters are looked through for such at these intervals, in ms. */
const LOOK_MS = 500
/** The pause between questions of a joiner that nobody has answered, in ms. */
const UNANSWERED_MS = 1_000
/** A link on which no hello came within this time, in ms, is closed. */
const GREETING_MS = 3_000

export class Upkeep {
  readonly #config: MembershipConfig
  readonly #roster: Roster
  readonly #contacts: Contacts
  readonly #handshake: Handshake
  readonly #random: Random
  readonly #out: Outbox
  readonly #tickMs: number
  readonly #topology: Topology
  readonly #beats: Beats
  #nextSyncAt: Instant
  #nextBeatAt: Instant
  #nextLookAt: Instant

  constructor(parts: {
    config: MembershipConfig
    roster: Roster
    contacts: Contacts
    handshake: Handshake
    random: Random
    out: Outbox
    topology: Topology
    beats: Beats
    tickMs: number
    now: Instant
  }) {
    this.#config = parts.config
    this.#roster = parts.roster
    this.#contacts = parts.contacts
    this.#handshake = parts.handshake
    this.#random = parts.random
    this.#out = parts.out
    this.#tickMs = parts.tickMs
    this.#topology = parts.topology
    this.#beats = parts.beats
    this.#nextBeatAt = parts.now
    this.#nextLookAt = parts.now
    this.#nextSyncAt = after(parts.now, parts.random.between(0.5, 1) * parts.config.syncIntervalMs)
  }

  /** Probes every linked member when its time has come. */
  probe(now: Instant): void {
    this.#beat(now)
    if (!this.#topology.large) {
      for (const entry of this.#roster.living()) this.#probeSmall(entry, now)
      return
    }
    for (const contact of this.#contacts.all()) {
      if (contact.links.size === 0 || now < contact.nextProbeAt) continue
      const entry = this.#roster.byPeer(contact.peer)
      if (entry?.record.status === 'alive') this.#probeLarge(entry, contact, now)
    }
  }

  /** A push-pull with one random member, so that whatever gossip lost is made good. */
  antiEntropy(now: Instant): void {
    if (now < this.#nextSyncAt) return
    const { syncIntervalMs } = this.#config
    // A joiner of a large cluster whose question nobody had the means to answer asks again soon.
    const unanswered = this.#topology.large && this.#handshake.syncedWith.size === 0
    const pauseMs = unanswered ? UNANSWERED_MS : this.#random.between(0.8, 1.2) * syncIntervalMs
    this.#nextSyncAt = after(now, pauseMs)
    const linked = this.#topology.wanted().flatMap(({ record }) => {
      const contact = this.#contacts.get(record.peerId)
      return contact?.best() === undefined ? [] : [contact]
    })
    const chosen = this.#random.pick(linked)
    if (chosen !== undefined) this.#handshake.pushPull(chosen, now)
  }

  #beat(now: Instant): void {
    this.#beats.renew()
    if (now < this.#nextBeatAt) return
    this.#nextBeatAt = after(now, BEAT_MS)
    this.#beats.beat()
  }

  /** Pings on all links, unless the peer's own probes do for both. */
  #probeSmall({ record }: Entry, now: Instant): void {
    const { probeIntervalMs } = this.#config
    const contact = this.#contacts.get(record.peerId)
    if (contact === undefined || now < contact.nextProbeAt) return
    this.#probed(contact, probeIntervalMs, now)
    if (!contact.probesUs(probeIntervalMs, now)) this.#ping(contact, now)
  }

  #probeLarge({ record }: Entry, contact: Contact, now: Instant): void {
    const intervalMs = this.#topology.probeMs(record.id, this.#config.probeIntervalMs)
    this.#probed(contact, intervalMs, now)
    if (this.#topology.isClose(record.id)) this.#tellLiveness(contact, now)
    // A second link is heard of as often as round trips are measured: it will be closed, or was needed.
    if (!contact.speaks(intervalMs, now)) this.#ping(contact, now)
  }

  #probed(contact: Contact, intervalMs: number, now: Instant): void {
    contact.nextProbeAt = after(later(contact.nextProbeAt, after(now, -this.#tickMs)), intervalMs)
  }

  #tellLiveness(contact: Contact, now: Instant): void {
    const link = contact.best()
    if (link === undefined) return
    const viewDigest = this.#roster.digest()
    this.#out.send(link.id, { type: 'liveness', viewDigest, ...this.#beats.write(now) })
  }

  #ping(contact: Contact, now: Instant): void {
    for (const link of contact.links.values()) {
      if (link.greeted) this.#out.send(link.id, { type: 'ping', seq: contact.ping(link, now) })
    }
  }

  closeUngreeted(now: Instant): void {
    if (this.#topology.large && now < this.#nextLookAt) return
    this.#nextLookAt = after(now, LOOK_MS)
    for (const contact of this.#contacts.all()) {
      for (const link of contact.links.values()) {
        if (link.greeted || elapsedMs(link.openedAt, now) < GREETING_MS) continue
        contact.links.delete(link.id)
        this.#out.closeLink(link.id, 'no hello came')
      }
      const isStranger = this.#roster.byPeer(contact.peer) === undefined
      if (!isStranger || contact.links.size > 0) continue
      this.#contacts.delete(contact.peer)
      this.#handshake.forget(contact.peer)
    }
  }
}
