/**
 * Who is silent? This node's own accusations, and the verdicts that follow from everybody's.
 *
 * Silence is measured from the last contact, direct or told of by others. Its limit adapts to the worst gap of the last
 * minute within narrow bounds: phi accrual was tried and is worse, for it learns a regular rhythm and then punishes the
 * first pause. A node that stood still itself accuses nobody for a while: its own silence is not the others'. One that has
 * not yet read all that came judges as of the moment up to which it has: what waits may be the word of those it would accuse.
 *
 * Above 11 members a node accuses only those whom it observes, and silence counts from when that became its duty.
 */
import type { NodeId } from '../base/ids.ts'
import { after, elapsedMs, type Instant, later, type Now } from '../base/time.ts'
import { ClaimRoutes } from './claim-routes.ts'
import type { ClaimBoard } from './claims.ts'
import type { MembershipConfig } from './config.ts'
import type { Contact, Contacts } from './contact.ts'
import type { Hearsay } from './hearsay.ts'
import type { Claim, Evidence } from './messages.ts'
import { Mute } from './mute.ts'
import type { News } from './news.ts'
import type { Outbox } from './outbox.ts'
import type { Entry, Roster } from './roster.ts'
import type { Topology } from './topology.ts'
import { type Verdict, Verdicts } from './verdicts.ts'

