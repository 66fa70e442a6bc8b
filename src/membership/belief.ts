/**
 * Is a claim of death, or of another key or name, believable?
 *
 * Not about a member that this node hears itself: the member is told instead, and can refute it. Where not everybody is
 * linked, a node hears of most members through others, and that counts too: when two halves of a network meet again, each
 * brings tombstones of the other's members, and whoever took them over would bury its own side. But the verdict of a
 * member's own observers may be a moment younger than the last news of its life, so what they publish is believed. What is
 * not believed is published once, so that the member hears of it and refutes.
 */
import type { NodeId } from '../base/ids.ts'
import { elapsedMs, type Instant, type Now } from '../base/time.ts'
import type { MembershipConfig } from './config.ts'
import type { Contacts } from './contact.ts'
import type { Detection } from './detection.ts'
import type { MemberRecord } from './member.ts'
import type { News, Source } from './news.ts'
import type { Outbox } from './outbox.ts'
import type { Roster } from './roster.ts'
import type { Topology } from './topology.ts'

/** What was published once is not published again for this long, in ms. */
const TOLD_MS = 5_000
/** Members of whom is remembered that they were told. */
const TOLD_MAX = 2_000

export class Belief {
  readonly #config: MembershipConfig
  readonly #roster: Roster
  readonly #contacts: Contacts
  readonly #topology: Topology
  readonly #detection: Detection
  readonly #news: News
  readonly #out: Outbox
  readonly #told = new Map<NodeId, { readonly incarnation: number; readonly at: Instant }>()
  /** Claims that were not believed. */
  disbelieved = 0

  constructor(parts: {
    config: MembershipConfig
    roster: Roster
    contacts: Contacts
    topology: Topology
    detection: Detection
    news: News
    out: Outbox
  }) {
    this.#config = parts.config
    this.#roster = parts.roster
    this.#contacts = parts.contacts
    this.#topology = parts.topology
    this.#detection = parts.detection
    this.#news = parts.news
    this.#out = parts.out
  }

  /**
   * @param from whose word it is
   * @param about whom the claim would end: the member itself, or another name that lives with its key
   */
  isBelievable(
    record: MemberRecord,
    source: Source,
    from: NodeId | undefined,
    now: Now,
    about: NodeId = record.id,
  ): boolean {
    const entry = this.#roster.get(about)
    if (entry === undefined || entry.record.status !== 'alive') return true
    const link = this.#contacts.get(entry.record.peerId)?.best()
    const renames = about !== record.id
    // Frames with one key may be counted as those of a name that its process does not bear: it says so in its hello.
    if (renames && link !== undefined && link.name !== about) return true
    if (link !== undefined && this.#detection.hears(entry, now.mono)) {
      this.disbelieved++
      if (record.incarnation >= entry.record.incarnation)
        this.#out.send(link.id, { type: 'rumour', members: [record] })
      return false
    }
    if (!this.#topology.large || this.#detection.silenceMs(entry, now.mono) > this.#config.silenceMsMax)
      return true
    if (source === 'gossip' && from !== undefined && this.#topology.circle.isNear(from, about)) return true
    this.disbelieved++
    const contests = renames && record.incarnation >= entry.record.incarnation
    if (record.status === 'dead' || contests) this.#tellAll(record, source, now.mono)
    return false
  }

  #tellAll(record: MemberRecord, source: Source, now: Instant): void {
    const last = this.#told.get(record.id)
    const isTold = last?.incarnation === record.incarnation && elapsedMs(last.at, now) < TOLD_MS
    if (last === undefined && this.#told.size >= TOLD_MAX) this.#told.clear()
    this.#told.set(record.id, { incarnation: record.incarnation, at: now })
    if (!isTold && source !== 'gossip') this.#news.spread(record, now)
  }
}
