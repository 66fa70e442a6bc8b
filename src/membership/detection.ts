/**
 * Who is silent? This node's own accusations, and the verdicts that follow from everybody's.
 *
 * Silence is measured from the last contact, direct or told of by others. Its limit adapts to the worst gap of the last
 * minute within narrow bounds: phi accrual was tried and is worse, for it learns a regular rhythm and then punishes the
 * first pause. A node that stood still itself accuses nobody for a while: its own silence is not the others'.
 */
import type { NodeId } from '../base/ids.ts'
import { after, elapsedMs, type Instant, later, type Now } from '../base/time.ts'
import type { ClaimBoard } from './claims.ts'
import type { MembershipConfig } from './config.ts'
import type { Contact, Contacts } from './contact.ts'
import type { Hearsay } from './hearsay.ts'
import type { Claim, Evidence } from './messages.ts'
import type { News } from './news.ts'
import { OBSERVERS_MAX, observersOf } from './observers.ts'
import type { Outbox } from './outbox.ts'
import type { Entry, Roster } from './roster.ts'
import { type Verdict, Verdicts } from './verdicts.ts'

/** Longest and shortest time without accusations after this node stood still, in ms. */
const MUTE_MS_MIN = 1_000
const MUTE_MS_MAX = 5_000
/** A refusal is void once the member is heard this much later: hearsay carries the delay of its way. */
const REFUSAL_MARGIN_MS = 200
/** Claims in one message: 400 of about 150 bytes stay below the 64 KiB of a gossip message. */
const CLAIMS_MESSAGE_MAX = 400
/** A withdrawal is said this often, for it may get lost. */
const WITHDRAWALS = 3

interface OwnClaim {
  claim: Claim
  since: Instant
  sayAgainAt: Instant
  withdrawalsLeft: number
}

export class Detection {
  readonly #config: MembershipConfig
  readonly #roster: Roster
  readonly #contacts: Contacts
  readonly #hearsay: Hearsay
  readonly #claims: ClaimBoard
  readonly #news: News
  readonly #out: Outbox
  readonly #verdicts: Verdicts
  readonly #own = new Map<NodeId, OwnClaim>()
  #sequence: number
  #mutedUntil: Instant
  standstills = 0
  accusations = 0
  deaths = 0

  constructor(parts: {
    config: MembershipConfig
    roster: Roster
    contacts: Contacts
    hearsay: Hearsay
    claims: ClaimBoard
    news: News
    out: Outbox
    now: Instant
  }) {
    this.#config = parts.config
    this.#roster = parts.roster
    this.#contacts = parts.contacts
    this.#hearsay = parts.hearsay
    this.#claims = parts.claims
    this.#news = parts.news
    this.#out = parts.out
    this.#verdicts = new Verdicts(parts.config, parts.roster, parts.claims)
    // Starts at the incarnation, which is above every sequence of an earlier life.
    this.#sequence = parts.roster.self.incarnation
    this.#mutedUntil = parts.now
  }

  /** Milliseconds since the member was last known to live, by this node's ears or others'. */
  silenceMs(entry: Entry, now: Instant): number {
    return elapsedMs(this.#lastKnownAlive(entry), now)
  }

  /** Milliseconds since this node heard the member itself; undefined when it never did in this incarnation. */
  directSilenceMs(entry: Entry, now: Instant): number | undefined {
    const heard = this.#contacts.get(entry.record.peerId)?.lastHeard
    return heard === undefined ? undefined : elapsedMs(heard, now)
  }

  /** The silence S after which this node accuses. */
  limitMs(contact: Contact | undefined, now: Instant): number {
    const { silenceMsMin, silenceMsMax } = this.#config
    const gap = 1.5 * (contact?.worstGapMs(now) ?? 0)
    const rttvar = contact?.srttMs === undefined ? 0 : contact.rttvarMs
    return (
      Math.max(silenceMsMin, Math.min(silenceMsMax, gap)) + (contact?.srttMs ?? 0) + Math.max(50, 4 * rttvar)
    )
  }

  /**
   * This node stood still for `lateMs`: restart the holds, and keep quiet for a while.
   * @param shiftMs how far the monotonic clock ran meanwhile; less than `lateMs` when only the wall clock jumped
   */
  stoodStill(lateMs: number, shiftMs: number, now: Instant): void {
    this.standstills++
    for (const own of this.#own.values()) {
      own.sayAgainAt = after(own.sayAgainAt, shiftMs)
      own.since = after(own.since, shiftMs)
    }
    this.#verdicts.restartHolds(now)
    this.#mutedUntil = later(
      this.#mutedUntil,
      after(now, Math.max(MUTE_MS_MIN, Math.min(lateMs, MUTE_MS_MAX))),
    )
  }

