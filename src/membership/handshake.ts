/**
 * Meeting a peer: `hello` from both ends on every new link, then everything each one knows.
 *
 * A link is nobody's until a valid hello came on it: before that nothing but `hello` and `refuse` is listened to. Two
 * nodes that would disagree on owners (other ring parameters) and a newcomer that bears the name of a live member are
 * told why, and the link is closed.
 */
import type { LinkId, NodeId, PeerId } from '../base/ids.ts'
import { elapsedMs, type Instant, type Now } from '../base/time.ts'
import type { ClaimBoard } from './claims.ts'
import type { Contact, Link } from './contact.ts'
import type { Detection } from './detection.ts'
import type { MemberRecord } from './member.ts'
import type { Hello, Refuse, RingParameters, Sync } from './messages.ts'
import type { News } from './news.ts'
import type { Outbox } from './outbox.ts'
import type { Roster } from './roster.ts'

/** A member counts as answering, for the question of who bears a name, when it was heard within this time. */
const ANSWERING_MS = 1_200
/** The same refusal of the same peer is logged once in this time, in ms; of so many peers at a time. */
const REFUSAL_LOG_MS = 60_000
const REFUSED_PEERS_MAX = 1_000
/** At most one sync to a peer within this time, apart from those on new links. */
const SYNC_PAUSE_MS = 1_000

/** Claims in a sync; beyond that gossip says the rest again every second. With 1,000 records this fits a frame of 1 MiB. */
const SYNC_CLAIMS_MAX = 2_000

export interface RefusalSeen {
  readonly code: Refuse['code']
  readonly detail: string
  readonly peer: PeerId
}

export class Handshake {
  readonly #cluster: string
  readonly #version: string
  readonly #ring: RingParameters
  readonly #roster: Roster
  readonly #claims: ClaimBoard
  readonly #detection: Detection
  readonly #news: News
  readonly #out: Outbox
  readonly #syncedAt = new Map<PeerId, Instant>()
  readonly #said = new Map<PeerId, { readonly code: string; readonly at: Instant }>()
  /** Members whose everything this node has taken since boot. */
  readonly syncedWith = new Set<NodeId>()
  lastRefusal: RefusalSeen | undefined
  refusals = 0

  constructor(parts: {
    cluster: string
    version: string
    ring: RingParameters
    roster: Roster
    claims: ClaimBoard
    detection: Detection
    news: News
    out: Outbox
  }) {
    this.#cluster = parts.cluster
    this.#version = parts.version
    this.#ring = parts.ring
    this.#roster = parts.roster
    this.#claims = parts.claims
    this.#detection = parts.detection
    this.#news = parts.news
    this.#out = parts.out
  }

