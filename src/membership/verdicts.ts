/**
 * The verdict: when are accusations enough to call a member dead?
 *
 * One observer may have a bad link, so a majority of the observers must accuse; a majority may have been wrong for an
 * instant, so it must stand for a hold. Refusals are not silence but an answer ("nobody lives here"), so a majority of
 * them needs no hold. Observers that are dead, or under two accusations themselves, are not waited for: otherwise the
 * larger half of a cut network could never bury the smaller one. A new observer's word on silence counts only after it
 * has watched long enough, though it is waited for from the start: a young cluster convicts nobody by one voice. There is no suspicion timeout beside this: it was modelled and added nothing once the hold existed.
 *
 * When most of the cluster would be dead the likelier cause is here, so it takes `massDeathMs` of the same picture. After
 * that a node that accuses every other observer too is allowed to trust its own eyes: in available mode every side of
 * a partition keeps working, a side of one included.
 */
import type { NodeId } from '../base/ids.ts'
import { after, elapsedMs, type Instant } from '../base/time.ts'
import type { ClaimBoard } from './claims.ts'
import type { MembershipConfig } from './config.ts'
import type { Claim } from './messages.ts'
import { OBSERVERS_MAX, observersOf } from './observers.ts'
import type { Entry, Roster } from './roster.ts'

export interface Verdict {
  readonly subject: NodeId
  readonly claims: readonly Claim[]
  /** The observers whose voice counted. */
  readonly panel: readonly NodeId[]
  /** How long the majority had stood, in ms. */
  readonly heldMs: number
  readonly reason: 'refused' | 'majority' | 'alone'
}

/** One accused member: who may judge it and since when enough of them accuse. */
interface Case {
  readonly incarnation: number
  readonly panel: Set<NodeId>
  majoritySince: Instant | undefined
  aloneSince: Instant | undefined
}

/** What the panel says at this moment. */
interface Count {
  readonly subject: Entry
  readonly case: Case
  readonly claims: readonly Claim[]
  readonly panel: readonly NodeId[]
  readonly majority: boolean
  readonly refused: boolean
  readonly alone: boolean
}

export class Verdicts {
  readonly #config: MembershipConfig
  readonly #roster: Roster
  readonly #claims: ClaimBoard
  readonly #cases = new Map<NodeId, Case>()
  #deaths: Instant[] = []

  constructor(config: MembershipConfig, roster: Roster, claims: ClaimBoard) {
    this.#config = config
    this.#roster = roster
    this.#claims = claims
  }

  /**
   * Counts anew and says which members are dead by now.
   * @param mutedTimeouts true while this node's own sense of time is in doubt: only refusals can convict then
   */
  judge(mutedTimeouts: boolean, now: Instant): Verdict[] {
    const living = this.#roster.living()
    const counts = this.#countAll(living, now)
    const verdicts: Verdict[] = []
    const cautious = this.#wouldBeMassDeath(counts, living.length, now)
    for (const count of counts) {
      const verdict = this.#ripe(count, cautious, mutedTimeouts, now)
      if (verdict !== undefined) verdicts.push(verdict)
    }
    for (const verdict of verdicts) {
      this.#cases.delete(verdict.subject)
      this.#deaths.push(now)
    }
    return verdicts
  }

  /** This node stood still: nothing has been standing for as long as it seems. */
  restartHolds(now: Instant): void {
    for (const open of this.#cases.values()) {
      if (open.majoritySince !== undefined) open.majoritySince = now
      if (open.aloneSince !== undefined) open.aloneSince = now
    }
  }

