/**
 * The member's side: asks every voter for leave, again and again, and knows from what they granted for which keys this
 * node may act, until when, and under which term. A request that claims less is sent only after the node has stopped
 * acting on the rest: `request` notes it before it delivers anything.
 */
import type { NodeId } from '../base/ids.ts'
import type { Random } from '../base/random.ts'
import type { Instant, Now } from '../base/time.ts'
import type { Ring } from '../ring/ring.ts'
import { type Condition, Conditions } from './conditions.ts'
import type { GrantsConfig } from './config.ts'
import type { GrantsEffect } from './effects.ts'
import { quorumUntil, singleOf } from './holdings.ts'
import { type Holding, Leases } from './leases.ts'
import { type Basis, type GrantedLeave, leaveBy } from './leave.ts'
import { Ledger } from './ledger.ts'
import {
  type Grant,
  type GrantRefused,
  KEEPS_MAX,
  type Renew,
  type Scope,
  type VoterList,
} from './messages.ts'
import { Renewals } from './renewals.ts'
import type { Rings } from './rings.ts'
import { Terms } from './terms.ts'
import { timesFor } from './times.ts'
import type { Voters } from './voters.ts'

/** Asked again after exceptions that matter, after a refused ring, and while a voter is not ready, in ms. */
const AGAIN_MS = {
  exceptions: 100,
  ring: 60,
  silent: 100,
  session: 100,
  voters: 250,
  'not-a-voter': 500,
} as const
/** A grant of this node to itself may call for another request; so often at most in one step. */
const ROUNDS_MAX = 4

export interface MemberParts {
  readonly self: NodeId
  /** Boot number. */
  readonly session: number
  /** Name of this node's disk; absent: no copy here counts. */
  readonly disk?: string | undefined
  readonly config: GrantsConfig
  readonly random: Random
  readonly rings: Rings
  readonly voters: Voters
  readonly log: (event: string, fields: Extract<GrantsEffect, { kind: 'log' }>['fields']) => void
}

/** What a lease was found from, and until when it counts. */
interface Lease {
  readonly holdings: readonly Holding[]
  readonly list: VoterList | undefined
  readonly until: Instant | undefined
}

/** What one look decides for every key: who meets the conditions has this leave, who does not has none. */
interface Alike {
  /** As of these changes of the terms. */
  readonly changes: number
  readonly conditions: readonly Condition[]
  /** Undefined: each key has to be looked at for itself. */
  readonly leave: GrantedLeave | undefined
}

export class Member {
  readonly #parts: MemberParts
  readonly #conditions: Conditions
  readonly #leases: Leases
  readonly #terms: Terms
  readonly #renewals = new Renewals()
  #ring: Ring | undefined
  #leaving = false
  #keeps: readonly string[] = []
  #claimed: Scope | undefined
  /** Changes that neither the leases nor the terms count: of rings and of lists. */
  #changes = 0
  #settled = -1
  #moves = 0
  #held = false
  /** The latest answer to `leaseUntil`, which is asked for after every step. */
  #lease: Lease | undefined
  #single: { readonly holding: Holding; readonly until: Instant } | undefined
  #alike: Alike | undefined
  readonly ledger: Ledger
  readonly counts = { requests: 0, grantsLate: 0, fenced: 0, overflows: 0, clockStops: 0, outranked: 0 }

  constructor(parts: MemberParts) {
    this.#parts = parts
    this.#conditions = new Conditions(parts.self, parts.rings)
    this.#leases = new Leases(this.#conditions)
    this.#terms = new Terms(this.#conditions, parts.random.fork())
    const { self, disk, rings, voters } = parts
    this.ledger = new Ledger({ self, disk, rings, voters })
  }

  // ---- what it may do

  /** The same object for all keys of which one look decides. */
  leaveFor(key: string): GrantedLeave | undefined {
    const { conditions, leave } = this.#seeAlike()
    if (leave !== undefined) return this.#conditions.hold(conditions, key) ? leave : undefined
    return leaveBy(
      {
        conditions: this.#conditions,
        voters: this.#parts.voters,
        holdings: this.holdings,
        single: this.#single,
        terms: this.#terms,
      },
      key,
    )
  }

