/**
 * Claims are state, not events: of each accuser about each subject the newest counts, until it is withdrawn, until the
 * subject starts a new incarnation, or until it has not been said again for three intervals.
 */
import type { NodeId } from '../base/ids.ts'
import { elapsedMs, type Instant } from '../base/time.ts'
import type { Claim } from './messages.ts'

interface Heard {
  readonly claim: Claim
  /** When it was last said. */
  readonly at: Instant
}

export class ClaimBoard {
  readonly #bySubject = new Map<NodeId, Map<NodeId, Heard>>()
  readonly #ttlMs: number

  /** @param ttlMs a claim not said again for this long is forgotten */
  constructor(ttlMs: number) {
    this.#ttlMs = ttlMs
  }

  /** Takes a claim or a withdrawal. True when it is news (and not only a repetition). */
  note(claim: Claim, now: Instant): boolean {
    const claims = this.#bySubject.get(claim.subject) ?? new Map<NodeId, Heard>()
    this.#bySubject.set(claim.subject, claims)
    const known = claims.get(claim.accuser)
    if (known !== undefined && claim.sequence < known.claim.sequence) return false
    claims.set(claim.accuser, { claim, at: now })
    return known === undefined || claim.sequence > known.claim.sequence
  }

  /** What stands against a member's present incarnation. */
  against(subject: NodeId, incarnation: number): Claim[] {
    const claims = this.#bySubject.get(subject)
    if (claims === undefined) return []
    return [...claims.values()]
      .map(heard => heard.claim)
      .filter(claim => !claim.withdrawn && claim.incarnation === incarnation)
  }

  /** What stands by one accuser. */
  standing(accuser: NodeId): Claim[] {
    return [...this.#bySubject.values()].flatMap(claims => {
      const claim = claims.get(accuser)?.claim
      return claim === undefined || claim.withdrawn ? [] : [claim]
    })
  }

  /** Drops what has not been said again in time. This node's own claims are said again by itself. */
  expire(now: Instant): void {
    for (const [subject, claims] of this.#bySubject) {
      for (const [accuser, heard] of claims) {
        if (elapsedMs(heard.at, now) > this.#ttlMs) claims.delete(accuser)
      }
      if (claims.size === 0) this.#bySubject.delete(subject)
    }
  }

  shift(lateMs: number): void {
    for (const claims of this.#bySubject.values()) {
      for (const [accuser, heard] of claims) {
        claims.set(accuser, { claim: heard.claim, at: (heard.at + lateMs) as Instant })
      }
    }
  }

  forget(subject: NodeId): void {
    this.#bySubject.delete(subject)
  }
}