  #countAll(living: readonly Entry[], now: Instant): Count[] {
    const accused = living.filter(entry => this.#against(entry).length > 0)
    for (const id of this.#cases.keys()) {
      if (!accused.some(entry => entry.record.id === id)) this.#cases.delete(id)
    }
    if (accused.length === 0) return []
    const ids = living.map(entry => entry.record.id)
    const twice = new Set(
      accused.filter(entry => this.#against(entry).length >= 2).map(entry => entry.record.id),
    )
    return accused.map(entry => this.#count(entry, ids, twice, now))
  }

  #count(subject: Entry, living: readonly NodeId[], twice: ReadonlySet<NodeId>, now: Instant): Count {
    const open = this.#caseOf(subject, living)
    const claims = this.#against(subject)
    const accusers = new Set(claims.filter(claim => this.#counts(claim, now)).map(claim => claim.accuser))
    const self = this.#roster.self.id
    const panel = [...open.panel].filter(id => this.#roster.isLiving(id) && !twice.has(id))
    const need = Math.floor(panel.length / 2) + 1
    const majority = panel.filter(id => accusers.has(id)).length >= need
    const refusals = claims.filter(claim => claim.evidence === 'refused' && panel.includes(claim.accuser))
    const alone =
      accusers.has(self) &&
      open.panel.size > 0 &&
      [...open.panel].every(
        id => id === self || !this.#roster.isLiving(id) || accusers.has(id) || this.#iAccuse(id),
      )
    open.majoritySince = majority ? (open.majoritySince ?? now) : undefined
    open.aloneSince = alone ? (open.aloneSince ?? now) : undefined
    return { subject, case: open, claims, panel, majority, refused: refusals.length >= need, alone }
  }

  #caseOf(subject: Entry, living: readonly NodeId[]): Case {
    const { id, incarnation } = subject.record
    let open = this.#cases.get(id)
    if (open === undefined || open.incarnation !== incarnation) {
      open = { incarnation, panel: new Set(), majoritySince: undefined, aloneSince: undefined }
      this.#cases.set(id, open)
    }
    for (const observer of observersOf(id, living)) open.panel.add(observer)
    return open
  }

  /** What a new observer calls silence is not known to be silence yet; a refusal needs no watching. */
  #counts(claim: Claim, now: Instant): boolean {
    if (claim.evidence === 'refused') return true
    const entry = this.#roster.get(claim.accuser)
    return (
      entry !== undefined && elapsedMs(entry.observerSince, now) >= this.#config.silenceMsMin + this.#holdMs()
    )
  }

  #ripe(count: Count, cautious: boolean, mutedTimeouts: boolean, now: Instant): Verdict | undefined {
    const { majoritySince, aloneSince } = count.case
    const since = majoritySince ?? aloneSince
    if (since === undefined) return undefined
    const heldMs = elapsedMs(since, now)
    if (mutedTimeouts && !count.refused) return undefined
    const reason = majoritySince === undefined ? 'alone' : count.refused ? 'refused' : 'majority'
    const holdMs =
      cautious || reason === 'alone' ? this.#config.massDeathMs : reason === 'refused' ? 0 : this.#holdMs()
    if (heldMs < holdMs) return undefined
    return { subject: count.subject.record.id, claims: count.claims, panel: count.panel, heldMs, reason }
  }

  /** More than half of the members would be dead, those counted that died within the caution time. */
  #wouldBeMassDeath(counts: readonly Count[], living: number, now: Instant): boolean {
    this.#deaths = this.#deaths.filter(at => after(at, this.#config.massDeathMs) > now)
    const self = this.#roster.self.id
    const doomed = counts.filter(
      count => count.majority || count.alone || count.claims.some(claim => claim.accuser === self),
    ).length
    return (doomed + this.#deaths.length) * 2 > living + this.#deaths.length
  }

  #against(entry: Entry): Claim[] {
    return this.#claims.against(entry.record.id, entry.record.incarnation)
  }

  #iAccuse(id: NodeId): boolean {
    const entry = this.#roster.get(id)
    return entry !== undefined && this.#against(entry).some(claim => claim.accuser === this.#roster.self.id)
  }

  #holdMs(): number {
    return this.#roster.living().length <= OBSERVERS_MAX + 1
      ? this.#config.holdMsSmall
      : this.#config.holdMsLarge
  }
}
