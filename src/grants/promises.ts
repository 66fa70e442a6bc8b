/**
 * The voter's side: what it promised to whom, and until when. A promise is never smaller than what its node may act on
 * by a grant of this voter; all else follows from that.
 *
 * Of one voter, at most one node holds a grant that is good for a key: covers it, and no exception does. Whoever is
 * granted a key while another's promise covers it is told so. Hence the rule for keeps: one is granted only to a node
 * whose last grant was good for the key, and it is good whatever exceptions come with it. Since that last grant this
 * node's promise has covered the key, so every other grant that covers it named this promise, and is good for nothing
 * where the key is concerned. Without that second half a key that still drains would be fenced by the next change of
 * the ring, for the sake of a node that waits for it.
 */
import type { NodeId, PeerId } from '../base/ids.ts'
import { after, type Instant, later, type Now } from '../base/time.ts'
import { gathered } from './gathering.ts'
import type { Exception, GrantRefused, Renew, Scope } from './messages.ts'
import { excepted, type KnownRings, possiblyCovers, surelyCovers, within } from './scopes.ts'
import { Shares } from './shares.ts'

/** Nodes with a promise at a time; so a grant names at most one exception less. */
export const PROMISES_MAX = 1_000
/** Narrowings remembered for a promise. A forgotten one leaves the promise larger than it need be. */
export const NARROWED_MAX = 8

/** A grant to be: which scope, and what others may still act on. */
export interface Granted {
  readonly scope: Scope
  readonly exceptions: readonly Exception[]
  /** No promise to this session stood. */
  readonly fresh: boolean
}

interface Promised {
  readonly session: number
  readonly peer: PeerId
  /** Name of its disk. */
  readonly disk: string | undefined
  seq: number
  /** When it was made, or made longer. */
  readonly madeAt: Instant
  until: Instant
  /** Every one of them covers what is promised. */
  scopes: readonly Scope[]
  /** The last grant that was made of it. */
  granted: Granted
}

export type Verdict =
  | { readonly kind: 'granted'; readonly granted: Granted }
  | { readonly kind: 'refused'; readonly reason: GrantRefused['reason'] }
  /** Late or doubled: it must change nothing. */
  | { readonly kind: 'stale' }

export class Promises {
  readonly #rings: KnownRings
  readonly #trusting: boolean
  readonly #shares: Shares
  readonly #promised = new Map<NodeId, Promised>()
  /** No promise ends before. */
  #nextEnd = Number.POSITIVE_INFINITY

  /** @param trusting a promise ends early when the process that it was given to is known to be gone */
  constructor(rings: KnownRings, trusting = true) {
    this.#rings = rings
    this.#trusting = trusting
    this.#shares = new Shares(rings)
  }

  get size(): number {
    return this.#promised.size
  }

