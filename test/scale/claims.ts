/** What the sizes together are held to. */
import type { Outcome } from './trial.ts'
import type { Spread } from './world.ts'

export interface Claim {
  readonly claim: string
  readonly seen: string
  readonly holds: boolean
}

/**
 * From a size on frames are held to be flat: so many times what a node sends there it may send at any larger size. Up to 32
 * members every node is linked to every other one, so that some of what it sends grows still.
 */
const FLAT: readonly (readonly [from: number, most: number])[] = [
  [16, 1.7],
  [32, 1.2],
]
/** Sizes at which every node keeps as many links as at any larger size. */
const VECTORS_FROM = 48
/** Bytes each second a member more may cost a node, for each vector that it sends each second. */
const BYTES_PER_MEMBER_AND_VECTOR = 2
/** What a voter hears: 400 renewals a second above 200 members, two from each below; a fifth more for news. */
const RENEWALS_MAX = 480

/**
 * Until the last of the larger side of a partition has buried the last of the smaller: the longest silence (3 s), the
 * hold (1 s), a claim that was lost in the cut and is said again (1 s), and half a second for the news to travel.
 */
const CUT_MS = 5_500

/**
 * Until the last survivor knows of a crash. Most are told by the judges at once; who is not finds that its roster differs,
 * and believes that of a member heard a moment ago only when its silence is longer than any that is borne (3 s).
 */
const CRASH_MS = 3_500

/** Upper limits in ms: the worst node. */
const AGREE_MS: readonly (readonly [what: string, of: (one: Outcome) => Spread | undefined, ms: number])[] = [
  ['all agree after the last of a join storm started', one => one.join.agree, 2_000],
  ['half of the survivors know that a tenth crashed', one => medianOf(one.crash.agree), 500],
  ['all survivors know that a tenth crashed', one => one.crash.agree, CRASH_MS],
  ['the 70 % of a partition agree', one => one.majority.agree, CUT_MS],
  ['all agree after the partition healed', one => one.heal.agree, 5_000],
  ['all agree after the loss ended', one => one.afterLoss, 5_000],
]

/** As if the middle one were the last. */
const medianOf = (spread: Spread | undefined): Spread | undefined =>
  spread && { ...spread, last: spread.median }

/** @param asked the sizes that were to be tried: what was left out does not hold */
export function claimsOf(outcomes: readonly Outcome[], asked: readonly number[]): readonly Claim[] {
  const quorum = outcomes.filter(one => one.quorum)
  return [
    tried(outcomes, asked),
    ...FLAT.flatMap(([from, most]) => flatFrames(outcomes, asked, from, most)),
    ...bytesGrow(outcomes, asked),
    ...AGREE_MS.map(([what, of, ms]) => within(what, outcomes, of, () => ms)),
    ...(quorum.length === 0 ? [] : rights(quorum)),
    ...harmless(outcomes),
  ]
}

function tried(outcomes: readonly Outcome[], asked: readonly number[]): Claim {
  const sizes = outcomes.map(({ size }) => size)
  return {
    claim: `every size of ${asked.join(', ')} was tried`,
    seen: sizes.join(', '),
    holds: asked.length > 0 && asked.every(size => sizes.includes(size)),
  }
}

/** Of those who do not vote: voters are linked to everybody, whatever the size. */
function flatFrames(
  outcomes: readonly Outcome[],
  asked: readonly number[],
  from: number,
  most: number,
): readonly Claim[] {
  if (!asked.includes(from) || !asked.some(size => size > from)) return []
  const sent = outcomes
    .filter(({ size }) => size >= from)
    .map(one => [one.size, one.rest.out.frames] as const)
  const base = sent.find(([size]) => size === from)?.[1] ?? 0
  const ratios = sent.map(([size, frames]) => [size, frames / base] as const)
  return [
    {
      claim: `a node at rest sends at any size at most ${most} times the frames that it sends among ${from}`,
      seen: ratios.map(([size, ratio]) => `${size}: ${ratio.toFixed(2)} times`).join(', '),
      // A node that sends nothing is no node at rest.
      holds:
        sent.length > 1 &&
        sent.every(([, frames]) => frames > 0) &&
        ratios.every(([, ratio]) => ratio <= most),
    },
  ]
}

