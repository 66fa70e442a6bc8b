/**
 * When each voter is asked next: at the interval, at once when the request would say something new, and after refusals;
 * in a large cluster never before a while has passed since it was asked last (`times.ts`).
 */
import type { NodeId } from '../base/ids.ts'
import { after, type Instant, later, type Now } from '../base/time.ts'
import type { Renew, Scope } from './messages.ts'
import { sameScope } from './scopes.ts'
import type { Times } from './times.ts'

interface Plan {
  at: Instant
  readonly notBefore: Instant
  said: { readonly scope: Scope; readonly term: number; readonly voters: Renew['voters'] } | undefined
}

interface Said {
  readonly voters: readonly NodeId[]
  readonly scope: Scope
  readonly list: Renew['voters']
  readonly term: number
}

export class Renewals {
  readonly #plans = new Map<NodeId, Plan>()
  #next: Instant | undefined
  /** What all of them were asked for last; the same objects are the same request. */
  #said: Said | undefined

  /** Those to be asked now; asked after every step, so mostly nobody. */
  due(voters: readonly NodeId[], scope: Scope, list: Renew['voters'], term: number, now: Now): NodeId[] {
    const { next } = this
    if (next !== undefined && next > now.mono && this.#allSaid(voters, scope, list, term)) return []
    const due: NodeId[] = []
    for (const voter of voters) if (this.isDue(voter, scope, list, term, now)) due.push(voter)
    if (due.length === 0) this.#said = { voters, scope, list, term }
    return due
  }

  #allSaid(voters: readonly NodeId[], scope: Scope, list: Renew['voters'], term: number): boolean {
    const said = this.#said
    return said?.voters === voters && said.scope === scope && said.list === list && said.term === term
  }

  isDue(voter: NodeId, scope: Scope, voters: Renew['voters'], term: number, now: Now): boolean {
    const plan = this.#plans.get(voter)
    if (!plan?.said || plan.at <= now.mono) return true
    const { said } = plan
    // Terms race each other: one that waited would be passed over again.
    if (said.term !== term || !isSame(said.voters, voters)) return true
    if (sameScope(said.scope, scope)) return false
    if (plan.notBefore <= now.mono) return true
    this.#pullIn(plan, plan.notBefore)
    return false
  }

  asked(voter: NodeId, { scope, voters, term }: Renew, times: Times, now: Now): void {
    const said = { scope, term, voters }
    const notBefore = after(now.mono, times.pauseMs)
    this.#plans.set(voter, { at: after(now.mono, times.renewMs), notBefore, said })
    this.#next = undefined
  }

  /** No later than in so many ms, or when the pause is over. */
  hasten(voter: NodeId, ms: number, now: Now): void {
    const plan = this.#plans.get(voter)
    if (plan) this.#pullIn(plan, later(after(now.mono, ms), plan.notBefore))
  }

  #pullIn(plan: Plan, at: Instant): void {
    if (plan.at <= at) return
    plan.at = at
    this.#next = undefined
  }

  keepOnly(voters: readonly NodeId[]): void {
    for (const voter of this.#plans.keys()) if (!voters.includes(voter)) this.#plans.delete(voter)
    this.#next = undefined
    this.#said = undefined
  }

  get next(): Instant | undefined {
    if (this.#next !== undefined) return this.#next
    for (const { at } of this.#plans.values())
      if (this.#next === undefined || at < this.#next) this.#next = at
    return this.#next
  }
}

const isSame = (a: Renew['voters'], b: Renew['voters']): boolean =>
  a.version === b.version && a.hash === b.hash
