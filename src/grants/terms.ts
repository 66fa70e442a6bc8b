/**
 * Which term a key is acted for under. A tenure is a term with the set of keys that a quorum has granted without a
 * break since the term was chosen; the key's term is that of the earliest tenure that still has it. When more keys are
 * granted than any tenure has, a new term is chosen, and counts once a quorum has it on disk.
 *
 * Why terms rise with every change of owner: an owner's term was on the disks of a quorum before it acted. The next
 * owner chose its own while it already held the key without a break, so after the first one had acted; a voter takes a
 * term only above its top; the two quorums share a voter. What the chooser had read of the tops matters for speed only.
 *
 * Why they do not fall under one owner either: a tenure only ever loses keys, so the earliest that has a key never comes
 * to be an earlier one. The one exception is a ring that was forgotten and is learned again, or that is learned late:
 * see `learned`. They may rise: an attempt that was recorded under the term before starts under that one, and a register
 * takes it, unless a later attempt on the same key wrote first.
 */
import type { NodeId } from '../base/ids.ts'
import type { Random } from '../base/random.ts'
import type { Now } from '../base/time.ts'
import type { Condition, Conditions } from './conditions.ts'
import type { Holding } from './leases.ts'
import type { Voters } from './voters.ts'

/** Dropping the earliest tenure only raises the terms of its keys. */
export const TENURES_MAX = 8
/** Of one tenure; beyond it the tenure is given up, and its keys fall to a later one. */
export const CONDITIONS_MAX = 32
/** With exceptions that come and go a new term is chosen no more often. */
const PATIENCE_MS = 500
/** Two that chose the same term choose again this far apart. */
const SPREAD = 64

export interface Live {
  readonly holdings: readonly Holding[]
  readonly voters: Voters
}

/** A tenure that counts, as it stands at one moment. */
export interface Taken {
  readonly term: number
  readonly conditions: readonly Condition[]
}

interface Tenure {
  readonly term: number
  /** Every key that meets them has been granted since the term was chosen. */
  conditions: readonly Condition[]
  readonly voters: Set<NodeId>
  /** Voters that had a higher term when asked for this one. */
  readonly against: Set<NodeId>
  taken: boolean
}

/** The tenure under which keys were gained last, as it stands now. */
export interface LastTenure {
  readonly term: number
  /** What all of these give to this node is what the tenure has. */
  readonly rings: readonly string[]
  /**
   * Keys that others keep, which are not among those of the tenure. Undefined while promises under other rings stand in
   * the way: then a later tenure will have these keys.
   */
  readonly without: readonly string[] | undefined
}

export class Terms {
  readonly #conditions: Conditions
  readonly #random: Random
  /** Earliest first. Only the last may not be taken yet. */
  #tenures: Tenure[] = []
  #chosenAt = Number.NEGATIVE_INFINITY
  /** The highest term ever asked for. */
  #highest = 0
  /** The highest term that was ever taken. */
  #highestTaken = 0
  /** Rises whenever a tenure comes to count, or goes. */
  changes = 0
  /** Terms chosen since boot. */
  chosen = 0
  /** The latest answers, which are asked for in every step, until a tenure comes, goes or changes. */
  #held: readonly number[] | undefined
  #newest: { readonly tenure: LastTenure | undefined } | undefined

  constructor(conditions: Conditions, random: Random) {
    this.#conditions = conditions
    this.#random = random
  }

  /** The highest term this session asks for or holds; 0 when none. */
  get asked(): number {
    return this.#tenures.at(-1)?.term ?? 0
  }

  /** The term under which keys were gained last. */
  get last(): number {
    return this.#tenures.findLast(({ taken }) => taken)?.term ?? 0
  }

  get size(): number {
    return this.#tenures.length
  }

