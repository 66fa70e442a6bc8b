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
  /** It was told to everybody, which is not done every second: it stands longer without being said again. */
  readonly flooded: boolean
}

export class ClaimBoard {
  readonly #bySubject = new Map<NodeId, Map<NodeId, Heard>>()
  readonly #ttlMs: number
  readonly #floodedTtlMs: number

  /**
   * @param ttlMs a claim not said again for this long is forgotten
   * @param floodedTtlMs the same for claims that were told to everybody
   */
  constructor(ttlMs: number, floodedTtlMs = ttlMs) {
    this.#ttlMs = ttlMs
    this.#floodedTtlMs = floodedTtlMs
  }

  /** Members that are or were accused lately. */
  subjects(): IterableIterator<NodeId> {
    return this.#bySubject.keys()
  }

  /** How many they are. */
  get size(): number {
    return this.#bySubject.size
  }

  /** Takes a claim or a withdrawal. True when it is news (and not only a repetition). */
  note(claim: Claim, now: Instant, flooded = false): boolean {
    const claims = this.#bySubject.get(claim.subject) ?? new Map<NodeId, Heard>()
    this.#bySubject.set(claim.subject, claims)
    const known = claims.get(claim.accuser)
    if (known !== undefined && claim.sequence < known.claim.sequence) return false
    const again = known?.flooded === true && known.claim.sequence === claim.sequence
    claims.set(claim.accuser, { claim, at: now, flooded: flooded || again })
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

  /** How many accuse the member's present incarnation; of those told to everybody only, when asked so. */
  accusers(subject: NodeId, incarnation: number, flooded = false): number {
    let number = 0
    for (const heard of this.#bySubject.get(subject)?.values() ?? []) {
      const { claim } = heard
      if (!claim.withdrawn && claim.incarnation === incarnation && (heard.flooded || !flooded)) number++
    }
    return number
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
        const ttlMs = heard.flooded ? this.#floodedTtlMs : this.#ttlMs
        if (elapsedMs(heard.at, now) > ttlMs) claims.delete(accuser)
      }
      if (claims.size === 0) this.#bySubject.delete(subject)
    }
  }

  shift(lateMs: number): void {
    for (const claims of this.#bySubject.values()) {
      for (const [accuser, heard] of claims) {
        claims.set(accuser, { ...heard, at: (heard.at + lateMs) as Instant })
      }
    }
  }

  forget(subject: NodeId): void {
    this.#bySubject.delete(subject)
  }
}