/** What waits comes in waves: one that begins within so many ms of the one before is told of with it. */
const BACKLOG_OVER_MS = 10_000
/** A refusal is void once the member is heard this much later: hearsay carries the delay of its way. */
const REFUSAL_MARGIN_MS = 200
/** Names in one log line about verdicts that are held back. */
const WITHHELD_NAMES_MAX = 32
/** Above 11 members: heard by nobody for so long, in ms, members are lost; looked at this often. */
const LOST_MS = 10_000
const LOST_LOOK_MS = 1_000
const NOBODY: ReadonlySet<NodeId> = new Set()
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
  readonly #topology: Topology
  readonly #routes: ClaimRoutes
  readonly #verdicts: Verdicts
  readonly #own = new Map<NodeId, OwnClaim>()
  /** Above 11 members: whom this node observes, and since when. */
  #duties = new Map<NodeId, Instant>()
  #dutiesFor: ReadonlySet<NodeId> | undefined
  #nextLostAt: Instant
  #sequence: number
  readonly #mute: Mute
  /** What came within so many milliseconds is not all read. */
  #behindMs = 0
  #backlogOverAt: Instant
  standstills = 0
  /** Times that what peers said had waited longer than a tick may be late. */
  backlogs = 0
  accusations = 0
  deaths = 0
  /** Verdicts that were held back, each once: this node held no lease. */
  withheld = 0
  #withheldNow: ReadonlySet<NodeId>

  constructor(parts: {
    config: MembershipConfig
    roster: Roster
    contacts: Contacts
    hearsay: Hearsay
    claims: ClaimBoard
    news: News
    out: Outbox
    topology: Topology
    /** In quorum mode: does this node hold a live lease? */
    mayEvict: (() => boolean) | undefined
    /** In quorum mode: is this node's own vote a quorum? */
    decidesAlone: (() => boolean) | undefined
    now: Instant
  }) {
    this.#config = parts.config
    this.#roster = parts.roster
    this.#contacts = parts.contacts
    this.#hearsay = parts.hearsay
    this.#claims = parts.claims
    this.#news = parts.news
    this.#topology = parts.topology
    const { roster, contacts, claims, out } = parts
    const { circle } = parts.topology
    this.#routes = new ClaimRoutes({ roster, contacts, claims, circle, out })
    const hears = (entry: Entry, now: Instant): boolean => this.hears(entry, now)
    const { mayEvict, decidesAlone } = parts
    this.#verdicts = new Verdicts(parts.config, { roster, claims, circle, hears }, mayEvict, decidesAlone)
    this.#withheldNow = this.#verdicts.withheld
    // Starts at the incarnation, which is above every sequence of an earlier life.
    this.#sequence = parts.roster.self.incarnation
    this.#mute = new Mute(parts.now)
    this.#backlogOverAt = parts.now
    this.#nextLostAt = parts.now
  }

  /** Milliseconds from when the member was last known to live, by this node's ears or others', to what was read last. */
  silenceMs(entry: Entry, now: Instant): number {
    return this.#readMsSince(this.#lastKnownAlive(entry), now)
  }

  /** The same since this node heard the member itself; undefined when it never did in this incarnation. */
  directSilenceMs(entry: Entry, now: Instant): number | undefined {
    const heard = this.#contacts.get(entry.record.peerId)?.lastHeard
    return heard === undefined ? undefined : this.#readMsSince(heard, now)
  }

  /** Does this node hear the member itself, on a link that there is? Then what others say of its death is old. */
  hears(entry: Entry, now: Instant): boolean {
    const silenceMs = this.directSilenceMs(entry, now)
    if (silenceMs === undefined || silenceMs > this.#config.silenceMsMin) return false
    return this.#contacts.get(entry.record.peerId)?.best() !== undefined
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
   * This node stood still for `lateMs`: holds begin anew, or go on in time awake, and it keeps quiet for a while.
   * @param shiftMs how far the monotonic clock ran meanwhile; less than `lateMs` when only the wall clock jumped
   */
  stoodStill(lateMs: number, shiftMs: number, now: Instant): void {
    this.standstills++
    for (const own of this.#own.values()) {
      own.sayAgainAt = after(own.sayAgainAt, shiftMs)
      own.since = after(own.since, shiftMs)
    }
    if (this.#mute.stoodStill(lateMs, now)) this.#verdicts.shiftHolds(shiftMs)
    else this.#verdicts.restartHolds(now)
  }

  /** As `Membership.behind`. True when this node fell behind now, and by more than a tick may be late. */
  behind(behindMs: number, dropped: boolean, now: Instant): boolean {
    const { lateMs } = this.#config
    const fell = behindMs > lateMs && now >= this.#backlogOverAt
    if (fell) this.backlogs++
    if (behindMs > lateMs) this.#backlogOverAt = after(now, BACKLOG_OVER_MS)
    this.#behindMs = behindMs
    this.#verdicts.behindMs = behindMs
    if (dropped) {
      this.#mute.begin(0, now)
      this.#verdicts.restartHolds(now)
    }
    return fell
  }

  /** Milliseconds of what was said since then that have been read. */
  #readMsSince(then: Instant, now: Instant): number {
    return Math.max(0, elapsedMs(then, now) - this.#behindMs)
  }

  /** Verdicts that are ripe and wait for a lease. */
  get withheldNow(): number {
    return this.#withheldNow.size
  }

  /** Accuses, withdraws, says standing claims again, and passes verdicts. */
  tick(now: Now): Verdict[] {
    // What waits may say a claim again.
    this.#claims.expire(after(now.mono, -this.#behindMs))
    this.#routes.flush(now.mono)
    if (this.#topology.circle.small) {
      this.#topology.circle.setLost(NOBODY)
      for (const entry of this.#roster.living())
        if (entry.record.id !== this.#roster.self.id) this.#watch(entry, true, now)
    } else {
      this.#lookForLost(now.mono)
      this.#watchObserved(now)
    }
    this.#sayAgain(now.mono)
    return this.judge(now)
  }

  /**
   * Passes the verdicts that are ripe now.
   * @param accused when given, only they are judged: of many claims in a short time each is looked at once
   */
  judge(now: Now, accused?: ReadonlySet<NodeId>): Verdict[] {
    const verdicts = this.#verdicts.judge(this.#mute.holds(now.mono), now.mono, accused)
    this.deaths += verdicts.length
    this.#tellWithheld(now)
    return verdicts
  }

  /** After claims came: at once up to 11 members; above, those refused, and the rest with the next tick. */
  judgeClaims(claims: readonly Claim[], now: Now): Verdict[] {
    if (this.#topology.circle.small) return this.judge(now)
    const refused = claims.filter(claim => claim.evidence === 'refused' && !claim.withdrawn)
    return refused.length === 0 ? [] : this.judge(now, new Set(refused.map(claim => claim.subject)))
  }

  /** A re-dial right after the remote's close was refused: nobody lives there any more. */
  refused(entry: Entry, now: Now): void {
    if (this.#observes(entry)) this.#accuse(entry, 'refused', now)
  }

  /** The member was heard on a connection: a claim of this node against it is void. */
  contacted(entry: Entry, now: Now): void {
    const own = this.#own.get(entry.record.id)
    if (own !== undefined && !own.claim.withdrawn) this.#withdraw(own, 'contact', now)
  }

  /** Takes another's claim. One against this node is refuted. */
  hear(claim: Claim, now: Now, flooded = false): void {
    const self = this.#roster.self
    if (claim.accuser === self.id || this.#roster.get(claim.accuser) === undefined) return
    if (claim.subject === self.id) {
      if (claim.withdrawn || claim.incarnation !== self.incarnation || self.status === 'left') return
      this.#news.refute(self.incarnation, `accused: ${claim.evidence}`, claim.accuser, now)
      return
    }
    const known = this.#roster.get(claim.subject)?.record
    if (known === undefined || known.incarnation !== claim.incarnation) return
    const isNews = this.#claims.note(claim, now.mono, flooded && !this.#topology.circle.small)
    if (isNews && known.status === 'alive') this.#recordClaim(claim, now)
  }

  forget(member: NodeId): void {
    this.#drop(member)
    this.#claims.forget(member)
    this.#hearsay.forget(member)
  }

  /** This node accuses the member no longer, and has said so often enough. */
  #drop(member: NodeId): void {
    this.#own.delete(member)
    this.#routes.forget(member)
  }

  /** A node that cannot read all that it is told takes nobody for lost: it may not know what others know. */
  #lookForLost(now: Instant): void {
    if (now < this.#nextLostAt) return
    this.#nextLostAt = after(now, LOST_LOOK_MS)
    const { missedAt } = this.#hearsay
    const doubt = this.#mute.holds(now) || (missedAt !== undefined && elapsedMs(missedAt, now) < LOST_MS)
    const self = this.#roster.self.id
    const lost = doubt
      ? []
      : this.#roster
          .living()
          .filter(entry => entry.record.id !== self && this.silenceMs(entry, now) > LOST_MS)
    this.#topology.circle.setLost(new Set(lost.map(entry => entry.record.id)))
  }

  /** Those whom this node observes, and those whom it accused when it did. */
  #watchObserved(now: Now): void {
    const { observed } = this.#topology
    if (observed !== this.#dutiesFor) {
      this.#dutiesFor = observed
      this.#duties = new Map([...observed].map(id => [id, this.#duties.get(id) ?? now.mono]))
    }
    const accused = [...this.#own.keys()].filter(id => !observed.has(id))
    for (const id of [...observed, ...accused]) {
      const entry = this.#roster.get(id)
      if (entry?.record.status === 'alive') this.#watch(entry, observed.has(id), now)
    }
  }

  #observes(entry: Entry): boolean {
    return this.#topology.circle.small || this.#topology.observed.has(entry.record.id)
  }

  #watch(entry: Entry, observes: boolean, now: Now): void {
    const own = this.#own.get(entry.record.id)
    if (own !== undefined && own.claim.incarnation !== entry.record.incarnation) this.#drop(entry.record.id)
    const standing = this.#own.get(entry.record.id)
    if (standing !== undefined && !standing.claim.withdrawn) {
      if (this.#aliveAfterAll(entry, standing, now.mono)) this.#withdraw(standing, 'heard of by others', now)
      return
    }
    if (this.#mute.holds(now.mono) || !observes) return
    const contact = this.#contacts.get(entry.record.peerId)
    const limitMs = this.limitMs(contact, now.mono)
    const onDutyMs = this.#readMsSince(this.#duties.get(entry.record.id) ?? entry.since, now.mono)
    if (Math.min(this.silenceMs(entry, now.mono), onDutyMs) > limitMs) this.#accuse(entry, 'timeout', now)
  }

  #aliveAfterAll(entry: Entry, standing: OwnClaim, now: Instant): boolean {
    if (standing.claim.evidence === 'refused') {
      return this.#lastKnownAlive(entry) > after(standing.since, REFUSAL_MARGIN_MS)
    }
    const contact = this.#contacts.get(entry.record.peerId)
    return this.silenceMs(entry, now) <= this.limitMs(contact, now)
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
    this.#routes.say([claim])
    this.#recordClaim(claim, now)
    if (evidence === 'timeout' && this.#roster.livingCount === 2) {
      const text = 'of two members neither can tell whether the other is dead or only out of reach'
      this.#news.record(id, 'warn', 'cannot-tell', text, { memberIncarnation: incarnation }, now)
    }
  }

  #withdraw(own: OwnClaim, reason: string, now: Now): void {
    own.claim = { ...own.claim, withdrawn: true, sequence: ++this.#sequence }
    own.sayAgainAt = after(now.mono, this.#config.claimIntervalMs)
    this.#claims.note(own.claim, now.mono)
    this.#routes.say([own.claim])
    const { subject } = own.claim
    this.#news.record(subject, 'info', 'claim-withdrawn', `withdrawn: ${reason}`, { reason }, now)
  }

  #sayAgain(now: Instant): void {
    const due: Claim[] = []
    for (const [subject, own] of this.#own) {
      if (own.sayAgainAt > now) continue
      own.sayAgainAt = after(now, this.#config.claimIntervalMs)
      if (own.claim.withdrawn && --own.withdrawalsLeft <= 0) this.#drop(subject)
      else if (!this.#roster.isLiving(subject)) this.#drop(subject)
      else due.push(own.claim)
    }
    for (const claim of due) this.#claims.note(claim, now)
    this.#routes.say(due)
  }

  /** Says once per change whose verdict waits for a lease. */
  #tellWithheld(now: Now): void {
    const { withheld } = this.#verdicts
    if (withheld === this.#withheldNow) return
    const added = [...withheld].filter(id => !this.#withheldNow.has(id))
    this.#withheldNow = withheld
    this.withheld += added.length
    const text = `${withheld.size} verdicts wait for a lease`
    const fields = { members: [...withheld].slice(0, WITHHELD_NAMES_MAX), number: withheld.size }
    const event = withheld.size > 0 ? 'evictions-withheld' : 'evictions-free'
    this.#news.record(this.#roster.self.id, withheld.size > 0 ? 'warn' : 'info', event, text, fields, now)
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
}
