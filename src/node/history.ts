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
import { elapsedMs, type Instant, type Now, type WallMs, wallOf } from '../base/time.ts'
import { tokenOf } from '../grants/token.ts'
import type { Ring } from '../ring/ring.ts'
import type { KeyHistory, Metric, OwnerChange, RightPeriod, RingCause } from './status.ts'

/** Rings kept at most, and tokens of all of them together: 6 bytes each, 24 MB. Eight members: 5 MB for 256 rings. */
export const RINGS_MAX = 256
export const TOKENS_MAX = 4_000_000
/** Periods with the right to act that are kept, and terms taken in them. */
export const RIGHTS_MAX = 256
export const TERMS_MAX = 1_024

const TOKENS_PER_VNODE = 4

interface Change {
  readonly at: WallMs
  readonly ring: Ring
  readonly tokens: number
  readonly causes: readonly RingCause[]
}

/** A quorum of grants without a gap. */
interface Right {
  readonly from: WallMs
  until: WallMs | undefined
}

interface Taken {
  readonly at: WallMs
  readonly term: number
}

export class History {
  readonly #self: NodeId
  readonly #vnodesPerWeight: number
  /** Oldest first. */
  readonly #changes: Change[] = []
  readonly #rights: Right[] = []
  readonly #terms: Taken[] = []
  #termsForgotten = false
  #tokens = 0
  #since: WallMs
  #forgotten = false
  #rightUntil: Instant | undefined
  #margins: { readonly lastMs: number; readonly leastMs: number } | undefined
  #rightsLost = 0

  constructor(self: NodeId, vnodesPerWeight: number, now: Now) {
    this.#self = self
    this.#vnodesPerWeight = vnodesPerWeight
    this.#since = now.wall
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

  /**
   * To be told after every step in which it may have changed.
   *
   * @param until when this node's quorum of grants runs out; undefined when it has none
   * @param term the highest term that it gained keys under; 0 when it holds none
   */
  rightSeen(until: Instant | undefined, term: number, now: Now): void {
    const before = this.#rightUntil
    this.#rightUntil = until
    this.#measure(before, until, now.mono)
    const open = this.#openRight()
    if (until === undefined) {
      if (open === undefined) return
      open.until = endOf(before, now)
      this.#rightsLost++
      return
    }
    if (open === undefined) {
      this.#rights.push({ from: now.wall, until: undefined })
      if (this.#rights.length > RIGHTS_MAX) this.#rights.shift()
    }
    if (term > (this.#terms.at(-1)?.term ?? 0)) this.#took({ at: now.wall, term })
  }

  of(key: string): KeyHistory {
    const stretches = this.#stretchesOf(key)
    const owners = stretches.flatMap(({ change }) => (change === undefined ? [] : [change]))
    return { since: this.#since, owners, rights: this.#rightsOf(stretches) }
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

  #took(taken: Taken): void {
    this.#terms.push(taken)
    if (this.#terms.length <= TERMS_MAX) return
    this.#terms.shift()
    this.#termsForgotten = true
  }

  #openRight(): Right | undefined {
    const last = this.#rights.at(-1)
    return last?.until === undefined ? last : undefined
  }

  #tokensOf(ring: Ring): number {
    const vnodes = ring.members.map(({ weight }) => Math.max(1, Math.round(weight * this.#vnodesPerWeight)))
    return TOKENS_PER_VNODE * vnodes.reduce((sum, count) => sum + count, 0)
  }

  /** Who owned the key since when, newest first. */
  #stretchesOf(key: string): Stretch[] {
    const found: Stretch[] = []
    for (const [i, { at, ring, causes }] of this.#changes.entries()) {
      const owner = ring.owner(key)
      const from = found.at(-1)?.owner
      if (owner === from && found.length > 0) continue
      // The oldest ring kept is a change only if it was the first there was.
      const change = i === 0 && this.#forgotten ? undefined : changeOf(at, from, owner, ring, causes)
      found.push({ from: at, owner, change })
    }
    return found.reverse()
  }

  /** The stretches in which this node both owned the key and held a right. */
  #rightsOf(stretches: readonly Stretch[]): RightPeriod[] {
    const found: RightPeriod[] = []
    for (const [i, { from, owner }] of stretches.entries()) {
      if (owner !== this.#self) continue
      for (const right of this.#rights.toReversed()) {
        const span = overlap({ from, until: stretches[i - 1]?.from }, right)
        const period = span && this.#underTerms(span, right)
        if (period !== undefined) found.push(period)
      }
    }
    return found
  }

  /**
   * A key is acted for under the first term taken after it was gained, as long as it is granted without a break. Where
   * none was taken since, the node had it from before, and what was taken last goes on.
   */
  #underTerms({ from, until }: Span, right: Right): RightPeriod | undefined {
    const within = this.#terms.filter(({ at }) => at >= from && at < (until ?? Number.POSITIVE_INFINITY))
    const earlier = this.#terms.findLast(({ at }) => at >= right.from && at < from)
    const first = within[0] ?? earlier
    const last = within.at(-1) ?? earlier
    if (first === undefined || last === undefined) return undefined
    const mayBeOlder = this.#termsForgotten && first === this.#terms[0]
    return {
      from: Math.max(from, first.at),
      ...(until === undefined ? {} : { until }),
      ...(mayBeOlder ? {} : { token: tokenOf(first.term) }),
      tokenMost: tokenOf(last.term),
    }
  }
}

interface Stretch {
  readonly from: WallMs
  readonly owner: NodeId | undefined
  readonly change: OwnerChange | undefined
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

/** A right that ran out while this node stood still had ended before it noticed. */
function endOf(until: Instant | undefined, { mono, wall }: Now): WallMs {
  const sinceMs = until === undefined ? 0 : Math.max(0, elapsedMs(until, mono))
  return wallOf(wall - sinceMs)
}

interface Span {
  readonly from: number
  readonly until: number | undefined
}

function overlap(a: Span, b: Span): Span | undefined {
  const from = Math.max(a.from, b.from)
  const until = Math.min(a.until ?? Number.POSITIVE_INFINITY, b.until ?? Number.POSITIVE_INFINITY)
  return from < until ? { from, until: Number.isFinite(until) ? until : undefined } : undefined
}
