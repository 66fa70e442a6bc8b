/** What clients that claim tasks are refused with, and how often. */
import type { ErrorCode, Failure } from '../../../base/errors.ts'
import type { Metric } from '../../../node/status.ts'
import type { ClaimName, ClaimQuery } from '../../../runtime/claims.ts'
import type { ClaimConfig } from '../config.ts'
import { quote } from '../payload.ts'
import type { Verdict } from './book.ts'

export class Refusals {
  readonly #config: ClaimConfig
  readonly #counts = new Map<ErrorCode, number>()

  constructor(config: ClaimConfig) {
    this.#config = config
  }

  /** Why this client may not wait; undefined when it may. */
  ofQuery({ types }: ClaimQuery, full: 'waiters' | 'claims' | undefined): Failure | undefined {
    const strange = types.filter(type => !this.#config.types.includes(type))
    if (strange.length > 0) return this.#counted(this.#unknownTypes(strange))
    if (full === undefined) return undefined
    const { waitersMax, claimsMax } = this.#config
    const detail =
      full === 'waiters'
        ? `${waitersMax} clients wait already (executors.claim.waitersMax).`
        : `${claimsMax} tasks are held or waited for already (executors.claim.claimsMax).`
    return this.#counted({ code: 'CLAIMS_FULL', detail, retryAfterS: 1 })
  }

  /** Why the word of a client does not count. */
  ofVerdict({ claim, attempt }: ClaimName, verdict: Verdict): Failure {
    switch (verdict.kind) {
      case 'stale': {
        const detail = `Expected the attempt and token of claim ${claim}, got attempt ${attempt} and its token.`
        return this.#counted({ code: 'CLAIM_STALE', detail })
      }
      case 'ended':
        return this.#counted({ code: 'CLAIM_ENDED', detail: `It ended before: ${verdict.how}.` })
      default: {
        const detail = `Expected a claim that this node handed out, got ${quote(claim)}.`
        return this.#counted({ code: 'CLAIM_UNKNOWN', detail })
      }
    }
  }

  metric(): Metric {
    const samples = [...this.#counts].map(([code, value]) => ({ labels: { code }, value }))
    const help = 'What clients that claim tasks were refused, by code.'
    return { name: 'task_claims_refused_total', type: 'counter', help, samples }
  }

  #unknownTypes(strange: readonly string[]): Failure {
    const { types } = this.#config
    const expected =
      types.length === 0
        ? 'none, as executors.claim.types of this node is empty'
        : `only types of executors.claim.types: ${types.join(', ')}`
    const problems = strange.map(type => ({ at: 'types', expected, got: quote(type) }))
    const detail = `types: expected ${expected}, got ${strange.map(quote).join(', ')}.`
    return { code: 'CLAIM_TYPE_UNKNOWN', detail, problems }
  }

  #counted(failure: Failure): Failure {
    this.#counts.set(failure.code, (this.#counts.get(failure.code) ?? 0) + 1)
    return failure
  }
}
