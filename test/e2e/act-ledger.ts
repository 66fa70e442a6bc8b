/**
 * Judges a ledger of `../testbed/register.mjs`: did two actors act for one key at one moment, and was a stale token
 * accepted?
 *
 * An actor acts from one sign of life to the next, as long as they are not further apart than `silenceMs`; a frozen one
 * that says nothing does nothing. What it says after it woke is a span of its own, refused or not, so acting for a key
 * that another has taken meanwhile shows. Two attempts of one node are two actors: what a killed daemon left running
 * must not meet what its successor starts.
 */
import { readFileSync } from 'node:fs'

/** A line of the ledger. */
export interface Sign {
  /** When the register heard it: CLOCK_MONOTONIC in ms, as `process.hrtime()` reads it. */
  readonly at: number
  /** `gone`: it ended without a `stop`. */
  readonly event: 'start' | 'act' | 'stop' | 'gone'
  /** One attempt, by its connection. */
  readonly actor: number
  readonly key: string
  /** Decimal, 64 bits. */
  readonly token: string
  readonly node: string
  readonly pid: number
  readonly accepted: boolean
}

/** A time through which one actor acted for one key, both ends included. */
export interface Span {
  readonly key: string
  readonly actor: number
  readonly node: string
  readonly token: string
  readonly from: number
  readonly to: number
}

export interface Overlap {
  readonly key: string
  readonly first: Span
  readonly second: Span
  /** When both acted, both ends included. */
  readonly from: number
  readonly to: number
}

/** Three times the pause between two signs of an actor: longer is a freeze, not a busy machine. */
const SILENCE_MS = 300

/** @throws when a line is not a sign of life: the register met an error, or the file is something else */
export function readLedger(path: string): readonly Sign[] {
  const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean)
  return lines.map((line, index) => {
    const sign = JSON.parse(line) as Sign
    if (!['start', 'act', 'stop', 'gone'].includes(sign.event)) throw new Error(`line ${index + 1}: ${line}`)
    return sign
  })
}

/** Every two spans of different actors of one key that have a moment in common. */
export function overlaps(ledger: readonly Sign[], silenceMs = SILENCE_MS): readonly Overlap[] {
  const found: Overlap[] = []
  for (const spans of Map.groupBy(spansOf(ledger, silenceMs), span => span.key).values()) {
    let acting: Span[] = []
    for (const second of spans.toSorted((a, b) => a.from - b.from)) {
      acting = acting.filter(span => span.to >= second.from)
      for (const first of acting) {
        if (first.actor === second.actor) continue
        found.push({ key: second.key, first, second, from: second.from, to: Math.min(first.to, second.to) })
      }
      acting.push(second)
    }
  }
  return found
}

/** When each actor acted. */
export function spansOf(ledger: readonly Sign[], silenceMs = SILENCE_MS): readonly Span[] {
  return [...Map.groupBy(ledger, sign => sign.actor).values()].flatMap(signs => spansOfOne(signs, silenceMs))
}

function spansOfOne(signs: readonly Sign[], silenceMs: number): readonly Span[] {
  const spans: Span[] = []
  for (const { at, event, actor, key, node, token } of signs.toSorted((a, b) => a.at - b.at)) {
    const last = spans.at(-1)
    if (last !== undefined && at - last.to <= silenceMs) spans[spans.length - 1] = { ...last, to: at }
    // To be killed while frozen is not to act.
    else if (event !== 'gone') spans.push({ key, actor, node, token, from: at, to: at })
  }
  return spans
}

/** What a register that verifies tokens must never have accepted: a token below one it had seen, or that of another. */
export function staleAccepted(ledger: readonly Sign[]): readonly Sign[] {
  const highest = new Map<string, { readonly token: bigint; readonly node: string }>()
  return ledger.filter(({ key, node, accepted, event, ...sign }) => {
    if (!accepted || event === 'gone') return false
    const token = BigInt(sign.token)
    const known = highest.get(key)
    if (known !== undefined && (token < known.token || (token === known.token && node !== known.node))) {
      return true
    }
    highest.set(key, { token, node })
    return false
  })
}
