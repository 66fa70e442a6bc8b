/**
 * Closes links that nobody needs any more, once the cluster has outgrown the full mesh. Only those that this node dialled:
 * the other end may want the link, and then it was for that end to dial. Late and a few at a time, and only while enough
 * of the wanted links speak, so that gossip has other ways; a cluster that goes back and forth over the limit closes none.
 */
import { after, elapsedMs, type Instant } from '../base/time.ts'
import type { Contact, Contacts } from './contact.ts'
import type { Outbox } from './outbox.ts'
import type { Roster } from './roster.ts'
import type { Topology } from './topology.ts'

/** A link must have been of no use for this long, in ms. */
const SURPLUS_MS = 30_000
/** Looked at this often, in ms; so many are closed each time. */
const LOOK_MS = 1_000
const CLOSED_MAX = 2
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
    const due = [...this.#contacts.all()].filter(contact => this.#isDue(contact, now))
    if (due.length === 0 || this.#roster.self.leaving || !this.#othersSpeak(now)) return
    for (const contact of due.slice(0, CLOSED_MAX)) this.#close(contact)
  }

  #isDue(contact: Contact, now: Instant): boolean {
    const record = this.#roster.byPeer(contact.peer)?.record
    const isSurplus =
      this.#topology.large &&
      record?.status === 'alive' &&
      contact.dialledByUs &&
      !this.#topology.wants(record.id)
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

  #close(contact: Contact): void {
    contact.surplusSince = undefined
    this.closed++
    for (const link of contact.links.values()) {
      if (link.closing) continue
      link.closing = true
      this.#out.closeLink(link.id, 'of no use among so many members')
    }
  }
}