  termFor(key: string): number | undefined {
    return earliestWith(this.#tenures, key, this.#conditions)
  }

  /** The latest term that has the key: what is written now is written under it. */
  latestFor(key: string): number | undefined {
    return latestWith(this.#tenures, key, this.#conditions)
  }

  /** Those that count, as they are now: no later change shows in it. */
  get taken(): readonly Taken[] {
    return this.#tenures.filter(({ taken }) => taken).map(({ term, conditions }) => ({ term, conditions }))
  }

  /** The terms of every key that meets `given`, where they are the same for all; undefined where each has to be looked at. */
  ofAll(given: readonly Condition[]): { readonly term: number; readonly latest: number } | undefined {
    const first = this.#tenures.find(({ taken }) => taken)
    const last = this.#tenures.findLast(({ taken }) => taken)
    if (first === undefined || last === undefined) return undefined
    // Whether promises to others stand in the way may change with the rings that are known.
    const follows = ({ conditions }: Tenure): boolean =>
      conditions.every(({ kind }) => kind === 'claimed') && this.#conditions.follow(conditions, given)
    return follows(first) && follows(last) ? { term: first.term, latest: last.term } : undefined
  }

  /** Does one of these terms still have the key, without a break since it was chosen? */
  hasUnder(key: string, terms: ReadonlySet<number>): boolean {
    return this.#tenures.some(
      ({ term, taken, conditions }) => taken && terms.has(term) && this.#conditions.hold(conditions, key),
    )
  }

  /** The rings under all of which a key was this node's just if the term has it; undefined where that is not so plain. */
  claimedUnder(term: number): readonly string[] | undefined {
    const tenure = this.#tenures.find(each => each.taken && each.term === term)
    const rings: string[] = []
    for (const condition of tenure?.conditions ?? []) {
      if (condition.kind !== 'claimed' || condition.scope.leaving) return undefined
      rings.push(condition.scope.ring)
    }
    return rings.length === 0 ? undefined : rings
  }

  /** Has the term no keys but those that this ring gives to this node, and what is kept by name? */
  isWithin(term: number, ring: string): boolean {
    const tenure = this.#tenures.find(each => each.taken && each.term === term)
    return tenure?.conditions.some(each => each.kind === 'claimed' && each.scope.ring === ring) === true
  }

  /** Terms that are held. */
  get held(): readonly number[] {
    this.#held ??= this.#tenures.filter(({ taken }) => taken).map(({ term }) => term)
    return this.#held
  }

  /** Undefined while none is held, or the newest is not taken yet. */
  get tenure(): LastTenure | undefined {
    this.#newest ??= { tenure: this.#lastTenure() }
    return this.#newest.tenure
  }

  #lastTenure(): LastTenure | undefined {
    const last = this.#tenures.at(-1)
    if (last === undefined || !last.taken) return undefined
    const { term, conditions } = last
    const rings = conditions.flatMap(each => (each.kind === 'claimed' ? [each.scope.ring] : []))
    const without: string[] = []
    for (const condition of conditions) {
      // A promise covers what all of its scopes do; one that leaves covers nothing but its keeps. And so does a claim.
      if (condition.kind === 'claimed' && !condition.scope.leaving) continue
      const kept =
        condition.kind === 'claimed' ? undefined : condition.exception.scopes.find(each => each.leaving)
      if (kept === undefined) return { term, rings, without: undefined }
      without.push(...kept.keeps)
    }
    return { term, rings, without }
  }

  /** Somebody acts, or acted, under this one. Whatever is held below it is given up by the caller. */
  outranked(by: number): void {
    this.#highest = Math.max(this.#highest, by)
    this.#keep(() => false)
  }

