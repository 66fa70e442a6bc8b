/**
 * What is claimed of each fault, judged from what was recorded of it. Two steps, both pure: a history becomes the few
 * numbers of a trial, and the trials become claims. A number that nobody could have seen is `null`, and what is null does not
 * hold: that nobody was declared dead is shown only by having looked until the victim was back, and a while after.
 */
import { agreedFrom, allActedFor, allSaid, countOf, deathsIn, type History, lastSign } from './history.ts'
import { type Claim, count, type Samples, seconds } from './report.ts'

type Sample = Samples[number]

/** In seconds: from the mending of a network until all agree, and until every key is acted for. */
export const HEAL_S = 5

/** After all are back: what was on its way to a verdict may still come to one, ms. */
export const AFTER_MS = 3_000

export interface Healed {
  readonly agree: Sample
  readonly act: Sample
}

const healedOf = (history: History): Healed => {
  const span = { from: history.mended, to: history.until }
  return {
    agree: agreedFrom(history, history.members, span),
    act: allActedFor(history, history.members, span),
  }
}

/** How the network came together again after each cut. */
export const healing = (trials: readonly { readonly healed: Healed }[], wanted = 1): readonly Claim[] => [
  seconds(
    'heal: all agree again',
    trials.map(({ healed }) => healed.agree),
    { most: HEAL_S, wanted },
  ),
  seconds(
    'heal: somebody acts for every key',
    trials.map(({ healed }) => healed.act),
    { most: HEAL_S, wanted },
  ),
]

/**
 * How often somebody was taken for dead. Null when the record ends before all agreed again and `AFTER_MS` had passed: then
 * nobody saw the end of it.
 */
export function deadIn(history: History): Sample {
  const dead = deathsIn(history)
  const back = backAfter(history)
  const seen = back !== null && history.until >= history.mended + back + AFTER_MS
  return dead > 0 || seen ? dead : null
}

/** From the end of the fault until all agree for good, ms. */
export const backAfter = (history: History): Sample =>
  agreedFrom(history, history.members, { from: history.mended, to: history.until })

/** Limits in seconds, by what a trial saw. */
export const LIMITS = {
  blackhole: { others: 3, itself: 2, silent: 2 },
  partition: { agree: 3, fenced: 2, silent: 2, act: 5 },
  halves: { act: 5, silent: 2 },
  link: { shown: 10 },
  // Which of both notices it first depends on the way that is left: a cut that nobody noticed was none.
  oneway: { acts: 10, silent: 2 },
} as const

/** What the trials saw of one thing. */
const column = <Seen, Name extends keyof Seen>(trials: readonly Seen[], name: Name): Seen[Name][] =>
  trials.map(trial => trial[name])

export function blackholeSeen(history: History, victim: string) {
  const others = history.members.filter(name => name !== victim)
  return {
    others: allSaid(history, others, 'failed', victim),
    itself: allSaid(history, [victim], 'fenced'),
    silent: lastSign(history, [victim]),
    healed: healedOf(history),
  }
}

export function blackholeClaims(
  trials: readonly ReturnType<typeof blackholeSeen>[],
  wanted: number,
): readonly Claim[] {
  const limits = LIMITS.blackhole
  return [
    seconds('blackhole of one host: every other knows', column(trials, 'others'), {
      most: limits.others,
      wanted,
    }),
    seconds('the isolated host knows itself (lease lost)', column(trials, 'itself'), {
      most: limits.itself,
      wanted,
    }),
    seconds('the last sign of anybody who acted there', column(trials, 'silent'), {
      most: limits.silent,
      wanted,
    }),
    ...healing(trials, wanted),
  ]
}

export function partitionSeen(history: History, few: readonly string[], many: readonly string[]) {
  const span = { from: history.since, to: history.mended }
  return {
    agree: agreedFrom(history, many, span),
    fenced: allSaid(history, few, 'fenced'),
    act: allActedFor(history, many, span),
    silent: lastSign(history, few),
    healed: healedOf(history),
  }
}

export function partitionClaims(
  trials: readonly ReturnType<typeof partitionSeen>[],
  wanted: number,
): readonly Claim[] {
  const limits = LIMITS.partition
  return [
    seconds('partition 3|5: the 5 agree on themselves', column(trials, 'agree'), {
      most: limits.agree,
      wanted,
    }),
    seconds('the 3 know that they may not act', column(trials, 'fenced'), { most: limits.fenced, wanted }),
    seconds('the last sign of anybody who acted among the 3', column(trials, 'silent'), {
      most: limits.silent,
      wanted,
    }),
    seconds('the 5 act for every key', column(trials, 'act'), { most: limits.act, wanted }),
    ...healing(trials, wanted),
  ]
}

/** @param low the half with the lowest name */
export function halvesSeen(history: History, low: readonly string[], high: readonly string[]) {
  const span = { from: history.since, to: history.mended }
  return {
    act: allActedFor(history, low, span),
    silent: lastSign(history, high),
    healed: healedOf(history),
  }
}

export function halvesClaims(trials: readonly ReturnType<typeof halvesSeen>[]): readonly Claim[] {
  return [
    seconds('4|4: the half with the lowest name acts for every key', column(trials, 'act'), {
      most: LIMITS.halves.act,
    }),
    seconds('the last sign of anybody who acted in the other half', column(trials, 'silent'), {
      most: LIMITS.halves.silent,
    }),
    ...healing(trials),
  ]
}

/** @param shown when each end said that only its link to the other one is silent, in ms from the cut */
export const linkSeen = (history: History, shown: Samples) => ({
  dead: deadIn(history),
  suspected: countOf(history, 'suspect'),
  shown,
  healed: healedOf(history),
})

