/** Did two act for one key at one moment, or was a stale token accepted? Judged over all signs of a scenario. */
import { type Overlap, overlaps, type Sign, staleAccepted } from '../e2e/act-ledger.ts'
import { DEAD_MS, SILENCE_MS } from './freeze-judges.ts'
import { lengthOf, type Pause } from './machine.ts'
import { type Claim, count, type Report } from './report.ts'

/** What overlaps so close to a pause of the machine may come from it, ms. */
const PAUSED_MS = 500
/** And lasts no longer than it did, and so much, ms: by so much later than it was made a sign may be heard. */
const SEEN_LATE_MS = 100

/** A woken one may write for so long beside the new owner, ms. */
const WOKEN_MS = DEAD_MS + SEEN_LATE_MS

/** So often a scenario is played again at most. */
const AGAIN_MAX = 2

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
  /** The overlaps of it, whatever they come from, are held to none. */
  readonly claims: readonly Claim[]
  /** Of what counts though the scenario is played again. */
  readonly others: readonly Claim[]
  /** Those that may not be, told of one by one. */
  readonly found: readonly Overlap[]
  /** There are some, and each may come from a pause of this machine: it shows nothing of us. */
  readonly isDisturbed: boolean
}

export function judgeActing({ signs, pauses, since, frozen }: Acted): ActedJudgement {
  const silenceMs = frozen === undefined ? Number.POSITIVE_INFINITY : SILENCE_MS
  const all = overlaps(signs, silenceMs).filter(({ to }) => to >= since)
  const found = frozen === 'tree' ? all.filter(overlap => lastedMs(overlap) > WOKEN_MS) : all
  const recent = signs.filter(({ at }) => at >= since)
  const others = [
    count(
      'writes with a stale token that the register accepted',
      [staleAccepted(signs).filter(({ at }) => at >= since).length],
      { most: 0 },
    ),
    count('signs of those who acted, as the collector heard them', [recent.length], { least: 1 }),
  ]
  const acting =
    frozen === 'tree' ? wokenClaim(all) : count('acted for by two at one moment', [all.length], { most: 0 })
  return {
    found,
    others,
    claims: [acting, ...others],
    isDisturbed: found.length > 0 && found.every(overlap => isOfPause(overlap, pauses)),
  }
}

/**
 * Plays a scenario until nobody acted beside another one, or somebody did for no reason of the machine's: what a pause may
 * have made shows nothing, and is no success either. After so many plays the last one counts, as it is.
 * @param play the whole scenario; what it told of itself counts each time
 */
export async function playedClear(
  play: () => Promise<Acted>,
  report: Pick<Report, 'again' | 'tell'>,
): Promise<ActedJudgement> {
  for (let again = 0; ; again++) {
    const judgement = judgeActing(await play())
    if (!judgement.isDisturbed || again === AGAIN_MAX) {
      report.tell(judgement.claims)
      return judgement
    }
    const longest = judgement.found.map(lastedMs).toSorted((a, b) => b - a)
    const text = longest.map(ms => `${ms.toFixed(0)} ms`).join(', ')
    report.again(`played again: two acted as long as this machine stood still, by key: ${text}`)
    report.tell(judgement.others)
  }
}

const lastedMs = ({ from, to }: Overlap): number => to - from

/** Whoever is stopped between its look at the clock and what it does acts too late by as much: as in `freeze-tree`. */
function isOfPause(overlap: Overlap, pauses: readonly Pause[]): boolean {
  const near = pauses.filter(
    ({ at, ms }) => at - ms - PAUSED_MS <= overlap.to && at + PAUSED_MS >= overlap.from,
  )
  return near.length > 0 && lastedMs(overlap) <= lengthOf(near) + SEEN_LATE_MS
}

/**
 * Nothing can stop a process between its waking and its end: there the token has to be verified. What it wrote is heard a
 * little after, so its last sign may come when it is dead already.
 */
const wokenClaim = (all: readonly Overlap[]): Claim => ({
  name: 'the longest that a woken one wrote beside the new owner',
  unit: 'ms',
  samples: [Math.max(0, ...all.map(lastedMs))],
  most: WOKEN_MS,
})
