/**
 * Meeting a peer: `hello` from both ends on every new link, then everything each one knows.
 *
 * A link is nobody's until a valid hello came on it: before that nothing but `hello` and `refuse` is listened to. Two
 * nodes that would disagree on owners (other ring parameters) and a newcomer that bears the name of a live member are
 * told why, and the link is closed. A restart with the same key takes the place of its past at once: whatever else still
 * speaks with that key is told so.
 */
import type { LinkId, NodeId, PeerId } from '../base/ids.ts'
import { elapsedMs, type Instant, type Now } from '../base/time.ts'
import type { ClaimBoard } from './claims.ts'
import type { Contact, Contacts, Link } from './contact.ts'
import type { Detection } from './detection.ts'
import { type Born, bornOf, isYounger, lifeOf } from './life.ts'
import type { MemberRecord } from './member.ts'
import type { Hello, Holder, MembershipLinkMessage, Refuse, RingParameters, Sync } from './messages.ts'
import { isPlausible, type News } from './news.ts'
import type { Outbox } from './outbox.ts'
import { portions } from './portions.ts'
import type { Entry, Roster } from './roster.ts'
import { Summaries } from './summary.ts'
import { FULL_MESH_MAX } from './topology.ts'

/**
 * A member counts as answering, for the question of who bears a name, when it was heard within this time, in ms: by this
 * node, or by others whose heartbeats tell of it every second.
 */
const ANSWERING_MS = 1_700
/** The same refusal of the same peer is logged once in this time, in ms; of so many peers at a time. */
const REFUSAL_LOG_MS = 60_000
const REFUSED_PEERS_MAX = 1_000
/** At most one sync to a peer within this time, apart from those on new links. */
const SYNC_PAUSE_MS = 1_000

/**
 * Records of large rosters sent in a second at most: 20 whole rosters of 1,000, some 5 MB. Who gets no answer asks again,
 * here or elsewhere: a node that a whole cluster joins by must not stand still for it.
 */
const SYNC_RECORDS_PER_S = 20_000
/** Claims in a sync, 760 KB at worst; beyond that gossip says the rest again every second. */
const SYNC_CLAIMS_MAX = 2_000
/** Characters of records in one part of a sync: with all those claims it fits a frame of 1 MiB. 1,000 usual records are about one. */
const SYNC_PART_CHARS_MAX = 250_000

export interface RefusalSeen {
  readonly code: Refuse['code']
  readonly detail: string
  readonly peer: PeerId
}

type Refusal = Omit<Refuse, 'type'>

export class Handshake {
  readonly #born: Born
  readonly #cluster: string
  readonly #version: string
  readonly #ring: RingParameters
  readonly #roster: Roster
  readonly #contacts: Contacts
  readonly #claims: ClaimBoard
  readonly #detection: Detection
  readonly #news: News
  readonly #out: Outbox
  readonly #summaries: Summaries
  #sentRecords = 0
  #sentSince: Instant = -Number.MAX_SAFE_INTEGER as Instant
  readonly #syncedAt = new Map<PeerId, Instant>()
  readonly #said = new Map<PeerId, { readonly code: string; readonly at: Instant }>()
  /** Members whose everything this node has taken since boot. */
  readonly syncedWith = new Set<NodeId>()
  /** Why a peer turned this node away, since a member shared what it knows. */
  lastRefusal: RefusalSeen | undefined
  refusals = 0
  /** Full exchanges that were not answered, for want of means. */
  syncsPutOff = 0

  constructor(parts: {
    born: Born
    cluster: string
    version: string
    ring: RingParameters
    roster: Roster
    contacts: Contacts
    claims: ClaimBoard
    detection: Detection
    news: News
    out: Outbox
  }) {
    this.#born = parts.born
    this.#cluster = parts.cluster
    this.#version = parts.version
    this.#ring = parts.ring
    this.#roster = parts.roster
    this.#contacts = parts.contacts
    this.#claims = parts.claims
    this.#detection = parts.detection
    this.#news = parts.news
    this.#out = parts.out
    this.#summaries = new Summaries(parts.roster)
  }

