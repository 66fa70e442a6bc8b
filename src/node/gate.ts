import { elapsedMs, type Instant } from '../base/time.ts'
import type { Readiness } from './status.ts'

type Reason = Readiness['reasons'][number]

/** What the gate looks at. */
export interface GateSight {
  /** Why this node stands aside for another of its name, if it does. */
  readonly nameTaken: string | undefined
  readonly synced: boolean
  readonly living: number
  readonly minMembers: number
  readonly viewChangedAt: Instant
  readonly stillMs: number
}

/**
 * Holds back all work after boot until this node knows enough not to do what others did or do: one member's whole view
 * taken (or no seeds to ask), enough members there, and the view still for a moment. Opens once and stays open; a node
 * that stands aside for another of its name later is not ready all the same.
 */
export class StartGate {
  #open = false

  get open(): boolean {
    return this.#open
  }

  /** True at the moment it opens. */
  tryOpen(sight: GateSight, now: Instant): boolean {
    if (this.#open || this.#lacking(sight, now).length > 0) return false
    this.#open = true
    return true
  }

  /** Why it is closed, as far as can be told now; empty only when it is open. */
  closedBecause(sight: GateSight, now: Instant): Reason[] {
    const reasons = this.#lacking(sight, now)
    // Nothing is lacking any more, and the tick that opens it has not come: work would be refused.
    if (!this.#open && reasons.length === 0)
      reasons.push({ code: 'settling', detail: 'it opens with the next tick' })
    return reasons
  }

  #lacking(sight: GateSight, now: Instant): Reason[] {
    const reasons: Reason[] = []
    if (sight.nameTaken !== undefined) {
      reasons.push({ code: 'node-id-taken', detail: `NODE_ID_TAKEN: ${sight.nameTaken}` })
    }
    if (this.#open) return reasons
    if (!sight.synced) {
      reasons.push({ code: 'joining', detail: 'no seed has answered and shared what it knows' })
    }
    if (sight.living < sight.minMembers) {
      reasons.push({
        code: 'min-members',
        detail: `${sight.living} of ${sight.minMembers} members are alive`,
      })
    }
    if (elapsedMs(sight.viewChangedAt, now) < sight.stillMs) {
      reasons.push({ code: 'settling', detail: `the view has not been still for ${sight.stillMs} ms yet` })
    }
    return reasons
  }
}