  /** Accuses, withdraws, says standing claims again, and passes verdicts. */
  tick(now: Now): Verdict[] {
    this.#claims.expire(now.mono)
    const living = this.#roster.living().map(entry => entry.record.id)
    for (const entry of this.#roster.living()) {
      if (entry.record.id !== this.#roster.self.id) this.#watch(entry, living, now)
    }
    this.#sayAgain(now.mono)
    return this.judge(now)
  }

  /** Passes the verdicts that are ripe now. */
  judge(now: Now): Verdict[] {
    const verdicts = this.#verdicts.judge(this.#muted(now.mono), now.mono)
    this.deaths += verdicts.length
    return verdicts
  }

  /** A re-dial right after the remote's close was refused: nobody lives there any more. */
  refused(entry: Entry, now: Now): void {
    this.#accuse(entry, 'refused', now)
  }

  /** The member was heard on a connection: a claim of this node against it is void. */
  contacted(entry: Entry, now: Now): void {
    const own = this.#own.get(entry.record.id)
    if (own !== undefined && !own.claim.withdrawn) this.#withdraw(own, 'contact', now)
  }

  /** Takes another's claim. One against this node is refuted. */
  hear(claim: Claim, now: Now): void {
    const self = this.#roster.self
    if (claim.accuser === self.id || this.#roster.get(claim.accuser) === undefined) return
    if (claim.subject === self.id) {
      if (claim.withdrawn || claim.incarnation !== self.incarnation || self.status === 'left') return
      this.#news.refute(self.incarnation, `accused: ${claim.evidence}`, claim.accuser, now)
      return
    }
    const known = this.#roster.get(claim.subject)?.record
    if (known === undefined || known.incarnation !== claim.incarnation) return
    const isNews = this.#claims.note(claim, now.mono)
    if (isNews && known.status === 'alive') this.#recordClaim(claim, now)
  }

  forget(member: NodeId): void {
    this.#own.delete(member)
    this.#claims.forget(member)
    this.#hearsay.forget(member)
  }

  #watch(entry: Entry, living: readonly NodeId[], now: Now): void {
    const own = this.#own.get(entry.record.id)
    if (own !== undefined && own.claim.incarnation !== entry.record.incarnation)
      this.#own.delete(entry.record.id)
    const standing = this.#own.get(entry.record.id)
    if (standing !== undefined && !standing.claim.withdrawn) {
      if (this.#aliveAfterAll(entry, standing, now.mono)) this.#withdraw(standing, 'heard of by others', now)
      return
    }
    if (this.#muted(now.mono) || !this.#mayObserve(entry, living)) return
    const contact = this.#contacts.get(entry.record.peerId)
    if (this.silenceMs(entry, now.mono) > this.limitMs(contact, now.mono)) this.#accuse(entry, 'timeout', now)
  }

  #aliveAfterAll(entry: Entry, standing: OwnClaim, now: Instant): boolean {
    if (standing.claim.evidence === 'refused') {
      return this.#lastKnownAlive(entry) > after(standing.since, REFUSAL_MARGIN_MS)
    }
    const contact = this.#contacts.get(entry.record.peerId)
    return this.silenceMs(entry, now) <= this.limitMs(contact, now)
  }

  #mayObserve(entry: Entry, living: readonly NodeId[]): boolean {
    if (living.length <= OBSERVERS_MAX + 1) return true
    return observersOf(entry.record.id, living).includes(this.#roster.self.id)
  }

  #accuse(entry: Entry, evidence: Evidence, now: Now): void {
    const { id, incarnation } = entry.record
    const standing = this.#own.get(id)
    if (standing !== undefined && !standing.claim.withdrawn && standing.claim.evidence === evidence) return
    const accuser = this.#roster.self.id
    const claim: Claim = {
      accuser,
      subject: id,
      incarnation,
      sequence: ++this.#sequence,
      evidence,
      withdrawn: false,
    }
    this.accusations++
    this.#own.set(id, {
      claim,
      since: now.mono,
      sayAgainAt: after(now.mono, this.#config.claimIntervalMs),
      withdrawalsLeft: WITHDRAWALS,
    })
    this.#claims.note(claim, now.mono)
    this.#out.publish({ type: 'claims', claims: [claim] })
    this.#recordClaim(claim, now)
  }

  #withdraw(own: OwnClaim, reason: string, now: Now): void {
    own.claim = { ...own.claim, withdrawn: true, sequence: ++this.#sequence }
    own.sayAgainAt = after(now.mono, this.#config.claimIntervalMs)
    this.#claims.note(own.claim, now.mono)
    this.#out.publish({ type: 'claims', claims: [own.claim] })
    const { subject } = own.claim
    this.#news.record(subject, 'info', 'claim-withdrawn', `withdrawn: ${reason}`, { reason }, now)
  }

  #sayAgain(now: Instant): void {
    const due: Claim[] = []
    for (const [subject, own] of this.#own) {
      if (own.sayAgainAt > now) continue
      own.sayAgainAt = after(now, this.#config.claimIntervalMs)
      if (own.claim.withdrawn && --own.withdrawalsLeft <= 0) this.#own.delete(subject)
      else if (!this.#roster.isLiving(subject)) this.#own.delete(subject)
      else due.push(own.claim)
    }
    for (const claim of due) this.#claims.note(claim, now)
    for (let from = 0; from < due.length; from += CLAIMS_MESSAGE_MAX) {
      this.#out.publish({ type: 'claims', claims: due.slice(from, from + CLAIMS_MESSAGE_MAX) })
    }
  }

  #recordClaim(claim: Claim, now: Now): void {
    const entry = this.#roster.get(claim.subject)
    const contact = entry && this.#contacts.get(entry.record.peerId)
    const fields = {
      accuser: claim.accuser,
      evidence: claim.evidence,
      memberIncarnation: claim.incarnation,
      silenceMs: entry && Math.round(this.silenceMs(entry, now.mono)),
      limitMs: entry && Math.round(this.limitMs(contact, now.mono)),
      srttMs: contact?.srttMs,
      rttvarMs: contact?.rttvarMs,
    }
    const event = claim.withdrawn ? 'claim-withdrawn' : 'member-suspect'
    const text = `${claim.accuser} ${claim.withdrawn ? 'takes back' : 'accuses'}: ${claim.evidence}`
    this.#news.record(claim.subject, 'info', event, text, fields, now)
  }

  #lastKnownAlive(entry: Entry): Instant {
    const direct = this.#contacts.get(entry.record.peerId)?.lastHeard ?? entry.since
    const told = this.#hearsay.get(entry.record.id) ?? entry.since
    return later(entry.since, later(direct, told))
  }

  #muted(now: Instant): boolean {
    return now < this.#mutedUntil
  }
}
