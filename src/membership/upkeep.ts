/** What links need from time to time: probes, an end to those that never said hello, and a full exchange now and then. */
import type { Random } from '../base/random.ts'
import { after, elapsedMs, type Instant, later } from '../base/time.ts'
import type { MembershipConfig } from './config.ts'
import type { Contacts } from './contact.ts'
import type { Handshake } from './handshake.ts'
import type { Outbox } from './outbox.ts'
import type { Roster } from './roster.ts'

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
  #nextSyncAt: Instant

  constructor(parts: {
    config: MembershipConfig
    roster: Roster
    contacts: Contacts
    handshake: Handshake
    random: Random
    out: Outbox
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
    this.#nextSyncAt = after(parts.now, parts.random.between(0.5, 1) * parts.config.syncIntervalMs)
  }

  /** Pings every living member on all its links, unless its own pings do for both. */
  probe(now: Instant): void {
    const { probeIntervalMs } = this.#config
    for (const { record } of this.#roster.living()) {
      const contact = this.#contacts.get(record.peerId)
      if (contact === undefined || now < contact.nextProbeAt) continue
      contact.nextProbeAt = after(later(contact.nextProbeAt, after(now, -this.#tickMs)), probeIntervalMs)
      if (contact.probesUs(probeIntervalMs, now)) continue
      for (const link of contact.links.values()) {
        if (link.greeted) this.#out.send(link.id, { type: 'ping', seq: contact.ping(link, now) })
      }
    }
  }

  /** A push-pull with one random member, so that whatever gossip lost is made good. */
  antiEntropy(now: Instant): void {
    if (now < this.#nextSyncAt) return
    this.#nextSyncAt = after(now, this.#random.between(0.8, 1.2) * this.#config.syncIntervalMs)
    const linked = this.#roster.living().flatMap(({ record }) => {
      const contact = this.#contacts.get(record.peerId)
      return contact?.best() === undefined ? [] : [contact]
    })
    const chosen = this.#random.pick(linked)
    if (chosen !== undefined) this.#handshake.pushPull(chosen, now)
  }

  closeUngreeted(now: Instant): void {
    for (const contact of this.#contacts.all()) {
      for (const link of contact.links.values()) {
        if (link.greeted || elapsedMs(link.openedAt, now) < GREETING_MS) continue
        contact.links.delete(link.id)
        this.#out.closeLink(link.id, 'no hello came')
      }
      const isStranger = this.#roster.byPeer(contact.peer) === undefined
      if (isStranger && contact.links.size === 0) this.#contacts.delete(contact.peer)
    }
  }
}