function bytesGrow(outcomes: readonly Outcome[], asked: readonly number[]): readonly Claim[] {
  if (asked.filter(size => size >= VECTORS_FROM).length < 2) return []
  const large = outcomes.filter(one => one.size >= VECTORS_FROM)
  const [small, most] = [large[0], large.at(-1)]
  const claim = `a member more costs a node at most ${BYTES_PER_MEMBER_AND_VECTOR} bytes for each vector it sends`
  if (small === undefined || most === undefined || small === most)
    return [{ claim, seen: 'not at two sizes', holds: false }]
  const vectors = most.rest.kinds.vectors.frames
  const perMember = (most.rest.out.bytes - small.rest.out.bytes) / (most.size - small.size) / vectors
  return [
    {
      claim,
      seen: `${perMember.toFixed(2)} from ${small.size} to ${most.size} members (${vectors.toFixed(0)} vectors/s)`,
      holds: vectors > 0 && small.rest.out.bytes > 0 && perMember <= BYTES_PER_MEMBER_AND_VECTOR,
    },
  ]
}

/** Above 200 members the times of the right to act grow with the cluster, and so do these. */
function rights(outcomes: readonly Outcome[]): Claim[] {
  const leaseMs = ({ size }: Outcome): number => Math.max(2_000, size * 10)
  const grown = outcomes.filter(one => one.renewalsPerVoter > RENEWALS_MAX)
  return [
    within(
      'the smaller side has no leave to act once its lease has run out',
      outcomes,
      one => one.minority,
      leaseMs,
    ),
    within(
      'all may act, boot silence and agreement included, after a join storm',
      outcomes,
      one => one.joinActs,
      one => 1.25 * leaseMs(one) + 3_000,
    ),
    within(
      'all may act again after the partition healed',
      outcomes,
      one => one.healActs,
      one => 1.25 * leaseMs(one) + 3_000,
    ),
    {
      claim: `a voter hears at most ${RENEWALS_MAX} renewals a second`,
      seen: outcomes.map(one => `${one.size}: ${one.renewalsPerVoter.toFixed(0)}`).join(', '),
      holds: grown.length === 0,
    },
  ]
}

function harmless(outcomes: readonly Outcome[]): Claim[] {
  const sum = (of: (one: Outcome) => number): number => outcomes.reduce((all, one) => all + of(one), 0)
  const deaths = sum(one => one.falseDeaths)
  const played = outcomes.length > 0
  return [
    {
      claim: 'nobody is buried who can be reached',
      seen: `${deaths} false deaths`,
      holds: played && deaths === 0,
    },
    {
      claim: 'among them under 20 % loss',
      seen:
        `${sum(one => one.lossDeaths)} false deaths, ${sum(one => one.lossSuspicions)} suspicions; lost segments: ` +
        outcomes.map(one => `${one.size}: ${one.lossStalls}`).join(', '),
      // Where nothing was lost nothing is shown.
      holds: played && outcomes.every(one => one.lossDeaths === 0 && one.lossStalls > 0),
    },
  ]
}

function within(
  what: string,
  outcomes: readonly Outcome[],
  of: (one: Outcome) => Spread | undefined,
  limitMs: (one: Outcome) => number,
): Claim {
  const limits = new Set(outcomes.map(limitMs))
  const limit =
    limits.size === 1 ? `${[...limits][0]} ms` : `${Math.min(...limits)} to ${Math.max(...limits)} ms by size`
  const last = (one: Outcome): string => {
    const spread = of(one)
    return spread === undefined ? 'not' : spread.last.toFixed(0)
  }
  return {
    claim: `${what}, in ${limit}`,
    seen: outcomes.map(one => `${one.size}: ${last(one)}`).join(', '),
    holds:
      outcomes.length > 0 &&
      outcomes.every(one => (of(one)?.last ?? Number.POSITIVE_INFINITY) <= limitMs(one)),
  }
}
