/**
 * Who is told of an accusation? Up to 11 members everybody, every time. Above, those who judge: the co-observers and the
 * accused, over their links, every time it is said; everybody else only once, and of each member only the first two
 * accusers: enough to show it as suspect, and for its fellow observers elsewhere not to wait for its word. A claim is
 * taken back from all who were told of it, however many the members are and whoever judges by then, and from everybody when a
 * judge is out of reach: where it is not taken back it would convict the living.
 */
import type { LinkId, NodeId } from '../base/ids.ts'
import type { Instant } from '../base/time.ts'
import type { ClaimBoard } from './claims.ts'
import type { Contacts } from './contact.ts'
import type { Claim } from './messages.ts'
import type { Circle } from './observers.ts'
import type { Outbox } from './outbox.ts'
import { portions } from './portions.ts'
import type { Roster } from './roster.ts'

/** Of each member so many accusers are told to everybody. */
const FLOODED_ACCUSERS = 2

/** Who was told that this node accuses a member. They judge on, whoever observes that member by then. */
interface Told {
  readonly judges: Set<NodeId>
  /** Sequence of the withdrawal that everybody was told because a judge was out of reach: once is enough. */
  takenBack?: number
}

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
  /** By the accused; until the claim is forgotten, for a withdrawal is said more than once. */
  readonly #told = new Map<NodeId, Told>()

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
      this.#sayToAll(claims)
      return
    }
    this.#tellJudges(claims)
    for (const claim of claims) {
      const told = this.#flooded.get(claim.subject)
      if (claim.withdrawn ? told !== undefined : told?.sequence !== claim.sequence)
        this.#pending.set(claim.subject, claim)
      else if (claim.withdrawn) this.#pending.delete(claim.subject)
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

  /** This node's claim against the member is gone, or the member itself. */
  forget(member: NodeId): void {
    this.#pending.delete(member)
    this.#flooded.delete(member)
    this.#told.delete(member)
  }

  #isNews({ subject, incarnation, withdrawn }: Claim): boolean {
    const record = this.#roster.get(subject)?.record
    if (record?.status !== 'alive' || record.incarnation !== incarnation) return false
    if (withdrawn) return this.#flooded.has(subject)
    return this.#claims.accusers(subject, incarnation, true) < FLOODED_ACCUSERS
  }

  /** Remembers it: there may be more members when it is taken back. */
  #sayToAll(claims: readonly Claim[]): void {
    this.#publish(claims)
    for (const claim of claims) {
      this.#pending.delete(claim.subject)
      if (claim.withdrawn) this.#flooded.delete(claim.subject)
      else this.#flooded.set(claim.subject, claim)
    }
  }

  #publish(claims: readonly Claim[]): void {
    for (const some of portions(claims)) this.#out.publish({ type: 'claims', claims: some })
  }

  /** One message a link, whatever the number of claims. */
  #tellJudges(claims: readonly Claim[]): void {
    const self = this.#roster.self.id
    const byLink = new Map<LinkId, Claim[]>()
    const concernsAll = new Set<Claim>()
    for (const claim of claims) {
      const judges = this.#judgesOf(claim)
      for (const judge of [...judges, claim.subject]) {
        const link = judge === self ? undefined : this.#linkTo(judge)
        if (link === undefined && judge !== self && judge !== claim.subject) concernsAll.add(claim)
        if (link === undefined) continue
        const told = byLink.get(link)
        if (told === undefined) byLink.set(link, [claim])
        else told.push(claim)
      }
    }
    for (const [link, told] of byLink) this.#out.send(link, { type: 'claims', claims: told })
    // Where the duty has passed over those who are lost, observers are no neighbours any more.
    const passedOver = this.#circle.lost.size > 0
    const toAll = [...concernsAll].filter(claim => this.#takesBack(claim) || passedOver)
    this.#publish(toAll)
    for (const claim of toAll) if (!claim.withdrawn) this.#flooded.set(claim.subject, claim)
  }

  /** A judge who was told is out of reach, and not everybody knows that the claim is taken back. */
  #takesBack({ subject, withdrawn, sequence }: Claim): boolean {
    const told = this.#told.get(subject)
    if (!withdrawn || told === undefined || told.takenBack === sequence) return false
    told.takenBack = sequence
    return true
  }

  /** Those who observe the member now, and those who were told of this node's claim when they did. */
  #judgesOf({ subject, withdrawn }: Claim): ReadonlySet<NodeId> {
    const observers = this.#circle.observersOf(subject)
    const told = this.#told.get(subject) ?? { judges: new Set() }
    if (withdrawn) return new Set([...told.judges, ...observers])
    for (const observer of observers) told.judges.add(observer)
    this.#told.set(subject, told)
    return told.judges
  }

  #linkTo(member: NodeId): LinkId | undefined {
    const entry = this.#roster.get(member)
    return entry && this.#contacts.get(entry.record.peerId)?.best()?.id
  }
}
