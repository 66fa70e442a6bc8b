/**
 * How claims ended that are no more, for clients that ask later: one whose answer got lost and who says the same again,
 * and one who was lost and has to be told so.
 */
import type { TaskId } from '../../../base/ids.ts'

/** Claims remembered; of older ones nobody knows any more, which tells a client the same: stop. */
export const ENDED_MAX = 4_096

/** By the client's word, or why not. */
export type HowEnded =
  | 'complete'
  | 'fail'
  | 'release'
  | 'expired'
  | 'timed-out'
  | 'fenced'
  | 'cancelled'
  | 'stopped'

export interface EndedClaim {
  readonly how: HowEnded
  readonly task: TaskId
  readonly attempt: number
  readonly token: string
}

export class EndedClaims {
  readonly #claims = new Map<string, EndedClaim>()
  readonly #counts = new Map<HowEnded, number>()

  get(id: string): EndedClaim | undefined {
    return this.#claims.get(id)
  }

  /** Since start, by how they ended. */
  get counts(): ReadonlyMap<HowEnded, number> {
    return this.#counts
  }

  add(id: string, claim: EndedClaim): void {
    this.#counts.set(claim.how, (this.#counts.get(claim.how) ?? 0) + 1)
    this.#claims.set(id, claim)
    if (this.#claims.size <= ENDED_MAX) return
    const [oldest] = this.#claims.keys()
    if (oldest !== undefined) this.#claims.delete(oldest)
  }
}