  /** What `leaveFor` goes by at the moment, to be asked again later. */
  get basis(): Basis {
    return { holdings: this.holdings, tenures: this.#terms.taken, list: this.#parts.voters.list }
  }

  /** Changes whenever `leaveFor` may say another thing for some key, but for how long. */
  get turns(): number {
    return this.#changes + this.#leases.changes + this.#terms.changes + this.#parts.rings.changes
  }

  /** Live grants, the one that counts longest first. */
  get holdings(): readonly Holding[] {
    return this.#leases.holdings
  }

  get leaseUntil(): Instant | undefined {
    const { holdings } = this
    const { list } = this.#parts.voters
    if (this.#lease?.holdings !== holdings || this.#lease.list !== list)
      this.#lease = { holdings, list, until: quorumUntil(holdings, this.#parts.voters) }
    return this.#lease.until
  }

  get version(): number {
    return this.#changes + this.#leases.changes + this.#terms.changes + this.ledger.changes
  }

  get moves(): number {
    return this.#moves
  }

  get keeps(): readonly string[] {
    return this.#keeps
  }

  get terms(): Omit<Terms, 'choose' | 'took' | 'passedOver' | 'settle' | 'learned' | 'outranked'> {
    return this.#terms
  }

  get nextWake(): Instant | undefined {
    const [asks, ends] = [this.#renewals.next, this.#leases.nextEnd]
    if (asks === undefined || ends === undefined) return asks ?? ends
    return asks < ends ? asks : ends
  }

  /** Mostly all grants are alike, and the keys that they have are those of the first tenure and of the last. */
  #seeAlike(): Alike {
    const { changes } = this.#terms
    if (this.#alike?.changes === changes) return this.#alike
    const single = this.#single
    const conditions = single?.holding.conditions ?? []
    const terms = single && this.#terms.ofAll(conditions)
    this.#alike = { changes, conditions, leave: single && terms && { until: single.until, ...terms } }
    return this.#alike
  }

  // ---- what happens to it

  expire(now: Now): void {
    if (this.#leases.expire(now)) this.#settle(now)
  }

  viewChanged(ring: Ring, leaving: boolean): void {
    this.#ring = ring
    this.#leaving = leaving
  }

  /** See `Grants.keep`. */
  keep(keys: readonly string[]): void {
    if (keys.length > KEEPS_MAX && this.#keeps.length <= KEEPS_MAX) this.counts.overflows++
    this.#keeps = [...keys].sort()
  }

  /** A voter that was away can be reached: it is asked at once. */
  hasten(voter: NodeId, now: Now): void {
    this.#renewals.hasten(voter, 0, now)
  }

  /** A ring that was unknown has its members. */
  learned(ring: string, now: Now): void {
    this.#terms.learned(ring)
    this.ledger.learned()
    this.#changes++
    this.#settle(now)
  }

  listChanged(names: readonly NodeId[], now: Now): void {
    this.#leases.keepOnly(names)
    this.ledger.keepOnly(names)
    this.#renewals.keepOnly(names)
    this.#changes++
    this.#settle(now)
  }

  /**
   * Another node has acted under a higher term for a key that this one believes to be its own. Its clock must have stood
   * still, or it would know: all is given up and asked for again.
   */
  outranked(term: number, now: Now): void {
    this.counts.outranked++
    this.#parts.log('outranked', { term, held: this.#terms.last })
    this.#giveUp(term, now)
  }

  done(ring: string | undefined, now: Now): void {
    if (!this.ledger.setDone(ring)) return
    // Each that changes its notes makes this node look again whether it is done: the others know already.
    for (const voter of this.ledger.waiting) this.#renewals.hasten(voter, 0, now)
  }

  #giveUp(below: number, now: Now): void {
    this.#leases.drop()
    this.#terms.outranked(below)
    for (const voter of this.#parts.voters.names) this.#renewals.hasten(voter, 0, now)
    this.#settle(now)
  }

  /** Links lead to these voters and no other. */
  linked(voters: readonly NodeId[], now: Now): void {
    if (this.#parts.voters.isQuorum(new Set(voters)) || this.holdings.length === 0) return
    this.#leases.drop()
    this.counts.fenced++
    this.#parts.log('fenced', { linked: voters })
    this.#settle(now)
  }

  tick(now: Now): void {
    if (this.#terms.choose(this.holdings, this.#parts.voters, now)) this.#show()
  }

  // ---- asking

  /** Hands over the requests that are due. A voter that is this node itself may answer at once. */
  request(names: readonly NodeId[], now: Now, deliver: (voter: NodeId, renew: Renew) => void): void {
    const scope = this.#scope()
    const { name } = this.#parts.voters
    if (scope === undefined || name === undefined) return
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const due = this.#renewals.due(names, scope, name, this.#terms.asked, now)
      if (due.length === 0) return
      const asked = due.map(voter => [voter, this.#ask(voter, scope, name, now)] as const)
      this.#settle(now)
      for (const [voter, renew] of asked) deliver(voter, renew)
    }
  }

  #ask(voter: NodeId, scope: Scope, voters: Renew['voters'], now: Now): Renew {
    const { rings, config, session } = this.#parts
    const times = timesFor(rings.get(scope.ring)?.members.length ?? 0, config)
    const { seq, term } = this.#leases.asked(voter, scope, this.#terms.asked, times.leaseMs, now)
    const said = this.ledger.say(voter, scope.ring)
    const renew = { type: 'renew', session, seq, scope, voters, term, ...said } as const
    this.#renewals.asked(voter, renew, times, now)
    this.counts.requests++
    return renew
  }

  #scope(): Scope | undefined {
    if (this.#ring === undefined) return undefined
    if (this.#keeps.length > KEEPS_MAX) return this.#claimed
    const { checksum: ring } = this.#ring
    const { ring: before, leaving, keeps } = this.#claimed ?? {}
    if (ring !== before || this.#leaving !== leaving || this.#keeps !== keeps)
      this.#claimed = { ring, leaving: this.#leaving, keeps: this.#keeps }
    return this.#claimed
  }

  // ---- being answered

  answered(from: NodeId, answer: Grant | GrantRefused, now: Now): void {
    if (answer.session !== this.#parts.session || !this.#parts.voters.includes(from)) return
    if (answer.type === 'grant') this.#granted(from, answer, now)
    else if (this.#leases.isLast(from, answer.seq)) this.#renewals.hasten(from, AGAIN_MS[answer.reason], now)
  }

  #granted(from: NodeId, grant: Grant, now: Now): void {
    if (this.#leases.contradicts(from, grant, now)) {
      this.counts.clockStops++
      this.#parts.log('clock-stood-still', { voter: from })
      this.#giveUp(0, now)
      return
    }
    const request = this.#leases.granted(from, grant, now)
    if (request === undefined) {
      this.counts.grantsLate++
      return
    }
    this.ledger.heard(from, grant.notes, request.scope.ring, request.term)
    if (this.#leases.isLimited(from)) this.#renewals.hasten(from, AGAIN_MS.exceptions, now)
    const { term } = request
    if (term > 0 && grant.termTaken && this.#terms.took(from, term, this.#parts.voters))
      this.#parts.log('term-taken', { term })
    this.#settle(now)
    if (term === 0 || grant.termTaken) return
    const live = { holdings: this.holdings, voters: this.#parts.voters }
    this.#terms.passedOver(from, { term, at: grant.top }, now, live)
  }

  /** After every change of the grants, and before more of them come: what was lost in between must not look unbroken. */
  #settle(now: Now): void {
    const changes = this.#changes + this.#leases.changes
    if (changes !== this.#settled) {
      this.#settled = changes
      this.#terms.settle(this.holdings, this.#parts.voters)
      this.#terms.choose(this.holdings, this.#parts.voters, now)
    }
    this.#show()
  }

  #show(): void {
    this.#moves++
    const until = this.leaseUntil
    this.#single = singleOf(this.holdings, until)
    this.#alike = undefined
    if ((until !== undefined) === this.#held) return
    this.#held = until !== undefined
    if (!this.#held) this.ledger.lapsed()
    const grantedBy = this.holdings.map(({ voter }) => voter)
    this.#parts.log(this.#held ? 'lease-gained' : 'lease-lost', { grantedBy })
  }
}