  greet(link: LinkId, now: Instant): void {
    const self = this.#roster.self
    this.#out.send(link, {
      type: 'hello',
      cluster: this.#cluster,
      self,
      ring: this.#ring,
      version: this.#version,
      life: lifeOf(this.#born, now),
    })
  }

  /** Takes the peer as the member it says it is, or refuses and says why. True when it was taken. */
  hello(hello: Hello, contact: Contact, link: Link, now: Now): boolean {
    const refusal = this.#objection(hello, contact, link, now)
    if (refusal !== undefined) {
      this.#refuse(link, contact.peer, hello.self.id, refusal, now.mono)
      return false
    }
    contact.greeted(link, hello.self.id, hello.life && bornOf(hello.life, now.mono), now.mono)
    this.#replaceElders(hello.self, contact, link, now)
    const known = this.#roster.get(hello.self.id)?.record
    if (known !== undefined && known.incarnation < hello.self.incarnation) contact.startAnew(link.dialled)
    this.#news.take(hello.self, 'hello', hello.self.id, now)
    const bearer = this.#roster.byPeer(contact.peer)?.record
    const isBearer = bearer?.id === hello.self.id
    // Whoever counts as dead here learns it from the sync, and its refutation comes back with the reply.
    if (!this.#summaries.worthwhile)
      this.sendSync(contact, link.id, !isBearer || bearer.status !== 'alive', now.mono)
    else {
      // It outbids what is known of its name before anything is compared, or its answer would be nobody's.
      const former = isBearer ? undefined : this.#roster.get(hello.self.id)?.record
      if (former !== undefined) this.#out.send(link.id, { type: 'rumour', members: [former] })
      this.#sendSummary(contact, link.id, now.mono)
    }
    return true
  }

  /**
   * A greeted peer that is no member speaks. Either its hello was outbid by what is remembered of its name, and it says
   * something newer of itself now; or another bears its name by now, and it is told so.
   */
  nobody(message: MembershipLinkMessage, contact: Contact, link: Link, now: Now): void {
    const members = message.type === 'sync' || message.type === 'rumour' ? message.members : []
    const self = members.find(record => record.peerId === contact.peer && record.status === 'alive')
    const id = self?.id ?? link.name
    const refusal = id && this.#nameTaken({ id, peerId: contact.peer }, now)
    if (id !== undefined && refusal !== undefined) this.#refuse(link, contact.peer, id, refusal, now.mono)
    else if (self !== undefined) this.#news.take(self, 'hello', self.id, now)
  }

  /** The peer wants no link, and says why. */
  refused(refuse: Refuse, contact: Contact, link: Link, now: Instant): RefusalSeen {
    const { code, detail } = refuse
    const seen = { code, detail, peer: contact.peer }
    this.lastRefusal = seen
    if (this.#unsaid(contact.peer, code, now))
      this.#out.log('error', 'join-refused', { peerId: contact.peer, code, detail })
    link.closing = true
    this.#out.closeLink(link.id, 'refused by the peer')
    return seen
  }

  /** Takes all that the peer knows of members, and its own claims; those of others are theirs to say. */
  sync(sync: Sync, from: NodeId, contact: Contact, link: Link, now: Now): void {
    // What a newcomer to a large cluster is told first, everybody else knows.
    const tellOn = this.syncedWith.size > 0 || sync.members.length <= FULL_MESH_MAX
    for (const record of sync.members) this.#news.take(record, 'sync', from, now, tellOn)
    for (const claim of sync.claims) if (claim.accuser === from) this.#detection.hear(claim, now)
    if (sync.more) return
    this.lastRefusal = undefined
    if (!this.syncedWith.has(from)) {
      this.syncedWith.add(from)
      this.#out.log('info', 'synced', { member: from, members: sync.members.length })
    }
    if (sync.reply) this.sendSync(contact, link.id, false, now.mono, sync.buckets)
  }

  /** Compares a peer's roster with this one, and sends what differs. True when nothing does. */
  summary(theirs: readonly number[], from: NodeId, contact: Contact, link: Link, now: Instant): boolean {
    const differing = this.#summaries.differing(theirs)
    if (differing.length === 0) {
      this.lastRefusal = undefined
      this.syncedWith.add(from)
      return true
    }
    // When both ends sent summaries, both answer, and neither needs to ask.
    const asked = contact.summarisedAt
    const bothAsk = asked !== undefined && elapsedMs(asked, now) < SYNC_PAUSE_MS
    this.sendSync(contact, link.id, !bothAsk, now, differing)
    return false
  }

  /**
   * Says all that this node knows; `reply` asks for the same in return.
   * @param buckets when given: only these parts of it
   */
  sendSync(contact: Contact, link: LinkId, reply: boolean, now: Instant, buckets?: readonly number[]): void {
    const members = buckets === undefined ? this.#roster.records() : this.#summaries.records(buckets)
    if (!this.#mayAfford(members.length, now)) return
    this.#syncedAt.set(contact.peer, now)
    const claims = this.#claims.standing(this.#roster.self.id).slice(0, SYNC_CLAIMS_MAX)
    const part = buckets === undefined ? {} : { buckets }
    const parts = portions(members, SYNC_PART_CHARS_MAX)
    const last = parts.pop() ?? []
    for (const some of parts)
      this.#out.send(link, { type: 'sync', reply: false, more: true, members: some, claims: [] })
    // By the last part the receiver takes this for an exchange, and sees there who bears its name.
    const { name } = contact.links.get(link) ?? {}
    const about = parts.flat().filter(record => record.id === name)
    this.#out.send(link, { type: 'sync', reply, ...part, members: [...last, ...about], claims })
  }

  #sendSummary(contact: Contact, link: LinkId, now: Instant): void {
    this.#syncedAt.set(contact.peer, now)
    contact.summarisedAt = now
    this.#out.send(link, { type: 'summary', buckets: this.#summaries.sums() })
  }

  #mayAfford(records: number, now: Instant): boolean {
    if (records <= FULL_MESH_MAX) return true
    if (elapsedMs(this.#sentSince, now) >= 1_000) {
      this.#sentSince = now
      this.#sentRecords = 0
    }
    if (this.#sentRecords + records > SYNC_RECORDS_PER_S) {
      this.syncsPutOff++
      return false
    }
    this.#sentRecords += records
    return true
  }

  /** A push-pull, unless there was one with this peer a moment ago. */
  pushPull(contact: Contact, now: Instant): void {
    const last = this.#syncedAt.get(contact.peer)
    const link = contact.best()
    if (link === undefined || (last !== undefined && elapsedMs(last, now) < SYNC_PAUSE_MS)) return
    if (this.#summaries.worthwhile) this.#sendSummary(contact, link.id, now)
    else this.sendSync(contact, link.id, true, now)
  }

  #refuse(link: Link, peer: PeerId, member: NodeId, refusal: Refusal, now: Instant): void {
    this.refusals++
    const { code, detail } = refusal
    if (this.#unsaid(peer, code, now))
      this.#out.log('warn', 'peer-refused', { member, peerId: peer, code, detail })
    this.#turnAway(link, refusal)
  }

  #turnAway(link: Link, refusal: Refusal): void {
    this.#out.send(link.id, { type: 'refuse', ...refusal })
    link.closing = true
    this.#out.closeLink(link.id, refusal.code)
  }

  /** Older processes with this key are the past of the one that came now, or its copies: they are told to stand aside. */
  #replaceElders(newcomer: MemberRecord, contact: Contact, link: Link, now: Now): void {
    const { life } = link
    if (life === undefined) return
    for (const other of [...contact.links.values()]) {
      if (other.life === undefined || other.life.nonce === life.nonce || other.closing) continue
      const holder = { ...lifeOf(life, now.mono), peerId: contact.peer, heldMs: 0 }
      const detail = `${newcomer.id} has been started again with the same key at ${newcomer.addresses.join(', ')}`
      this.#out.log('debug', 'elder-told', { member: newcomer.id, peerId: contact.peer, link: other.id })
      this.#turnAway(other, { code: 'NODE_ID_TAKEN', detail, holder })
    }
  }

  forget(peer: PeerId): void {
    this.#syncedAt.delete(peer)
  }

  /** Has this not been said of the peer within the last minute? Refused peers come again and again. */
  #unsaid(peer: PeerId, code: string, now: Instant): boolean {
    const last = this.#said.get(peer)
    if (last?.code === code && elapsedMs(last.at, now) < REFUSAL_LOG_MS) return false
    if (last === undefined && this.#said.size >= REFUSED_PEERS_MAX) this.#said.clear()
    this.#said.set(peer, { code, at: now })
    return true
  }

  #objection(hello: Hello, contact: Contact, link: Link, now: Now): Refusal | undefined {
    const { peer } = contact
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
    if (!isPlausible(hello.self, now.wall)) {
      const detail = `its incarnation ${hello.self.incarnation} lies centuries ahead: set its clock`
      return { code: 'PEER_NOT_ALLOWED', detail }
    }
    return this.#keyTaken(hello, contact, now.mono) ?? this.#nameTaken(hello.self, now)
  }

  /** A younger process with the same key answers: this one is its past, or was copied from. */
  #keyTaken(hello: Hello, contact: Contact, now: Instant): Refusal | undefined {
    if (hello.life === undefined) return undefined
    const born = bornOf(hello.life, now)
    for (const { life, greeted, closing, lastHeard } of contact.links.values()) {
      const answers = greeted && !closing && elapsedMs(lastHeard, now) <= ANSWERING_MS
      if (life === undefined || life.nonce === born.nonce || !answers || isYounger(born, life)) continue
      const holder = { ...lifeOf(life, now), peerId: contact.peer, heldMs: 0 }
      const detail = `the key of ${hello.self.id} is used by a process that was started later`
      return { code: 'NODE_ID_TAKEN', detail, holder }
    }
    return undefined
  }

  #nameTaken(newcomer: Pick<MemberRecord, 'id' | 'peerId'>, now: Now): Refusal | undefined {
    const holder = this.#roster.get(newcomer.id)
    if (holder === undefined || holder.record.peerId === newcomer.peerId) return undefined
    if (holder.record.status !== 'alive') return undefined
    const isSelf = newcomer.id === this.#roster.self.id
    // This node stands aside for another of its name, maybe this one.
    if (isSelf && this.#out.muted) return undefined
    const silence = isSelf ? 0 : this.#detection.silenceMs(holder, now.mono)
    if (silence > ANSWERING_MS) return undefined
    const detail = `${newcomer.id} is held by the live node with key ${holder.record.peerId} at ${holder.record.addresses.join(', ')}`
    const known = this.#holderOf(holder, now.mono)
    return { code: 'NODE_ID_TAKEN', detail, ...(known === undefined ? {} : { holder: known }) }
  }

  #holderOf(entry: Entry, now: Instant): Holder | undefined {
    const { peerId, id } = entry.record
    const own = id === this.#roster.self.id ? this.#born : undefined
    const born = own ?? this.#contacts.get(peerId)?.best()?.life
    return born && { ...lifeOf(born, now), peerId, heldMs: Math.max(0, elapsedMs(entry.holderSince, now)) }
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
