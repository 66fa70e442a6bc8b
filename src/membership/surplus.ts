/**
 * Closes links that nobody needs any more, once the cluster has outgrown the full mesh. Only those that this node dialled:
 * the other end may want the link, and then it was for that end to dial. Late and a few at a time, and only while enough
 * of the wanted links speak, so that gossip has other ways; a cluster that goes back and forth over the limit closes none.
 *
 * Of two links to one peer, made when both dialled at once, the newer one goes: gossip rides on the older one. The end
 * with the lower key closes it, so that not both are closed.
 */
import { after, elapsedMs, type Instant } from '../base/time.ts'
import type { Contact, Contacts, Link } from './contact.ts'
import type { Outbox } from './outbox.ts'
import type { Roster } from './roster.ts'
import type { Topology } from './topology.ts'

/** A link must have been of no use for this long, in ms. */
const SURPLUS_MS = 30_000
/** Looked at this often, in ms; so many are closed each time. */
const LOOK_MS = 1_000
const CLOSED_MAX = 2
/** A second link is heard this often at least, in ms: with every second round trip that is measured. */
const SECOND_SPEAKS_MS = 9_000
/** A wanted link speaks when something came within this time, in ms. So many of them must, of all wanted ones. */
const SPEAKS_MS = 2_000
const SPEAKING_SHARE = 0.8

export class Surplus {
  readonly #roster: Roster
  readonly #contacts: Contacts
  readonly #topology: Topology
  readonly #out: Outbox
  #nextAt: Instant
  closed = 0

  constructor(parts: {
    roster: Roster
    contacts: Contacts
    topology: Topology
    out: Outbox
    now: Instant
  }) {
    this.#roster = parts.roster
    this.#contacts = parts.contacts
    this.#topology = parts.topology
    this.#out = parts.out
    this.#nextAt = parts.now
  }

  tick(now: Instant): void {
    if (now < this.#nextAt) return
    this.#nextAt = after(now, LOOK_MS)
    const contacts = [...this.#contacts.all()]
    if (!this.#topology.large || this.#roster.self.leaving) {
      for (const contact of contacts) contact.surplusSince = undefined
      return
    }
    for (const link of contacts.flatMap(contact => this.#second(contact, now) ?? []).slice(0, CLOSED_MAX))
      this.#close(link, 'a second link to this peer')
    const due = contacts.filter(contact => this.#isDue(contact, now))
    if (due.length === 0 || !this.#othersSpeak(now)) return
    for (const contact of due.slice(0, CLOSED_MAX)) {
      contact.surplusSince = undefined
      for (const link of contact.links.values()) this.#close(link, 'of no use among so many members')
    }
  }

  /** The newest of several links, while an older one works and long after it was made. */
  #second(contact: Contact, now: Instant): Link | undefined {
    if (contact.links.size < 2 || this.#roster.self.peerId > contact.peer) return undefined
    const open = [...contact.links.values()].filter(link => link.greeted && !link.closing)
    const newest = open.reduce<Link | undefined>(
      (latest, link) => (latest === undefined || link.openedAt > latest.openedAt ? link : latest),
      undefined,
    )
    if (newest === undefined || elapsedMs(newest.openedAt, now) < SURPLUS_MS) return undefined
    const works = open.some(link => link !== newest && elapsedMs(link.lastHeard, now) <= SECOND_SPEAKS_MS)
    return works ? newest : undefined
  }

  #isDue(contact: Contact, now: Instant): boolean {
    const record = this.#roster.byPeer(contact.peer)?.record
    const isSurplus = record?.status === 'alive' && contact.dialledByUs && !this.#topology.wants(record.id)
    if (!isSurplus) {
      contact.surplusSince = undefined
      return false
    }
    contact.surplusSince ??= now
    return elapsedMs(contact.surplusSince, now) >= SURPLUS_MS
  }

  #othersSpeak(now: Instant): boolean {
    const wanted = this.#topology.wanted()
    const speaking = wanted.filter(({ record }) => {
      const heard = this.#contacts.get(record.peerId)?.best()?.lastHeard
      return heard !== undefined && elapsedMs(heard, now) <= SPEAKS_MS
    })
    return speaking.length >= SPEAKING_SHARE * wanted.length
  }

  #close(link: Link, why: string): void {
    if (link.closing) return
    link.closing = true
    this.closed++
    this.#out.closeLink(link.id, why)
  }
}