  /** Every promise that ran out is gone; call it before anything else happens. */
  expire(now: Now): void {
    if (this.#nextEnd > now.mono) return
    this.#nextEnd = Number.POSITIVE_INFINITY
    for (const [node, { until }] of this.#promised) {
      if (until <= now.mono) this.#promised.delete(node)
      else this.#nextEnd = Math.min(this.#nextEnd, until)
    }
  }

  /** Does a promise stand to the process that asked this? */
  standsFor(node: NodeId, peer: PeerId, renew: Renew): boolean {
    const promised = this.#promised.get(node)
    return promised !== undefined && isOfLife(promised, peer, renew)
  }

  /**
   * Rule 8: this voter knows that the process with this key is gone. Another one with the same name is not; nor is one with the same
   * key that asked before this one was heard of, and has not been able to since: it may be cut off and act.
   * @param since when this process was first heard of, where it says which it is
   */
  drop(node: NodeId, peer: PeerId, since?: Instant): boolean {
    const promised = this.#promised.get(node)
    if (promised?.peer !== peer || (since !== undefined && promised.madeAt < since)) return false
    return this.#promised.delete(node)
  }

  /**
   * @param ring checksum of the voter's own ring: only that one is granted
   * @param promiseMs W
   */
  receive(from: NodeId, peer: PeerId, renew: Renew, ring: string, promiseMs: number, now: Now): Verdict {
    const before = this.#promised.get(from)
    // Two with one name and other keys may have the same boot number: each data directory counts from 1. So may two lives of
    // one key, where the directory was lost and the key kept elsewhere.
    if (before && !isOfLife(before, peer, renew)) {
      // A higher boot number of the same key is a proved restart: key and lock lie in one data directory. Not so on another
      // disk: two containers may be given one key, and the other one may live.
      const isSame = before.peer === peer && before.disk === renew.disk
      const restarted = isSame && renew.session > before.session
      if (!restarted || !this.#trusting) return { kind: 'refused', reason: 'session' }
      this.#promised.delete(from)
    }
    const old = this.#promised.get(from)
    if (old && renew.seq <= old.seq) return { kind: 'stale' }
    if (renew.scope.ring !== ring) {
      if (old) this.#narrow(old, renew)
      return { kind: 'refused', reason: 'ring' }
    }
    if (!old && this.#promised.size >= PROMISES_MAX) return { kind: 'refused', reason: 'silent' }
    const granted = {
      scope: this.#grantable(from, renew.scope, old),
      exceptions: this.#others(from, ring),
      fresh: old === undefined,
    }
    const until = later(after(now.mono, promiseMs), old?.until ?? now.mono)
    this.#nextEnd = Math.min(this.#nextEnd, until)
    this.#promised.set(from, {
      session: renew.session,
      peer,
      disk: renew.disk,
      seq: renew.seq,
      madeAt: now.mono,
      until,
      scopes: [{ ...renew.scope, keeps: this.#promisable(from, renew.scope, old) }],
      granted,
    })
    return { kind: 'granted', granted }
  }

  /** The node stopped acting on what it no longer claims before it sent this. Nothing is granted and no time is added. */
  #narrow(old: Promised, { seq, scope }: Renew): void {
    old.seq = seq
    if (old.scopes.some(known => within(known, scope))) return
    const rest = old.scopes.filter(known => !within(scope, known))
    if (rest.length < NARROWED_MAX) old.scopes = [...rest, scope]
  }

  /** A grant of before may still be in use for these. */
  #promisable(from: NodeId, { keeps }: Scope, old: Promised | undefined): readonly string[] {
    if (!old) return []
    return keeps.filter(key => old.scopes.every(scope => possiblyCovers(from, scope, key, this.#rings)))
  }

  /**
   * A keep is granted only where the last grant was good for the key: a promise alone may be under another node's
   * earlier one, and under one ring neither would be told of the other.
   */
  #grantable(from: NodeId, scope: Scope, old: Promised | undefined): Scope {
    if (!old) return { ...scope, keeps: [] }
    const { granted, scopes } = old
    const keeps = scope.keeps.filter(
      key =>
        [granted.scope, ...scopes].every(each => surelyCovers(from, each, key, this.#rings)) &&
        (granted.scope.keeps.includes(key) ||
          !granted.exceptions.some(each => excepted(each, from, key, this.#rings))),
    )
    return { ...scope, keeps }
  }

  /** Under one ring a key has one owner, so of a promise under the same ring only the keeps are in the way. */
  #others(from: NodeId, ring: string): readonly Exception[] {
    const exceptions: Exception[] = []
    for (const [node, promised] of this.#promised) {
      if (node === from || harmless(promised.scopes, ring)) continue
      const scopes = promised.scopes.map(scope => ({
        ...scope,
        leaving: scope.leaving || scope.ring === ring,
        keeps: this.#shares.of(from, scope.keeps, ring),
      }))
      if (!scopes.some(({ leaving, keeps }) => leaving && keeps.length === 0))
        exceptions.push({ node, scopes })
    }
    return gathered(exceptions)
  }

  /** Rings that promises name and nobody knows here. */
  *unknownRings(): Iterable<readonly [NodeId, string]> {
    for (const [node, { scopes }] of this.#promised) {
      for (const { ring } of scopes) if (!this.#rings.get(ring)) yield [node, ring]
    }
  }
}

/** The usual case: under the same ring, and nothing kept. */
function harmless(scopes: readonly Scope[], ring: string): boolean {
  const [scope] = scopes
  return scopes.length === 1 && scope !== undefined && scope.ring === ring && scope.keeps.length === 0
}

/** One process from its start to its end: nobody counts a boot twice on one disk. */
const isOfLife = (promised: Promised, peer: PeerId, { session, disk }: Renew): boolean =>
  promised.session === session && promised.peer === peer && promised.disk === disk
