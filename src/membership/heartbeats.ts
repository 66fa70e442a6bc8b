/** The rhythm on the membership topic: this node's heartbeat; what is learned from the others', and from their vectors. */
import type { NodeId, PeerId } from '../base/ids.ts'
import { after, elapsedMs, type Instant, type Now } from '../base/time.ts'
import type { Beats } from './beats.ts'
import type { MembershipConfig } from './config.ts'
import type { Contact, Contacts } from './contact.ts'
import type { Handshake } from './handshake.ts'
import { HEARSAY_AGE_MS_MAX, type Hearsay } from './hearsay.ts'
import type { Heartbeat, Liveness, Load } from './messages.ts'
import type { News } from './news.ts'
import type { Outbox } from './outbox.ts'
import type { Roster } from './roster.ts'
import type { Topology } from './topology.ts'

/** A view that has differed from a peer's this long, in ms, is compared with it; news on their way take less. */
const DIFFERS_MS = 600
/** Views are compared for that reason at most this often, in ms, whatever the number of peers. */
const REPAIR_PAUSE_MS = 500

/** Heartbeats that a node receives each second at most: above this many members they come more slowly. */
const HEARTBEATS_PER_SECOND = 16

/** What a member said in its last heartbeat. */
export interface Pulse {
  readonly incarnation: number
  readonly ringChecksum: string
  readonly viewDigest: number
  readonly load: Load
  readonly modes: string | undefined
  /** Its wall clock, as it said. */
  readonly wall: number | undefined
  readonly at: Instant
}

export class Heartbeats {
  readonly #config: MembershipConfig
  readonly #roster: Roster
  readonly #contacts: Contacts
  readonly #hearsay: Hearsay
  readonly #handshake: Handshake
  readonly #out: Outbox
  readonly #topology: Topology
  readonly #beats: Beats
  readonly #news: News
  readonly #modes: string | undefined
  readonly #pulses = new Map<NodeId, Pulse>()
  #nextAt: Instant
  #nextRepairAt: Instant

  constructor(parts: {
    config: MembershipConfig
    roster: Roster
    contacts: Contacts
    hearsay: Hearsay
    handshake: Handshake
    out: Outbox
    topology: Topology
    beats: Beats
    news: News
    /** What this node says of its own modes. */
    modes: string | undefined
    firstAt: Instant
  }) {
    this.#config = parts.config
    this.#roster = parts.roster
    this.#contacts = parts.contacts
    this.#hearsay = parts.hearsay
    this.#handshake = parts.handshake
    this.#out = parts.out
    this.#topology = parts.topology
    this.#beats = parts.beats
    this.#news = parts.news
    this.#modes = parts.modes
    this.#nextAt = parts.firstAt
    this.#nextRepairAt = parts.firstAt
  }

  pulse(member: NodeId): Pulse | undefined {
    return this.#pulses.get(member)
  }

  /** For each living member that says so, how far its wall clock is ahead of this node's, in ms, but for a frame's way here. */
  clocksAhead(now: Now): number[] {
    return this.#roster.living().flatMap(({ record }) => {
      const pulse = this.#pulses.get(record.id)
      if (pulse?.wall === undefined) return []
      return [pulse.wall + elapsedMs(pulse.at, now.mono) - now.wall]
    })
  }

  tick(ringChecksum: string, load: Load, { mono: now, wall }: Now): void {
    if (now < this.#nextAt) return
    const living = this.#roster.livingCount
    const intervalMs = Math.max(this.#config.heartbeatIntervalMs, (living * 1_000) / HEARTBEATS_PER_SECOND)
    this.#nextAt = after(now, intervalMs)
    const { id, incarnation, leaving } = this.#roster.self
    this.#out.publish({
      type: 'heartbeat',
      id,
      incarnation,
      leaving,
      ringChecksum,
      viewDigest: this.#roster.digest(),
      load,
      ...(this.#modes !== undefined && { modes: this.#modes }),
      wall,
      heard: this.#topology.large ? [] : this.#vector(now),
    })
  }

  /** A peer's liveness vector came over its link. */
  liveness(liveness: Liveness, contact: Contact, now: Instant): void {
    contact.spokenAt = now
    this.#beats.read(liveness.order, liveness.beats, now)
    if (liveness.viewDigest === this.#roster.digest()) {
      contact.differsSince = undefined
      return
    }
    contact.differsSince ??= now
    if (elapsedMs(contact.differsSince, now) < DIFFERS_MS || now < this.#nextRepairAt) return
    this.#nextRepairAt = after(now, REPAIR_PAUSE_MS)
    contact.differsSince = undefined
    this.#handshake.pushPull(contact, now)
  }

  /** A heartbeat of a member, authored with its key. */
  hear(heartbeat: Heartbeat, author: PeerId, now: Now): void {
    const entry = this.#roster.get(heartbeat.id)
    const contact = this.#contacts.get(author)
    if (entry === undefined || entry.record.peerId !== author) return
    this.#hearsay.note(heartbeat.id, now.mono)
    const unheardOf = heartbeat.incarnation > entry.record.incarnation
    if (unheardOf || entry.record.status !== 'alive') {
      if (contact !== undefined) this.#handshake.pushPull(contact, now.mono)
      return
    }
    for (const [member, ageMs] of heartbeat.heard) this.#noteAge(member, ageMs, now.mono)
    this.#compareModes(heartbeat, now)
    this.#compare(heartbeat, contact, now.mono)
  }

  forget(member: NodeId): void {
    this.#pulses.delete(member)
  }

  /** Does the member say that it acts by other rules than this node? Two such nodes may act for one key. */
  modesDiffer(member: NodeId): boolean {
    const modes = this.#pulses.get(member)?.modes
    return this.#modes !== undefined && modes !== undefined && modes !== this.#modes
  }

  /** Said once for each thing that a member says. */
  #compareModes({ id, modes }: Heartbeat, now: Now): void {
    if (this.#modes === undefined || modes === undefined || modes === this.#modes) return
    if (this.#pulses.get(id)?.modes === modes) return
    const text = `acts by the rules "${modes}", this node by "${this.#modes}": what they do together is not promised`
    this.#news.record(id, 'warn', 'mode-differs', text, { modes, modesHere: this.#modes }, now)
  }

  #noteAge(member: NodeId, ageMs: number, now: Instant): void {
    if (member === this.#roster.self.id || ageMs < 0 || ageMs > HEARSAY_AGE_MS_MAX) return
    if (this.#roster.get(member) !== undefined) this.#hearsay.note(member, after(now, -ageMs))
  }

  /** Views that differ in two heartbeats on end are compared in full. */
  #compare(heartbeat: Heartbeat, contact: Contact | undefined, now: Instant): void {
    const before = this.#pulses.get(heartbeat.id)
    const { incarnation, ringChecksum, viewDigest, load, modes, wall } = heartbeat
    this.#pulses.set(heartbeat.id, { incarnation, ringChecksum, viewDigest, load, modes, wall, at: now })
    const differs = viewDigest !== this.#roster.digest()
    if (differs && before?.viewDigest === viewDigest && contact !== undefined)
      this.#handshake.pushPull(contact, now)
  }

  #vector(now: Instant): [NodeId, number][] {
    const vector: [NodeId, number][] = []
    for (const { record } of this.#roster.living()) {
      const heard = this.#contacts.get(record.peerId)?.trulyHeard
      if (record.id === this.#roster.self.id || heard === undefined) continue
      const ageMs = Math.max(0, Math.round(elapsedMs(heard, now)))
      if (ageMs <= HEARSAY_AGE_MS_MAX) vector.push([record.id, ageMs])
    }
    return vector
  }
}
