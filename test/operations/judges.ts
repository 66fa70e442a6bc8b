/**
 * What is claimed of a kill, a join, a leave and a restart, judged from the figures of all trials. Pure; a trial that was left
 * out, and a figure that a trial does not have, are failures: neither is a zero, and neither drops out of a worst case.
 */
import { aimed, atMost, fact, figure, median, type Samples, type Shown, worst } from '../proof/line.ts'
import { spread } from './report.ts'
import type { Figures, Kind } from './trials.ts'

/**
 * Of a figure's median and of its worst case, in ms. `aim` is of the median too, on a machine that has time: what takes many
 * round trips and starts of processes is three times as long in a poor hour of a shared machine, and nothing is wrong then.
 */
type Limit = { readonly median?: number; readonly worst?: number; readonly aim?: number }

/** Figures that are claims; the others speak for themselves. */
export const LIMITS: Readonly<Record<Kind, Readonly<Record<string, Limit>>>> = {
  kill: {
    'until EVERY survivor says dead': { median: 300, worst: 1_000 },
    'until another acts for every key of it': { median: 1_000, worst: 3_000 },
  },
  join: { 'from listening until EVERY member sees it and all rings are one': { aim: 500, worst: 2_000 } },
  leave: {
    'until EVERY survivor knows that it leaves': { worst: 300 },
    // When the others have taken over what it had, and say that they need it no more.
    'until EVERY survivor says left': { aim: 500, worst: 3_000 },
    'until another acts for every key of it': { aim: 500, worst: 3_000 },
  },
  restart: {
    // A join, and the leave of a quorum after it.
    'from listening until all agree on the ring and it acts for its keys': { aim: 1_000, worst: 4_000 },
  },
  // A lease, and the time of a handoff.
  asked: {
    'longest time that nobody acted for a key, as it went': { median: 2_500, worst: 4_000 },
    'longest time that nobody acted for a key, as it came back': { median: 2_500, worst: 4_000 },
  },
}

const [TAKEN_FOR_DEAD, TWO] = ['times it was taken for dead, or another was', 'keys that two acted for']

/** What may never be above 0, by what was done. */
const COUNTS: Readonly<Record<Kind, readonly string[]>> = {
  kill: ['false deaths', TWO],
  join: ['false deaths', TWO],
  leave: ['exit codes other than 0', TAKEN_FOR_DEAD, TWO],
  restart: [TAKEN_FOR_DEAD],
  asked: [TAKEN_FOR_DEAD, TWO],
}

export interface Measured {
  readonly trials: readonly Figures[]
  /** In which this machine stood still: their times are shown apart, and what must never happen counts. */
  readonly disturbed: readonly Figures[]
}

/** By how many ms a trial is over a worst case. A median is of all of them, and no trial fails it alone. */
export function excessOf(kind: Kind, figures: Figures): number {
  const over = Object.entries(LIMITS[kind]).map(([name, { worst: most = Number.POSITIVE_INFINITY }]) => {
    return (figures[name] ?? Number.POSITIVE_INFINITY) - most
  })
  return Math.max(...over.filter(ms => !Number.isNaN(ms)), 0)
}

/** @param repeats so many trials were wanted */
export function judge(
  kind: Kind,
  { trials, disturbed }: Measured = { trials: [], disturbed: [] },
  repeats: number,
): readonly Shown[] {
  const limits = LIMITS[kind]
  const names = new Set([...Object.keys(limits), ...trials.flatMap(trial => Object.keys(trial))])
  const times = [...names].filter(name => !COUNTS[kind].includes(name))
  return [
    fact(`${kind}: repeats`, trials.length >= repeats, `${trials.length} of ${repeats}`),
    ...times.flatMap(name => timesOf(`${kind}: ${name}`, samplesOf(trials, name), limits[name])),
    ...COUNTS[kind].map(name => never(`${kind}: ${name}`, samplesOf([...trials, ...disturbed], name))),
    ...apart(kind, disturbed),
  ]
}

const samplesOf = (trials: readonly Figures[], name: string): Samples =>
  trials.map(figures => finite(figures[name]))

/** What was never read is not there, and neither is what never came. */
const finite = (value: number | undefined): number | null =>
  value !== undefined && Number.isFinite(value) ? value : null

function timesOf(claim: string, samples: Samples, limit: Limit = {}): readonly Shown[] {
  return [
    figure(claim, spread(samples), samples),
    ...(limit.aim === undefined ? [] : [aimed('    median', median(samples), limit.aim, 'ms')]),
    ...(limit.median === undefined
      ? []
      : [atMost('    median', median(samples), limit.median, 'ms', samples)]),
    ...(limit.worst === undefined ? [] : [atMost('    worst', worst(samples), limit.worst, 'ms', samples)]),
  ]
}

function never(claim: string, samples: Samples): Shown {
  const unknown = samples.filter(sample => sample === null).length
  const total = samples.reduce<number>((sum, sample) => sum + (sample ?? 0), 0)
  const text = `${total} in ${samples.length}${unknown === 0 ? '' : `, not counted in ${unknown}`}`
  return fact(claim, samples.length > 0 && unknown === 0 && total === 0, text)
}

function apart(kind: Kind, disturbed: readonly Figures[]): readonly Shown[] {
  const name = Object.keys(disturbed[0] ?? {})[0]
  if (name === undefined) return []
  const samples = samplesOf(disturbed, name)
  const claim = `${kind}: played again, since the machine stood still: ${name}`
  return [figure(claim, spread(samples), samples)]
}