/** @param earlier deaths in trials that were played again: they count all the same */
export function linkClaims(
  trials: readonly ReturnType<typeof linkSeen>[],
  earlier: Samples,
  standsMs: number,
): readonly Claim[] {
  return [
    count(
      `only the link between two cut, for ${standsMs / 1_000} s: declared dead`,
      [...earlier, ...column(trials, 'dead')],
      { most: 0, wanted: trials.length },
    ),
    seconds('the fault of that link is shown at both of its ends', column(trials, 'shown').flat(), {
      most: LIMITS.link.shown,
      wanted: 2 * trials.length,
    }),
    count('of them suspected', column(trials, 'suspected')),
    ...healing(trials),
  ]
}

/** @param host the one that is cut off one way */
export const onewaySeen = (history: History, host: string) => ({
  acts: allActedFor(
    history,
    history.members.filter(name => name !== host),
    { from: history.since, to: history.mended },
  ),
  silent: lastSign(history, [host]),
  healed: healedOf(history),
})

/** That never two acted is judged over all signs, in `acting.ts`. */
export const onewayClaims = (
  trials: readonly ReturnType<typeof onewaySeen>[],
  what: string,
): readonly Claim[] => [
  seconds(`a host that ${what}: the others act for every key`, column(trials, 'acts'), {
    most: LIMITS.oneway.acts,
  }),
  seconds('its own last sign', column(trials, 'silent'), { most: LIMITS.oneway.silent }),
  ...healing(trials),
]

/** @param pausedMs how long the victim stood still, as measured; null: it did not */
export const pauseSeen = (history: History, pausedMs: Sample) => ({
  dead: deadIn(history),
  back: backAfter(history),
  paused: pausedMs,
})

export interface Pause {
  /** What was done, for the text. */
  readonly what: string
  readonly ms: number
  /** False: shown beside the claims, as part of a curve. */
  readonly claimed: boolean
  readonly repeats: number
}

export function pauseClaims(
  trials: readonly ReturnType<typeof pauseSeen>[],
  { what, ms, claimed, repeats }: Pause,
): readonly Claim[] {
  const name = `${what} for ${(ms / 1_000).toFixed(1)} s`
  return [
    count(
      `${name}: views in which somebody died, until all agreed again and ${AFTER_MS / 1_000} s after`,
      column(trials, 'dead'),
      claimed ? { most: 0, wanted: repeats } : {},
    ),
    {
      name: '    the victim stood still',
      unit: 'ms',
      samples: column(trials, 'paused'),
      least: ms,
      wanted: repeats,
    },
    seconds(
      '    all agree again, from its waking',
      column(trials, 'back'),
      claimed ? { most: HEAL_S, wanted: repeats } : {},
    ),
  ]
}

/** @param loops those that ran from the beginning to the end, and how long */
export function busyClaims(
  history: History,
  loops: { readonly wanted: number; readonly ran: number; readonly ms: number },
): readonly Claim[] {
  const { wanted, ran, ms } = loops
  const name = `8 daemons and ${wanted} busy loops on one core for ${ms / 1_000} s`
  return [
    count(`${name}: declared dead, until all agreed again and a while after`, [deadIn(history)], { most: 0 }),
    count('    loops that ran all the time', [ran], { least: wanted }),
    seconds('    for', [history.mended - history.since], { least: ms / 1_000 }),
    seconds('    all agree again, from their end', [backAfter(history)], { most: HEAL_S }),
    count('    suspected', [countOf(history, 'suspect')]),
    count('    leases lost meanwhile', [countOf(history, 'fenced')]),
  ]
}

/** That packets waited, as the kernels and a stranger saw it. */
export interface Waits {
  /** Of each host, at the end: packets to it that had to wait; null: none wait there any more. */
  readonly packets: Samples
  /** From each host to another one and back. */
  readonly roundTripsMs: Samples
}

/**
 * @param again TCP segments that each host sent again meanwhile
 * @param waits where packets are delayed
 */
export const weatherSeen = (history: History, again: readonly number[], waits?: Waits) => ({
  dead: deadIn(history),
  suspected: countOf(history, 'suspect'),
  agreed: backAfter(history),
  again,
  waits,
})

export interface Weather {
  readonly name: string
  /** False: seen beside the claims, as of another daemon. */
  readonly claimed: boolean
  /** Deaths in trials that were played again. */
  readonly earlier: Samples
  /** Every packet into a host waits for so long at least, ms. */
  readonly waitMs?: number | undefined
}

export function weatherClaims(
  trials: readonly ReturnType<typeof weatherSeen>[],
  { name, claimed, earlier, waitMs }: Weather,
): readonly Claim[] {
  const held = <B extends object>(bounds: B): B | Record<string, never> => (claimed ? bounds : {})
  const again = column(trials, 'again').flat()
  const wanted = again.length
  const waited = (of: keyof Waits): Samples => column(trials, 'waits').flatMap(waits => waits?.[of] ?? [])
  return [
    count(`${name}: live ones declared dead`, [...earlier, ...column(trials, 'dead')], held({ most: 0 })),
    count(`${name}: suspicions`, column(trials, 'suspected')),
    // Serf's gossip is UDP: of it only what it sends by TCP shows here.
    count('TCP segments sent again, by host', again, held({ least: 1 })),
    ...(waitMs === undefined
      ? []
      : [
          count('packets that waited to its end, by host', waited('packets'), held({ least: 1, wanted })),
          {
            name: 'least round trip from host to host meanwhile',
            unit: 'ms',
            samples: waited('roundTripsMs'),
            ...held({ least: 2 * waitMs, wanted }),
          } as const,
        ]),
    seconds('heal: all agree again', column(trials, 'agreed'), held({ most: HEAL_S })),
  ]
}
