/** Did two act for one key at one moment, or was a stale token accepted? Judged over all signs of a scenario. */
import { type Overlap, overlaps, type Sign, staleAccepted } from '../e2e/act-ledger.ts'
import { DEAD_MS, SILENCE_MS } from './freeze.ts'
import { lengthOf, type Pause } from './machine.ts'
import { type Claim, count } from './report.ts'

/** What overlaps so close to a pause of the machine may come from it, ms. */
const PAUSED_MS = 500
/** And lasts no longer than it did, and so much, ms: by so much later than it was made a sign may be heard. */
const SEEN_LATE_MS = 100

export interface Acted {
  /** All that those who act said, up to now. */
  readonly signs: readonly Sign[]
  /** Where this machine stood still. */
  readonly pauses: readonly Pause[]
  /** What was before is judged already. */
  readonly since: number
  /** Some were stopped: one that says nothing then does nothing. `tree`: with all that they run, so that it wakes too. */
  readonly frozen?: 'daemon' | 'tree' | undefined
}

export interface ActedJudgement {
  readonly claims: readonly Claim[]
  /** Told of one by one. */
  readonly found: readonly Overlap[]
}

export function judgeActing({ signs, pauses, since, frozen }: Acted): ActedJudgement {
  const silenceMs = frozen === undefined ? Number.POSITIVE_INFINITY : SILENCE_MS
  const all = overlaps(signs, silenceMs).filter(({ to }) => to >= since)
  const late = all.filter(overlap => isExcused(overlap, pauses))
  const found = all.filter(overlap => !late.includes(overlap))
  const recent = signs.filter(({ at }) => at >= since)
  return {
    found,
    claims: [
      frozen === 'tree'
        ? wokenClaim(found)
        : count('acted for by two at one moment', [found.length], { most: 0 }),
      ...(late.length === 0 ? [] : [lateClaim(late)]),
      count(
        'writes with a stale token that the register accepted',
        [staleAccepted(signs).filter(({ at }) => at >= since).length],
        { most: 0 },
      ),
      count('signs of those who acted, as the collector heard them', [recent.length], { least: 1 }),
    ],
  }
}

/** Whoever is stopped between its look at the clock and what it does acts too late by as much: as in `freeze-tree`. */
function isExcused({ from, to }: Overlap, pauses: readonly Pause[]): boolean {
  const near = pauses.filter(({ at, ms }) => at - ms - PAUSED_MS <= to && at + PAUSED_MS >= from)
  return near.length > 0 && to - from <= lengthOf(near) + SEEN_LATE_MS
}

/**
 * Nothing can stop a process between its waking and its end: there the token has to be verified. What it wrote is heard a
 * little after, so its last sign may come when it is dead already.
 */
const wokenClaim = (found: readonly Overlap[]): Claim => ({
  name: 'the longest that a woken one wrote beside the new owner',
  unit: 'ms',
  samples: [found.reduce((most, { from, to }) => Math.max(most, to - from), 0)],
  most: DEAD_MS + SEEN_LATE_MS,
})

const lateClaim = (late: readonly Overlap[]): Claim => ({
  name: '    as late as the machine stood still, by key',
  unit: 'ms',
  samples: late.map(({ from, to }) => to - from),
})
