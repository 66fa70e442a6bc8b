/**
 * What a peer says, and who must know of it. Frames on a link count once its hello was taken; gossip counts by its author.
 * Anything heard from a member, on any connection, is contact.
 */
import type { LinkId, NodeId, PeerId } from '../base/ids.ts'
import type { Now } from '../base/time.ts'
import type { Contact, Contacts, Link } from './contact.ts'
import { convict } from './conviction.ts'
import type { Departure } from './departure.ts'
import type { Detection } from './detection.ts'
import type { Dialling } from './dialling.ts'
import type { Handshake } from './handshake.ts'
import type { Heartbeats } from './heartbeats.ts'
import type { Claim, Hello, Leave, MembershipGossip, MembershipLinkMessage, Refuse } from './messages.ts'
import type { Namesake } from './namesake.ts'
import type { News } from './news.ts'
import type { Outbox } from './outbox.ts'
import type { Entry, Roster } from './roster.ts'
import type { Verdict } from './verdicts.ts'

interface Parts {
  readonly roster: Roster
  readonly contacts: Contacts
  readonly handshake: Handshake
  readonly namesake: Namesake
  readonly detection: Detection
  readonly dialling: Dialling
  readonly heartbeats: Heartbeats
  readonly departure: Departure
  readonly news: News
  readonly out: Outbox
}

export class Listening {
  readonly #parts: Parts
  strangersDropped = 0
  ungreetedDropped = 0

  constructor(parts: Parts) {
    this.#parts = parts
  }

  frame(link: LinkId, peer: PeerId, message: MembershipLinkMessage, now: Now): void {
    const contact = this.#parts.contacts.get(peer)
    const open = contact?.links.get(link)
    if (contact === undefined || open === undefined || open.closing) return
    if (message.type === 'hello') this.#hello(message, contact, open, now)
    else if (message.type === 'refuse') this.#refused(message, contact, open, now)
    else if (!open.greeted) this.ungreetedDropped++
    else this.#fromMember(message, contact, open, now)
  }

  /**
   * Any other room's frame came on this link: it is contact too. Undefined: the peer is nobody, drop the frame.
   * @param inRhythm the frame comes by itself every probe interval (`renew`, `grant`): no probe is needed beside it
   */
  touched(link: LinkId, peer: PeerId, now: Now, inRhythm = false): NodeId | undefined {
    const contact = this.#parts.contacts.get(peer)
    const open = contact?.links.get(link)
    if (contact === undefined || open === undefined || !open.greeted || open.closing) return undefined
    if (inRhythm) contact.spokenAt = now.mono
    return this.#contact(contact, open, now)?.record.id
  }

  gossip(author: PeerId, via: PeerId, message: MembershipGossip, now: Now): void {
    const { contacts, roster, heartbeats, news } = this.#parts
    const carrier = contacts.get(via)
    if (carrier !== undefined && roster.byPeer(via) !== undefined) this.#contact(carrier, undefined, now)
    const from = roster.byPeer(author)?.record.id
    if (from === undefined) {
      this.strangersDropped++
      return
    }
    switch (message.type) {
      case 'heartbeat':
        heartbeats.hear(message, author, now)
        break
      case 'rumour':
        for (const record of message.members) news.take(record, 'gossip', from, now)
        break
      case 'claims':
        this.#hearClaims(message.claims, from, now, true)
        break
    }
  }

  /** Carries out verdicts. */
  convict(verdicts: readonly Verdict[], now: Now): void {
    convict(verdicts, this.#parts, now)
  }

  #refused(refuse: Refuse, contact: Contact, link: Link, now: Now): void {
    const { handshake, dialling, namesake } = this.#parts
    const seen = handshake.refused(refuse, contact, link, now.mono)
    dialling.refusedBy(contact, now.mono)
    if (refuse.code === 'NODE_ID_TAKEN') namesake.taken(seen, refuse.holder, now)
  }

  #hello(hello: Hello, contact: Contact, link: Link, now: Now): void {
    if (this.#parts.handshake.hello(hello, contact, link, now)) this.#contact(contact, link, now)
  }

  #fromMember(message: MembershipLinkMessage, contact: Contact, link: Link, now: Now): void {
    const { roster, handshake, namesake, heartbeats, departure, news, out } = this.#parts
    if (roster.byPeer(contact.peer) === undefined) handshake.nobody(message, contact, link, now)
    const entry = this.#contact(contact, link, now)
    if (entry === undefined) return
    const from = entry.record.id
    switch (message.type) {
      case 'ping':
        contact.pingedAt = now.mono
        out.send(link.id, { type: 'ack', seq: message.seq })
        break
      case 'ack':
        contact.acked(link, message.seq, now.mono)
        break
      case 'sync':
        if (!message.more) namesake.accepted(message.members, now)
        handshake.sync(message, from, contact, link, now)
        break
      case 'rumour':
        for (const record of message.members) news.take(record, 'sync', from, now)
        break
      case 'leave':
        this.#leaving(message, contact, link, now)
        break
      case 'summary':
        if (handshake.summary(message.buckets, from, contact, link, now.mono)) namesake.accepted([], now)
        break
      case 'liveness':
        heartbeats.liveness(message, contact, now.mono)
        break
      case 'claims':
        this.#hearClaims(message.claims, from, now, false)
        break
      case 'leave-ack':
        departure.acknowledged(contact.peer)
        break
      default:
        break
    }
  }

  /** Another process may be the member by now, with the same key or one of its own: then only this one's part ends. */
  #leaving(leave: Leave, contact: Contact, link: Link, now: Now): void {
    if (leave.member.peerId !== contact.peer) return
    const { roster, news, out } = this.#parts
    const known = roster.get(leave.member.id)?.record
    const isHolder = known === undefined || known.peerId === contact.peer
    if (isHolder && !contact.outlives(link)) news.take(leave.member, 'leave', leave.member.id, now)
    out.send(link.id, { type: 'leave-ack', incarnation: leave.member.incarnation })
  }

  /** The peer was heard on a connection. One that counts as dead is told so, and will refute. */
  #contact(contact: Contact, link: Link | undefined, now: Now): Entry | undefined {
    const { roster, detection, handshake } = this.#parts
    contact.heard(link, now.mono)
    const entry = roster.byPeer(contact.peer)
    if (entry === undefined) return undefined
    detection.contacted(entry, now)
    if (entry.record.status === 'dead') handshake.pushPull(contact, now.mono)
    return entry
  }

  #hearClaims(claims: readonly Claim[], from: NodeId, now: Now, flooded: boolean): void {
    const { detection } = this.#parts
    const own = claims.filter(claim => claim.accuser === from)
    for (const claim of own) detection.hear(claim, now, flooded)
    this.convict(detection.judgeClaims(own, now), now)
  }
}