  greet(link: LinkId): void {
    const self = this.#roster.self
    this.#out.send(link, {
      type: 'hello',
      cluster: this.#cluster,
      self,
      ring: this.#ring,
      version: this.#version,
    })
  }

  /** Takes the peer as the member it says it is, or refuses and says why. True when it was taken. */
  hello(hello: Hello, contact: Contact, link: Link, now: Now): boolean {
    const refusal = this.#objection(hello, contact.peer, link, now)
    if (refusal !== undefined) {
      this.refusals++
      if (this.#unsaid(contact.peer, refusal.code, now.mono)) {
        this.#out.log('warn', 'peer-refused', { member: hello.self.id, peerId: contact.peer, ...refusal })
      }
      this.#out.send(link.id, { type: 'refuse', ...refusal })
      link.closing = true
      this.#out.closeLink(link.id, refusal.code)
      return false
    }
    link.greeted = true
    this.#renamed(hello.self, now)
    const known = this.#roster.get(hello.self.id)?.record
    if (known !== undefined && known.incarnation < hello.self.incarnation) contact.startAnew(link.dialled)
    this.#news.take(hello.self, 'hello', hello.self.id, now)
    // Whoever counts as dead here learns it from the sync, and its refutation comes back with the reply.
    this.sendSync(contact, link.id, !this.#roster.isLiving(hello.self.id), now.mono)
    return true
  }

  refused(refuse: Refuse, contact: Contact, link: Link, now: Instant): void {
    const { code, detail } = refuse
    this.lastRefusal = { code, detail, peer: contact.peer }
    if (this.#unsaid(contact.peer, code, now))
      this.#out.log('error', 'join-refused', { peerId: contact.peer, code, detail })
    link.closing = true
    this.#out.closeLink(link.id, 'refused by the peer')
  }

  /** Takes all that the peer knows of members, and its own claims; those of others are theirs to say. */
  sync(sync: Sync, from: NodeId, contact: Contact, link: Link, now: Now): void {
    for (const record of sync.members) this.#news.take(record, 'sync', from, now)
    for (const claim of sync.claims) if (claim.accuser === from) this.#detection.hear(claim, now)
    if (!this.syncedWith.has(from)) {
      this.syncedWith.add(from)
      this.#out.log('info', 'synced', { member: from, members: sync.members.length })
    }
    if (sync.reply) this.sendSync(contact, link.id, false, now.mono)
  }

  /** Says all that this node knows; `reply` asks for the same in return. */
  sendSync(contact: Contact, link: LinkId, reply: boolean, now: Instant): void {
    this.#syncedAt.set(contact.peer, now)
    this.#out.send(link, {
      type: 'sync',
      reply,
      members: this.#roster.records(),
      claims: this.#claims.standing(this.#roster.self.id).slice(0, SYNC_CLAIMS_MAX),
    })
  }

  /** A push-pull, unless there was one with this peer a moment ago. */
  pushPull(contact: Contact, now: Instant): void {
    const last = this.#syncedAt.get(contact.peer)
    const link = contact.best()
    if (link === undefined || (last !== undefined && elapsedMs(last, now) < SYNC_PAUSE_MS)) return
    this.sendSync(contact, link.id, true, now)
  }

  forget(peer: PeerId): void {
    this.#syncedAt.delete(peer)
    this.#said.delete(peer)
  }

  /** A key is one process: when it comes under another name, the old name has gone. */
  #renamed(newcomer: MemberRecord, now: Now): void {
    const old = this.#roster.byPeer(newcomer.peerId)?.record
    if (old === undefined || old.id === newcomer.id || old.status !== 'alive') return
    this.#news.take({ ...old, status: 'left', leaving: true }, 'hello', newcomer.id, now)
  }

  /** Has this not been said of the peer within the last minute? Refused peers come again and again. */
  #unsaid(peer: PeerId, code: string, now: Instant): boolean {
    const last = this.#said.get(peer)
    if (last?.code === code && elapsedMs(last.at, now) < REFUSAL_LOG_MS) return false
    if (last === undefined && this.#said.size >= REFUSED_PEERS_MAX) this.#said.clear()
    this.#said.set(peer, { code, at: now })
    return true
  }

  #objection(hello: Hello, peer: PeerId, link: Link, now: Now): Omit<Refuse, 'type'> | undefined {
    if (hello.cluster !== this.#cluster) {
      return { code: 'SEED_OTHER_CLUSTER', detail: `expected cluster ${this.#cluster}, got ${hello.cluster}` }
    }
    if (hello.self.peerId !== peer) {
      return {
        code: 'PEER_NOT_ALLOWED',
        detail: `the hello names key ${hello.self.peerId}, the connection has ${peer}`,
      }
    }
    if (link.greeted) {
      return { code: 'PEER_NOT_ALLOWED', detail: 'a link has one hello, and this is its second' }
    }
    if (!sameRing(hello.ring, this.#ring)) {
      const detail = `expected ${describe(this.#ring)}, got ${describe(hello.ring)}`
      return { code: 'RING_MISMATCH', detail }
    }
    return this.#nameTaken(hello.self, now)
  }

  #nameTaken(newcomer: MemberRecord, now: Now): Omit<Refuse, 'type'> | undefined {
    const holder = this.#roster.get(newcomer.id)
    if (holder === undefined || holder.record.peerId === newcomer.peerId) return undefined
    if (holder.record.status !== 'alive') return undefined
    const isSelf = newcomer.id === this.#roster.self.id
    const silence = isSelf ? 0 : this.#detection.silenceMs(holder, now.mono)
    if (silence > ANSWERING_MS) return undefined
    const detail = `${newcomer.id} is held by the live node with key ${holder.record.peerId} at ${holder.record.addresses.join(', ')}`
    return { code: 'NODE_ID_TAKEN', detail }
  }
}

function sameRing(a: RingParameters, b: RingParameters): boolean {
  return (
    a.version === b.version &&
    a.hash === b.hash &&
    a.vnodesPerWeight === b.vnodesPerWeight &&
    a.replicas === b.replicas
  )
}

function describe(ring: RingParameters): string {
  return `ring version ${ring.version}, ${ring.hash}, ${ring.vnodesPerWeight} vnodes, ${ring.replicas} replicas`
}