  /** The live grants changed (or some ran out): what is not granted by a quorum any more leaves every tenure. */
  settle(holdings: readonly Holding[], voters: Voters): void {
    this.#keep(tenure => {
      const conditions = this.#quorum(tenure.conditions, holdings, voters)
      if (!conditions || conditions.length > CONDITIONS_MAX) return false
      tenure.conditions = conditions
      return true
    })
  }

  /**
   * A ring that was unknown has its members, and whatever names it covers other keys than a moment ago. Meanwhile a later
   * term may have been acted under for some of them: an earlier one must not come back to them.
   */
  learned(ring: string): void {
    this.#keep(
      ({ term, conditions }) => term >= this.#highestTaken || !conditions.some(each => names(each, ring)),
    )
  }

  #keep(fits: (tenure: Tenure) => boolean): void {
    const tenures = this.#tenures.filter(fits)
    if (tenures.length < this.#tenures.length) this.changes++
    this.#tenures = tenures
    this.#forget()
  }

  /** Tenures are another than before. */
  #forget(): void {
    this.#held = undefined
    this.#newest = undefined
  }

  /** Chooses a new term if more is granted than any tenure has. True when one was chosen: ask for it at once. */
  choose(holdings: readonly Holding[], voters: Voters, now: Now): boolean {
    const granted = this.#quorum([], holdings, voters)
    if (!granted) return false
    if (this.#tenures.some(({ conditions }) => this.#conditions.follow(conditions, granted))) return false
    const clear = granted.every(({ kind }) => kind === 'claimed')
    if (!clear && now.mono - this.#chosenAt < PATIENCE_MS) return false
    this.#add(granted, holdings, 1, now)
    return true
  }

  /** A voter has a term on its disk as this session's. True when it counts from now on. */
  took(voter: NodeId, term: number, voters: Voters): boolean {
    const tenure = this.#tenures.find(each => each.term === term)
    if (!tenure || tenure.taken) return false
    tenure.voters.add(voter)
    tenure.taken = voters.isQuorum(tenure.voters)
    if (!tenure.taken) return false
    this.#highestTaken = term
    this.changes++
    this.#forget()
    return true
  }

  /**
   * A voter has a higher term, or this one for another. Once no quorum is left, or the voter says so again, the next term
   * is chosen. True when one was.
   */
  passedOver(by: NodeId, { term, at }: { term: number; at: number }, now: Now, live: Live): boolean {
    const { holdings, voters } = live
    const tenure = this.#tenures.find(each => each.term === term)
    if (!tenure || tenure.taken || at < term) return false
    const again = tenure.against.has(by)
    tenure.against.add(by)
    // Who grants nothing now, dead or silent after its start, will not take the term either.
    const left = new Set(holdings.map(({ voter }) => voter).filter(name => !tenure.against.has(name)))
    if (!again && voters.isQuorum(left)) return false
    const granted = this.#quorum([], holdings, voters)
    if (!granted) return false
    this.#add(granted, holdings, 1 + this.#random.below(SPREAD), now)
    return true
  }

  #add(conditions: readonly Condition[], holdings: readonly Holding[], step: number, now: Now): void {
    const tops = holdings.map(({ top }) => top)
    const term = Math.max(this.#highest, Math.floor(now.wall), ...tops) + step
    this.#highest = term
    this.#chosenAt = now.mono
    this.chosen++
    this.changes++
    const taken = this.#tenures.filter(each => each.taken).slice(1 - TENURES_MAX)
    this.#tenures = [...taken, { term, conditions, voters: new Set(), against: new Set(), taken: false }]
    this.#forget()
  }

  /**
   * `given` and as little more as makes every such key granted by a quorum; undefined when there is no quorum at all.
   * An under-estimate when different quorums grant different keys; that is a matter of moments and costs a new term.
   */
  #quorum(
    given: readonly Condition[],
    holdings: readonly Holding[],
    voters: Voters,
  ): readonly Condition[] | undefined {
    if (this.#isGranted(given, holdings, voters)) return given
    const wanting = holdings
      .map(({ voter, conditions }) => ({ voter, missing: this.#conditions.missing(conditions, given) }))
      .sort((a, b) => a.missing.length - b.missing.length)
    const quorum = new Set<NodeId>()
    let conditions = given
    for (const { voter, missing } of wanting) {
      if (missing.length > 0) conditions = this.#conditions.and(conditions, missing)
      quorum.add(voter)
      if (voters.isQuorum(quorum)) return conditions
    }
    return undefined
  }

  /** Does a quorum grant all of it as it is? The usual case, and cheaper to find out. */
  #isGranted(given: readonly Condition[], holdings: readonly Holding[], voters: Voters): boolean {
    if (given.length === 0) return false
    const quorum = new Set<NodeId>()
    for (const { voter, conditions } of holdings)
      if (this.#conditions.follow(conditions, given)) quorum.add(voter)
    return voters.isQuorum(quorum)
  }
}

/** What `Terms` says of keys, for tenures that were copied from it (`taken`). */
export function termsOf(
  tenures: readonly Taken[],
  conditions: Conditions,
): Pick<Terms, 'termFor' | 'latestFor'> {
  return {
    termFor: key => earliestWith(tenures, key, conditions),
    latestFor: key => latestWith(tenures, key, conditions),
  }
}

/** One that says nothing of it is taken. */
type Had = Taken & Partial<Pick<Tenure, 'taken'>>

const earliestWith = (tenures: readonly Had[], key: string, conditions: Conditions): number | undefined =>
  tenures.find(({ taken = true, conditions: all }) => taken && conditions.hold(all, key))?.term

const latestWith = (tenures: readonly Had[], key: string, conditions: Conditions): number | undefined =>
  tenures.findLast(({ taken = true, conditions: all }) => taken && conditions.hold(all, key))?.term

const names = (condition: Condition, ring: string): boolean =>
  condition.kind === 'claimed'
    ? condition.scope.ring === ring
    : condition.exception.scopes.some(scope => scope.ring === ring)
