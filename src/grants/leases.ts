/**
 * The member's side: what it asked of each voter and when, and what it was granted. A grant counts from the sending of
 * its request, and only for keys that every request sent since has claimed as well.
 */
import type { NodeId } from '../base/ids.ts'
import { after, type Instant, type Now } from '../base/time.ts'
import type { Condition, Conditions } from './conditions.ts'
import { CLOCK_RATE_MARGIN } from './config.ts'
import type { Grant, Scope } from './messages.ts'
import { sameScope } from './scopes.ts'

/** Requests to one voter that may still be answered; a lease of 2 s holds 34 of the fastest repetition (60 ms). */
export const SENT_MAX = 64

export interface Sent {
  readonly seq: number
  readonly at: Instant
  readonly scope: Scope
  readonly term: number
  /** L of this request. */
  readonly leaseMs: number
}

/** A live grant: who gave it, until when it counts, and for which keys. */
export interface Holding {
  readonly voter: NodeId
  readonly until: Instant
  readonly conditions: readonly Condition[]
  readonly top: number
}

interface Lease {
  seq: number
  sent: Sent[]
  grant:
    | { readonly seq: number; readonly until: Instant; readonly conditions: readonly Condition[] }
    | undefined
  top: number
}

export class Leases {
  readonly #conditions: Conditions
  readonly #of = new Map<NodeId, Lease>()
  #holdings: readonly Holding[] | undefined
  #changes = 0

  constructor(conditions: Conditions) {
    this.#conditions = conditions
  }

  /** Notes a request that is about to be sent; from now on keys it does not claim are not acted for. */
  asked(voter: NodeId, scope: Scope, term: number, leaseMs: number, now: Now): Sent {
    const lease = this.#lease(voter)
    const sent = { seq: ++lease.seq, at: now.mono, scope, term, leaseMs }
    forget(lease.sent, now)
    lease.sent.push(sent)
    if (lease.sent.length > SENT_MAX) lease.sent.shift()
    if (lease.grant) {
      const conditions = this.#conditions.and(lease.grant.conditions, [{ kind: 'claimed', scope }])
      if (conditions !== lease.grant.conditions) this.#set(lease, { ...lease.grant, conditions })
    }
    return sent
  }

  /** The request that it answers, when the grant counts; undefined when it is late, unasked for or older than another. */
  granted(voter: NodeId, grant: Grant, now: Now): Sent | undefined {
    const lease = this.#lease(voter)
    const request = lease.sent.find(({ seq }) => seq === grant.seq)
    if (!request || (lease.grant && grant.seq < lease.grant.seq)) return undefined
    const until = after(request.at, Math.min(request.leaseMs, grant.promiseMs / CLOCK_RATE_MARGIN))
    if (until <= now.mono) return undefined
    lease.top = Math.max(lease.top, grant.top)
    const scope = sameScope(grant.scope, request.scope) ? request.scope : grant.scope
    const saved = scope.keeps
    const given: readonly Condition[] = [
      { kind: 'claimed', scope },
      ...grant.exceptions.map(exception => ({ kind: 'not-excepted', exception, saved }) as const),
    ]
    const claimed = lease.sent
      .filter(({ seq }) => seq >= grant.seq)
      .map(({ scope }) => ({ kind: 'claimed', scope }) as const)
    this.#set(lease, {
      seq: grant.seq,
      until,
      conditions: this.#conditions.and(this.#conditions.and([], given), claimed),
    })
    return request
  }

  /**
   * A voter says that no promise of its stood when it got this request. A grant that counts here until now came from one,
   * and clocks that run end the grant first: so this machine's clock stood still.
   */
  contradicts(voter: NodeId, { seq, fresh }: Grant, now: Now): boolean {
    const { grant } = this.#lease(voter)
    return fresh === true && grant !== undefined && grant.seq < seq && grant.until > now.mono
  }

  /** True when a grant ran out. */
  expire(now: Now): boolean {
    const next = this.nextEnd
    if (next === undefined || next > now.mono) return false
    for (const lease of this.#of.values()) {
      if (lease.grant && lease.grant.until <= now.mono) this.#set(lease, undefined)
    }
    return true
  }

  /** Gives all grants up, and whatever requests under way may still bring. */
  drop(): void {
    for (const lease of this.#of.values()) {
      lease.sent = []
      this.#set(lease, undefined)
    }
  }

  /** Forgets voters that are none any more. */
  keepOnly(voters: readonly NodeId[]): void {
    for (const voter of this.#of.keys()) {
      if (voters.includes(voter)) continue
      const lease = this.#lease(voter)
      lease.sent = []
      this.#set(lease, undefined)
    }
  }

  /** Do promises to others take anything away from what this voter granted last? */
  isLimited(voter: NodeId): boolean {
    return this.#lease(voter).grant?.conditions.some(({ kind }) => kind === 'not-excepted') ?? false
  }

  isLast(voter: NodeId, seq: number): boolean {
    return this.#lease(voter).seq === seq
  }

  /** Live grants, the one that counts longest first. */
  get holdings(): readonly Holding[] {
    if (!this.#holdings) {
      const all: Holding[] = []
      for (const [voter, { grant, top }] of this.#of) {
        if (grant) all.push({ voter, until: grant.until, conditions: grant.conditions, top })
      }
      this.#holdings = all.sort((a, b) => b.until - a.until)
    }
    return this.#holdings
  }

  /** Rises whenever what is granted for which keys changes, not when the same is granted for longer. */
  get changes(): number {
    return this.#changes
  }

  /** When the next grant runs out. */
  get nextEnd(): Instant | undefined {
    return this.holdings.at(-1)?.until
  }

  #set(lease: Lease, grant: Lease['grant']): void {
    const before = lease.grant?.conditions
    const conditions = grant && this.#shared(before, grant.conditions)
    if (conditions !== before) this.#changes++
    lease.grant = grant && conditions && { ...grant, conditions }
    this.#holdings = undefined
  }

  /** Equal sets are one and the same array: before, and of all voters. So whoever compares them looks no further. */
  #shared(before: readonly Condition[] | undefined, conditions: readonly Condition[]): readonly Condition[] {
    if (before && this.#conditions.same(before, conditions)) return before
    for (const { grant } of this.#of.values()) {
      if (grant && this.#conditions.same(grant.conditions, conditions)) return grant.conditions
    }
    return conditions
  }

  #lease(voter: NodeId): Lease {
    const known = this.#of.get(voter)
    if (known) return known
    const lease: Lease = { seq: 0, sent: [], grant: undefined, top: 0 }
    this.#of.set(voter, lease)
    return lease
  }
}

/**
 * What no answer can reach any more goes, oldest first and never out of turn: with rings of different sizes a later
 * request may run out sooner, and what it gave up must not be forgotten while an earlier one can still be granted.
 */
function forget(sent: Sent[], now: Now): void {
  for (let [first] = sent; first && after(first.at, first.leaseMs) <= now.mono; [first] = sent) sent.shift()
}
