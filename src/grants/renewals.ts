/** When each voter is asked next: at the interval, at once when the request would say something new, and after refusals. */
import type { NodeId } from '../base/ids.ts'
import { after, type Instant, type Now } from '../base/time.ts'
import type { Renew, Scope } from './messages.ts'
import { sameScope } from './scopes.ts'

interface Plan {
  at: Instant
  said: { readonly scope: Scope; readonly term: number; readonly voters: string } | undefined
}

export class Renewals {
  readonly #plans = new Map<NodeId, Plan>()

  isDue(voter: NodeId, scope: Scope, voters: Renew['voters'], term: number, now: Now): boolean {
    const plan = this.#plans.get(voter)
    if (!plan?.said || plan.at <= now.mono) return true
    const { said } = plan
    return said.term !== term || said.voters !== textOf(voters) || !sameScope(said.scope, scope)
  }

  asked(voter: NodeId, { scope, voters, term }: Renew, everyMs: number, now: Now): void {
    const said = { scope, term, voters: textOf(voters) }
    this.#plans.set(voter, { at: after(now.mono, everyMs), said })
  }

  /** No later than in so many ms. */
  hasten(voter: NodeId, ms: number, now: Now): void {
    const plan = this.#plans.get(voter)
    if (plan && plan.at > after(now.mono, ms)) plan.at = after(now.mono, ms)
  }

  keepOnly(voters: readonly NodeId[]): void {
    for (const voter of this.#plans.keys()) if (!voters.includes(voter)) this.#plans.delete(voter)
  }

  get next(): Instant | undefined {
    let next: Instant | undefined
    for (const { at } of this.#plans.values()) if (next === undefined || at < next) next = at
    return next
  }
}

const textOf = ({ version, hash }: Renew['voters']): string => `${version} ${hash}`
