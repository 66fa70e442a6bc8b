/**
 * Going on purpose, so that nobody mistakes it for dying.
 *
 * First `leaving`: still here, draining, owning nothing. Then `left`, said on every link and acknowledged, because
 * gossip may be lost and a closed connection looks like a crash. Never waits longer than it was told to.
 */
import type { PeerId } from '../base/ids.ts'
import { after, type Instant, type Now } from '../base/time.ts'
import type { Contacts } from './contact.ts'
import type { MemberRecord } from './member.ts'
import type { News } from './news.ts'
import type { Outbox } from './outbox.ts'
import type { Roster } from './roster.ts'

/** The longest time, in ms, that a node that has left waits for acknowledgements, when nothing else was said. */
export const FAREWELL_MS = 1_000

export class Departure {
  readonly #roster: Roster
  readonly #contacts: Contacts
  readonly #news: News
  readonly #out: Outbox
  readonly #awaiting = new Set<PeerId>()
  #farewellUntil: Instant | undefined

  constructor(parts: { roster: Roster; contacts: Contacts; news: News; out: Outbox }) {
    this.#roster = parts.roster
    this.#contacts = parts.contacts
    this.#news = parts.news
    this.#out = parts.out
  }

  /** Announces that this node drains. */
  begin(now: Now): void {
    if (this.#roster.self.leaving) return
    this.#say(this.#news.proclaim({ leaving: true }, 'leaving', {}, now))
  }

  /** Announces that this node is gone. `done` tells when everybody knows. */
  finish(now: Now, farewellMs = FAREWELL_MS): void {
    if (this.#farewellUntil !== undefined) return
    this.#farewellUntil = after(now.mono, farewellMs)
    this.#awaiting.clear()
    const change = { leaving: true, status: 'left', goneAt: now.wall } as const
    this.#say(this.#news.proclaim(change, 'left', {}, now))
  }

  acknowledged(peer: PeerId): void {
    if (this.#farewellUntil !== undefined) this.#awaiting.delete(peer)
  }

  done(now: Instant): boolean {
    return this.#farewellUntil !== undefined && (this.#awaiting.size === 0 || now >= this.#farewellUntil)
  }

  #say(member: MemberRecord): void {
    for (const { record } of this.#roster.living()) {
      const link = this.#contacts.get(record.peerId)?.best()
      if (record.id === member.id || link === undefined) continue
      this.#awaiting.add(record.peerId)
      this.#out.send(link.id, { type: 'leave', member })
    }
  }
}
