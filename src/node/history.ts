/**
 * Who owned a key, when, and why: what an operator asks afterwards.
 *
 * A ring is a value and answers for every key, so the last rings are kept with the time at which each came and the
 * causes of the change; walking them newest to oldest gives every change of owner of any key, exact, without having
 * watched the key. Ledger lines are copied into the causes, because a ledger forgets and a dead member is reaped.
 *
 * Not taken: to keep only the ranges that moved. They are smaller for one change among very many members, but comparing
 * two rings of a thousand members takes longer than a step may last.
 */
import type { NodeId } from '../base/ids.ts'
import { elapsedMs, type Instant, type Now, type WallMs } from '../base/time.ts'
import type { Ring } from '../ring/ring.ts'
import { TOKENS_PER_VNODE, vnodesOf } from '../ring/vnodes.ts'
import { type RightSource, Rights } from './rights.ts'
import type { KeyHistory, Metric, OwnerChange, RingCause } from './status.ts'

/** Rings kept at most, and tokens of all of them together: 6 bytes each, 24 MB. Eight members: 5 MB for 256 rings. */
export const RINGS_MAX = 256
export const TOKENS_MAX = 4_000_000

interface Change {
  readonly at: WallMs
  readonly ring: Ring
  readonly tokens: number
  readonly causes: readonly RingCause[]
}

export class History {
  readonly #vnodesPerWeight: number
  /** Oldest first. */
  readonly #changes: Change[] = []
  readonly #rights: Rights
  #tokens = 0
  #since: WallMs
  #forgotten = false
  #rightUntil: Instant | undefined
  #margins: { readonly lastMs: number; readonly leastMs: number } | undefined
  #rightsLost = 0

  constructor(self: NodeId, vnodesPerWeight: number, now: Now) {
    this.#vnodesPerWeight = vnodesPerWeight
    this.#since = now.wall
    this.#rights = new Rights(self, ring => this.#tokensOf(ring), now)
  }

  /** The ring is another one now. */
  ringChanged(before: Ring, after: Ring, causes: readonly RingCause[], now: Now): void {
    if (before.checksum === after.checksum && this.#changes.length > 0) return
    const tokens = this.#tokensOf(after)
    this.#changes.push({ at: now.wall, ring: after, tokens, causes })
    this.#tokens += tokens
    // The newest always stays: it is the node's own anyway.
    while (this.#changes.length > 1 && (this.#changes.length > RINGS_MAX || this.#tokens > TOKENS_MAX)) {
      this.#tokens -= this.#changes.shift()?.tokens ?? 0
      this.#since = this.#changes[0]?.at ?? now.wall
      this.#forgotten = true
    }
  }

  /** To be told after every step. */
  rightSeen(right: RightSource, now: Now): void {
    this.#rights.see(right, now)
    const before = this.#rightUntil
    const until = right.leaseUntil
    this.#rightUntil = until
    this.#measure(before, until, now.mono)
    if (before !== undefined && until === undefined) this.#rightsLost++
  }

  of(key: string): KeyHistory {
    const rights = this.#rights.of(key)
    return { since: this.#since, owners: this.#ownersOf(key), rightsSince: this.#rights.since, rights }
  }

  /** Known earlier rings, by checksum. */
  ring(checksum: string): Ring | undefined {
    return this.#changes.findLast(change => change.ring.checksum === checksum)?.ring
  }

  metrics(): Metric[] {
    const gauge = (name: string, help: string, value: number): Metric => ({
      name,
      help,
      type: 'gauge',
      samples: [{ value }],
    })
    const margins = this.#margins
    return [
      gauge('history_rings', 'Rings kept to explain who owned a key when.', this.#changes.length),
      gauge('history_tokens', 'Tokens of the rings kept.', this.#tokens),
      {
        ...gauge(
          'rights_lost_total',
          'Times the quorum of grants ran out or was given up.',
          this.#rightsLost,
        ),
        type: 'counter',
      },
      ...this.#rights.metrics(),
      ...(margins === undefined
        ? []
        : [
            gauge('lease_margin_ms', 'What was left of the lease when it was last renewed.', margins.lastMs),
            gauge('lease_margin_least_ms', 'The least that was ever left of it.', margins.leastMs),
          ]),
    ]
  }

  #measure(before: Instant | undefined, until: Instant | undefined, now: Instant): void {
    if (until === undefined || before === undefined || until <= before) return
    const lastMs = Math.round(Math.max(0, elapsedMs(now, before)))
    this.#margins = { lastMs, leastMs: Math.min(lastMs, this.#margins?.leastMs ?? lastMs) }
  }

  #tokensOf(ring: Ring): number {
    const weights = ring.members.map(({ weight }) => weight)
    const { counts } = vnodesOf(weights, this.#vnodesPerWeight)
    return TOKENS_PER_VNODE * counts.reduce((sum, count) => sum + count, 0)
  }

  /** Every change of the key's owner, newest first. */
  #ownersOf(key: string): OwnerChange[] {
    const found: OwnerChange[] = []
    let from: NodeId | undefined
    for (const [i, { at, ring, causes }] of this.#changes.entries()) {
      const to = ring.owner(key)
      // The oldest ring kept is a change only if it was the first there was.
      const isFirst = i === 0
      if (isFirst ? !this.#forgotten : to !== from) found.push(changeOf(at, from, to, ring, causes))
      from = to
    }
    return found.reverse()
  }
}

function changeOf(
  at: WallMs,
  from: NodeId | undefined,
  to: NodeId | undefined,
  ring: Ring,
  causes: readonly RingCause[],
): OwnerChange {
  const concerned = causes.filter(({ member }) => member === from || member === to)
  return {
    at,
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    ring: ring.checksum,
    causes: concerned.length > 0 ? concerned : causes,
  }
}
