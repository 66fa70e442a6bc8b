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
 * a partition keeps working, a side of one included. In quorum mode nobody trusts only himself but whose own vote is a quorum:
 * nobody else is left who could say anything, and without it the dead would keep their keys for ever. Without a lease no
 * verdict of this node's own is carried out: it waits, and is counted, until there is a lease or the claims are gone. A lease
 * that is back means as a rule that a cut has healed, and those who were accused across it are about to be heard: what was said of
 * silence under the old picture must stand for a hold under the new one.
 *
 * Of a member that this node hears itself the claims of others are old: they have not heard of that life yet, or are about
 * to take them back. As their verdict is not believed (`belief.ts`), this node does not pass it either; a majority of
 * refusals is no silence, and convicts all the same.
 *
 * Of two members each is the other's only observer, and cannot tell its death from a cut between them. Its own word is
 * no majority then: in available mode it is left to trust its own eyes like any other that is alone.
 *
 * Above 11 members a node judges those whom it observes. Of the others it hears two accusations at most: enough to know
 * who is doubtful, and so whom not to wait for.
 */
import type { NodeId } from '../base/ids.ts'
import { after, elapsedMs, type Instant } from '../base/time.ts'
import type { ClaimBoard } from './claims.ts'
import type { MembershipConfig } from './config.ts'
import type { Claim } from './messages.ts'
import type { Circle } from './observers.ts'
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
  /** Above 11 members: those who became observers meanwhile, and since when. */
  readonly candidates: Map<NodeId, Instant>
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
  readonly #circle: Circle
  readonly #hears: (entry: Entry, now: Instant) => boolean
  readonly #mayEvict: (() => boolean) | undefined
  readonly #decidesAlone: () => boolean
  readonly #cases = new Map<NodeId, Case>()
  #deaths: Instant[] = []
  /** When cases were judged last: was there a lease, or need of none? */
  #couldEvict = true
  /** When all cases were judged last: would it have been a mass death? */
  #cautious = false
  #withheld: ReadonlySet<NodeId> = new Set()
  /** What came within so many milliseconds before the last tick was not all read then. */
  behindMs = 0

  /**
   * @param parts.hears does this node hear the member itself?
   * @param mayEvict in quorum mode: does this node hold a live lease? Not given in available mode
   * @param decidesAlone in quorum mode: is this node's own vote a quorum?
   */
  constructor(
    config: MembershipConfig,
    parts: {
      readonly roster: Roster
      readonly claims: ClaimBoard
      readonly circle: Circle
      readonly hears: (entry: Entry, now: Instant) => boolean
    },
    mayEvict?: () => boolean,
    decidesAlone: () => boolean = () => mayEvict === undefined,
  ) {
    this.#config = config
    this.#roster = parts.roster
    this.#claims = parts.claims
    this.#circle = parts.circle
    this.#hears = parts.hears
    this.#mayEvict = mayEvict
    this.#decidesAlone = decidesAlone
  }

  /** Members whose verdict is ripe and held back, because this node holds no lease. A new set when it changes. */
  get withheld(): ReadonlySet<NodeId> {
    return this.#withheld
  }

  /**
   * Counts anew and says which members are dead by now.
   * @param mutedTimeouts true while this node's own sense of time is in doubt: only refusals can convict then
   * @param only when given: these members were newly accused, and only they are judged
   */
  judge(mutedTimeouts: boolean, now: Instant, only?: ReadonlySet<NodeId>): Verdict[] {
    const mayEvict = this.#mayEvict?.() ?? true
    if (mayEvict && !this.#couldEvict) this.restartHolds(now)
    this.#couldEvict = mayEvict
    const accused = this.#accused(only)
    const counts = accused.filter(entry => this.#isMine(entry)).map(entry => this.#count(entry, now))
    const doomed = only === undefined ? this.#doomed(accused, counts) : this.#claims.size
    const cautious = this.#wouldBeMassDeath(doomed, now)
    if (only === undefined) this.#calmed(cautious, now)
    const ripe = counts.flatMap(count => this.#ripe(count, cautious, mutedTimeouts, now) ?? [])
    const verdicts = this.#released(ripe, mayEvict, only !== undefined)
    for (const verdict of verdicts) {
      this.#cases.delete(verdict.subject)
      this.#deaths.push(now)
    }
    return verdicts
  }

  /** This node stood still, or was cut off: nothing has been standing for as long as it seems. */
  restartHolds(now: Instant): void {
    for (const open of this.#cases.values()) {
      if (open.majoritySince !== undefined) open.majoritySince = now
      if (open.aloneSince !== undefined) open.aloneSince = now
    }
  }

  /** This node stood still for so long, in ms, and not for long: holds are counted in time awake. */
  shiftHolds(ms: number): void {
    for (const open of this.#cases.values()) {
      if (open.majoritySince !== undefined) open.majoritySince = after(open.majoritySince, ms)
      if (open.aloneSince !== undefined) open.aloneSince = after(open.aloneSince, ms)
    }
  }

  /**
   * When so many came back that it is no mass death any more, a cut has healed, and the rest are about to be heard as
   * well: what they were accused of under the old picture must stand for a hold under the new one.
   */
  #calmed(cautious: boolean, now: Instant): void {
    const calmed = this.#cautious && !cautious
    this.#cautious = cautious
    if (!calmed) return
    for (const open of this.#cases.values()) if (open.majoritySince !== undefined) open.majoritySince = now
  }

  /** The living that are accused. Cases of those that no longer are, are closed. */
  #accused(only: ReadonlySet<NodeId> | undefined): Entry[] {
    const accused = [...(only ?? this.#claims.subjects())].flatMap(id => {
      const entry = this.#roster.get(id)
      return entry?.record.status === 'alive' && this.#accusers(entry) > 0 ? [entry] : []
    })
    if (only !== undefined) return accused
    const ids = new Set(accused.map(entry => entry.record.id))
    for (const id of this.#cases.keys()) if (!ids.has(id)) this.#cases.delete(id)
    return accused
  }

  /** Is the member this node's to judge: one that it observes, or did when the silence began? */
  #isMine({ record }: Entry): boolean {
    if (this.#circle.small) return true
    const self = this.#roster.self.id
    return this.#cases.get(record.id)?.panel.has(self) || this.#circle.observes(self, record.id)
  }

  /** Holds back what this node may not carry out. */
  #released(ripe: Verdict[], mayEvict: boolean, some: boolean): Verdict[] {
    const held = new Set(mayEvict ? [] : ripe.map(verdict => verdict.subject))
    if (some) for (const id of this.#withheld) if (!mayEvict) held.add(id)
    const same = held.size === this.#withheld.size && [...held].every(id => this.#withheld.has(id))
    if (!same) this.#withheld = held
    return mayEvict ? ripe : []
  }

  #count(subject: Entry, now: Instant): Count {
    const open = this.#caseOf(subject, now)
    const claims = this.#against(subject)
    const accusers = new Set(claims.filter(claim => this.#counts(claim, now)).map(claim => claim.accuser))
    const self = this.#roster.self.id
    const panel = [...open.panel].filter(
      id => this.#roster.isLiving(id) && !this.#isDoubtful(id) && !this.#circle.lost.has(id),
    )
    const need = Math.floor(panel.length / 2) + 1
    const refusals = claims.filter(claim => claim.evidence === 'refused' && panel.includes(claim.accuser))
    const cannotTell = this.#mayEvict === undefined && open.panel.size === 1 && refusals.length === 0
    const majority = !cannotTell && panel.filter(id => accusers.has(id)).length >= need
    const alone =
      this.#decidesAlone() &&
      accusers.has(self) &&
      open.panel.size > 0 &&
      [...open.panel].every(
        id => id === self || !this.#roster.isLiving(id) || accusers.has(id) || this.#iAccuse(id),
      )
    open.majoritySince = majority ? (open.majoritySince ?? now) : undefined
    open.aloneSince = alone ? (open.aloneSince ?? now) : undefined
    return { subject, case: open, claims, panel, majority, refused: refusals.length >= need, alone }
  }

  #caseOf(subject: Entry, now: Instant): Case {
    const { id, incarnation } = subject.record
    let open = this.#cases.get(id)
    if (open === undefined || open.incarnation !== incarnation) {
      const panel = new Set(this.#circle.observersOf(id))
      open = { incarnation, panel, candidates: new Map(), majoritySince: undefined, aloneSince: undefined }
      this.#cases.set(id, open)
    } else this.#extend(open, id, now)
    return open
  }

  /**
   * Those who became observers since: of a small cluster at once. In a large one deaths move the duty on, and whoever has
   * it now has not watched yet: while half a network dies in one second nobody is waited for who cannot know.
   */
  #extend({ panel, candidates }: Case, subject: NodeId, now: Instant): void {
    for (const observer of this.#circle.observersOf(subject)) {
      if (panel.has(observer)) continue
      const since = candidates.get(observer) ?? now
      candidates.set(observer, since)
      if (this.#circle.small || this.#readMsSince(since, now) >= this.#watchMs()) panel.add(observer)
    }
  }

  /**
   * Milliseconds of what was said since then that have been read. What is heard between two ticks may have come just now, so
   * it stands from when it is heard: from as far as the tick before had read, a hold would be over before it began.
   */
  #readMsSince(then: Instant, now: Instant): number {
    return Math.max(0, elapsedMs(then, now) - this.behindMs)
  }

  /** How long an observer must have watched before silence means something to it. */
  #watchMs(): number {
    return this.#config.silenceMsMin + this.#holdMs()
  }

  /** What a new observer calls silence is not known to be silence yet; a refusal needs no watching. */
  #counts(claim: Claim, now: Instant): boolean {
    if (claim.evidence === 'refused') return true
    const entry = this.#roster.get(claim.accuser)
    return entry !== undefined && this.#readMsSince(entry.observerSince, now) >= this.#watchMs()
  }

  #ripe(count: Count, cautious: boolean, mutedTimeouts: boolean, now: Instant): Verdict | undefined {
    const { majoritySince, aloneSince } = count.case
    const since = majoritySince ?? aloneSince
    if (since === undefined) return undefined
    const heldMs = this.#readMsSince(since, now)
    if (!count.refused && (mutedTimeouts || this.#hears(count.subject, now))) return undefined
    const reason = majoritySince === undefined ? 'alone' : count.refused ? 'refused' : 'majority'
    const holdMs =
      cautious || reason === 'alone' ? this.#config.massDeathMs : reason === 'refused' ? 0 : this.#holdMs()
    if (heldMs < holdMs) return undefined
    return { subject: count.subject.record.id, claims: count.claims, panel: count.panel, heldMs, reason }
  }

  /** How many would be dead if all that is said is true; of those whom others judge, the doubtful ones. */
  #doomed(accused: readonly Entry[], counts: readonly Count[]): number {
    const self = this.#roster.self.id
    const judged = new Set(counts.map(count => count.subject))
    const mine = counts.filter(
      count => count.majority || count.alone || count.claims.some(claim => claim.accuser === self),
    )
    return mine.length + accused.filter(entry => !judged.has(entry) && this.#accusers(entry) >= 2).length
  }

  /** More than half of the members would be dead, those counted that died within the caution time. */
  #wouldBeMassDeath(doomed: number, now: Instant): boolean {
    this.#deaths = this.#deaths.filter(at => after(at, this.#config.massDeathMs) > now)
    return (doomed + this.#deaths.length) * 2 > this.#roster.livingCount + this.#deaths.length
  }

  #accusers({ record }: Entry): number {
    return this.#claims.accusers(record.id, record.incarnation)
  }

  /** Under two accusations itself: not waited for. */
  #isDoubtful(id: NodeId): boolean {
    const entry = this.#roster.get(id)
    return entry !== undefined && this.#accusers(entry) >= 2
  }

  #against(entry: Entry): Claim[] {
    return this.#claims.against(entry.record.id, entry.record.incarnation)
  }

  #iAccuse(id: NodeId): boolean {
    const entry = this.#roster.get(id)
    return entry !== undefined && this.#against(entry).some(claim => claim.accuser === this.#roster.self.id)
  }

  #holdMs(): number {
    return this.#circle.small ? this.#config.holdMsSmall : this.#config.holdMsLarge
  }
}
