/**
 * Another live node bears this one's name, and this is the one that stands aside.
 *
 * Members refuse the second bearer of a name and tell it who the first is; `life.ts` says which of the two gives way.
 * Whoever does takes its leave in its own incarnation, which the other outbids, so nobody waits for it or dials it; it
 * publishes nothing, accuses nobody and owns nothing, for with a copied key its word would be taken for the other's. Its
 * process stays and asks again every few seconds: when the other is gone, it is accepted, and takes its place.
 *
 * Ending the process was the other road. A supervisor starts it again at once, and then every restart looks younger and
 * takes the name: two copies of one data directory would throw each other out for ever.
 */
import { after, elapsedMs, type Instant, type Now } from '../base/time.ts'
import type { MembershipConfig } from './config.ts'
import type { Contacts, Link } from './contact.ts'
import type { Cordon } from './cordon.ts'
import type { RefusalSeen } from './handshake.ts'
import { type Born, standsAside } from './life.ts'
import type { MemberRecord } from './member.ts'
import type { Holder } from './messages.ts'
import { isAnother, type News } from './news.ts'
import type { LogFields, Outbox } from './outbox.ts'
import type { Roster } from './roster.ts'

/**
 * A holder that died without a word is soon silent for long enough: the first time this node asks again after this, in ms,
 * and later as often as seeds are.
 */
const FIRST_RETRY_MS = 2_000
/** Accepted by one member and refused by none for this long, in ms, a node that stood aside is back. */
const RETURN_MS = 1_000

interface Aside {
  readonly detail: string
  readonly since: Instant
  /** Since when it has been accepted again, and the highest incarnation of its name that it was told of then. */
  accepted: { readonly at: Instant; readonly incarnation: number } | undefined
}

export class Namesake {
  readonly #config: MembershipConfig
  readonly #born: Born
  readonly #roster: Roster
  readonly #contacts: Contacts
  readonly #news: News
  readonly #cordon: Cordon
  readonly #out: Outbox
  readonly #hasLease: (() => boolean) | undefined
  /** Since when members have taken this node under its name. */
  #heldSince: Instant | undefined
  #aside: Aside | undefined

  constructor(parts: {
    config: MembershipConfig
    born: Born
    roster: Roster
    contacts: Contacts
    news: News
    cordon: Cordon
    out: Outbox
    /** Not given in available mode. */
    hasLease: (() => boolean) | undefined
  }) {
    this.#config = parts.config
    this.#born = parts.born
    this.#roster = parts.roster
    this.#contacts = parts.contacts
    this.#news = parts.news
    this.#cordon = parts.cordon
    this.#out = parts.out
    this.#hasLease = parts.hasLease
  }

  /** Why this node stands aside; undefined while it does not. */
  get detail(): string | undefined {
    return this.#aside?.detail
  }

  /** A member refused this node, for `holder` bears its name. */
  taken(refusal: RefusalSeen, holder: Holder | undefined, now: Now): void {
    if (this.#aside !== undefined) {
      this.#aside.accepted = undefined
      this.#farewell(now)
      this.#askSoon(this.#aside.since, now.mono)
      return
    }
    const heldMs = this.#heldSince === undefined ? 0 : elapsedMs(this.#heldSince, now.mono)
    const own = { born: this.#born, peerId: this.#roster.self.peerId, heldMs, lease: this.#hasLease?.() }
    if (!standsAside(own, holder, now.mono)) return
    this.#heldSince = undefined
    this.#aside = { detail: refusal.detail, since: now.mono, accepted: undefined }
    const fields = {
      code: refusal.code,
      detail: refusal.detail,
      peerId: holder?.peerId,
      refusedBy: refusal.peer,
    }
    this.#say(fields, now)
    this.#farewell(now)
    this.#askSoon(now.mono, now.mono)
    this.#out.muted = true
    this.#cordon.setSilently('namesake', now)
  }

  #say(fields: LogFields, now: Now): void {
    const { id, leaving } = this.#roster.self
    if (leaving) {
      const text = 'its successor is there while this node still drains'
      this.#news.record(id, 'info', 'succeeded', text, fields, now)
      return
    }
    const text = 'another node bears the name of this one, which stands aside'
    this.#news.record(id, 'error', 'node-id-conflict', text, fields, now)
  }

  /** A member shares what it knows: it has taken this node, unless it says that the name is another's. */
  accepted(members: readonly MemberRecord[], now: Now): void {
    const { self } = this.#roster
    const said = members.find(record => record.id === self.id)
    if (said !== undefined && isAnother(said, self)) return
    this.#heldSince ??= now.mono
    if (this.#aside === undefined || this.#aside.accepted !== undefined) return
    this.#aside.accepted = { at: now.mono, incarnation: said?.incarnation ?? 0 }
  }

  /** Comes back when the name is free. True while it does not. */
  waits(now: Now): boolean {
    const aside = this.#aside
    if (aside === undefined) return false
    if (aside.accepted === undefined || elapsedMs(aside.accepted.at, now.mono) < RETURN_MS) return true
    this.#aside = undefined
    this.#out.muted = false
    this.#roster.restartSilence(now.mono)
    const { self } = this.#roster
    const asideMs = elapsedMs(aside.since, now.mono)
    this.#news.record(self.id, 'info', 'node-id-free', 'no other node bears this name', { asideMs }, now)
    const incarnation = Math.max(aside.accepted.incarnation, self.incarnation) + 1
    this.#cordon.set('namesake', false, now, incarnation)
    for (const link of this.#openLinks()) {
      this.#out.send(link.id, { type: 'rumour', members: [this.#roster.self] })
    }
    return false
  }

  #askSoon(since: Instant, now: Instant): void {
    const first = after(since, Math.min(FIRST_RETRY_MS, this.#config.redialMsMax))
    if (first < now) return
    for (const contact of this.#contacts.all()) contact.nextDialAt = first
  }

  /** To whoever took this node for a member it is gone; the other bearer outbids that. */
  #farewell(now: Now): void {
    const member = { ...this.#roster.self, status: 'left' as const, leaving: true, goneAt: now.wall }
    for (const link of this.#openLinks()) {
      this.#out.send(link.id, { type: 'leave', member })
      link.closing = true
      this.#out.closeLink(link.id, 'stands aside')
    }
  }

  #openLinks(): Link[] {
    return [...this.#contacts.all()].flatMap(contact =>
      [...contact.links.values()].filter(link => link.greeted && !link.closing),
    )
  }
}
