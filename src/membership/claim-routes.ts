/**
 * Who is told of an accusation? Up to 11 members everybody, every time. Above, those who judge: the co-observers and the
 * accused, over their links, every time it is said; everybody else only once, and of each member only the first two
 * accusers: enough to show it as suspect, and for its fellow observers elsewhere not to wait for its word. What was
 * said while members were lost, and others judged in their place, is taken back from everybody: a claim that is not taken back
 * at one judge would convict the living there.
 */
import type { LinkId, NodeId } from '../base/ids.ts'
import type { Instant } from '../base/time.ts'
import type { ClaimBoard } from './claims.ts'
import type { Contacts } from './contact.ts'
import type { Claim } from './messages.ts'
import type { Circle } from './observers.ts'
import type { Outbox } from './outbox.ts'
import type { Roster } from './roster.ts'

/** Claims in one message: 400 of about 150 bytes stay below the 64 KiB of a gossip message. */
const CLAIMS_MESSAGE_MAX = 400
/** Of each member so many accusers are told to everybody. */
const FLOODED_ACCUSERS = 2

export class ClaimRoutes {
  readonly #roster: Roster
  readonly #contacts: Contacts
  readonly #claims: ClaimBoard
  readonly #circle: Circle
  readonly #out: Outbox
  /** To be told to everybody with the next tick, unless two others have been by then. */
  readonly #pending = new Map<NodeId, Claim>()
  /** What everybody was told by this node: its withdrawal must be told too. */
  readonly #flooded = new Map<NodeId, Claim>()

  /** Members that this node accused while judges were not where they usually are: all must hear that it takes that back, once. */
  readonly #scattered = new Map<NodeId, 'told' | 'taken back'>()

  constructor(parts: {
    roster: Roster
    contacts: Contacts
    claims: ClaimBoard
    circle: Circle
    out: Outbox
  }) {
    this.#roster = parts.roster
    this.#contacts = parts.contacts
    this.#claims = parts.claims
    this.#circle = parts.circle
    this.#out = parts.out
  }

  /** Says claims of this node, for the first time or again. */
  say(claims: readonly Claim[]): void {
    if (claims.length === 0) return
    if (this.#circle.small) {
      this.#publish(claims)
      return
    }
    this.#tellJudges(claims)
    for (const claim of claims) {
      const told = this.#flooded.get(claim.subject)
      if (claim.withdrawn ? told !== undefined : told?.sequence !== claim.sequence)
        this.#pending.set(claim.subject, claim)
    }
  }

  /** Tells everybody what they need to know. */
  flush(now: Instant): void {
    if (this.#pending.size === 0) return
    const due = [...this.#pending.values()].filter(claim => this.#isNews(claim))
    this.#pending.clear()
    for (const claim of due) {
      if (claim.withdrawn) this.#flooded.delete(claim.subject)
      else {
        this.#flooded.set(claim.subject, claim)
        this.#claims.note(claim, now, true)
      }
    }
    this.#publish(due)
  }

  forget(member: NodeId): void {
    this.#pending.delete(member)
    this.#flooded.delete(member)
    this.#scattered.delete(member)
  }

  #isNews({ subject, incarnation, withdrawn }: Claim): boolean {
    const record = this.#roster.get(subject)?.record
    if (record?.status !== 'alive' || record.incarnation !== incarnation) return false
    if (withdrawn) return this.#flooded.has(subject)
    return this.#claims.accusers(subject, incarnation, true) < FLOODED_ACCUSERS
  }

  #publish(claims: readonly Claim[]): void {
    for (let from = 0; from < claims.length; from += CLAIMS_MESSAGE_MAX)
      this.#out.publish({ type: 'claims', claims: claims.slice(from, from + CLAIMS_MESSAGE_MAX) })
  }

  /** One message a link, whatever the number of claims. */
  #tellJudges(claims: readonly Claim[]): void {
    const self = this.#roster.self.id
    const byLink = new Map<LinkId, Claim[]>()
    const unreached = new Set<Claim>()
    for (const claim of claims) {
      for (const judge of [...this.#circle.observersOf(claim.subject), claim.subject]) {
        const link = judge === self ? undefined : this.#linkTo(judge)
        if (link === undefined && judge !== self && judge !== claim.subject) unreached.add(claim)
        if (link === undefined) continue
        const told = byLink.get(link)
        if (told === undefined) byLink.set(link, [claim])
        else told.push(claim)
      }
    }
    for (const [link, told] of byLink) this.#out.send(link, { type: 'claims', claims: told })
    this.#publish(claims.filter(claim => this.#concernsAll(claim, unreached.has(claim))))
  }

  /** Where the duty has passed over those who are lost, observers are no neighbours any more. */
  #concernsAll({ subject, withdrawn }: Claim, unreached: boolean): boolean {
    const passedOver = this.#circle.lost.size > 0
    if (!withdrawn) {
      if (passedOver) this.#scattered.set(subject, 'told')
      else if (this.#scattered.get(subject) === 'taken back') this.#scattered.delete(subject)
      return passedOver && unreached
    }
    // Who judged while some were lost may be no observer now, and judges on.
    const scattered = this.#scattered.get(subject)
    if (scattered === 'taken back' || (scattered === undefined && !unreached)) return false
    this.#scattered.set(subject, 'taken back')
    return true
  }

  #linkTo(member: NodeId): LinkId | undefined {
    const entry = this.#roster.get(member)
    return entry && this.#contacts.get(entry.record.peerId)?.best()?.id
  }
}
