/**
 * A kill -9, a join, a leave and a restart on a running cluster of eight real daemons in quorum mode, again and again: how
 * long until EVERY survivor shows it, how long nobody acts for a key, and the worst of all.
 *
 *   node test/operations/repeats.ts [--repeats=50] [--only=kill,join,leave,restart,asked] [--json] [--out=FILE]
 *
 * 50 repeats of all five take about 25 minutes on two quiet cores. Exit code 1 when a claim does not hold. What everybody shows is read from the daemons' own
 * log, whose times are right to 1 ms; rights to act are asked for over HTTP, and their error is printed.
 */
import { parseArgs } from 'node:util'
import { atMost, fact, figure, median, type Shown, worst } from '../proof/line.ts'
import { Cluster } from './cluster.ts'
import { publish, reportOf, spread } from './report.ts'
import { type Figures, KINDS, type Kind, TRIALS } from './trials.ts'

/** Of a figure's median and of its worst case, in ms. */
type Limit = { readonly median?: number; readonly worst?: number }

/** Figures that are claims; the others speak for themselves. A count may never be above 0. */
const LIMITS: Readonly<Record<Kind, Readonly<Record<string, Limit>>>> = {
  kill: {
    'until EVERY survivor says dead': { median: 300, worst: 1_000 },
    'until another acts for every key of it': { median: 1_000, worst: 3_000 },
  },
  join: { 'from listening until EVERY member sees it and all rings are one': { median: 500, worst: 2_000 } },
  leave: {
    'until EVERY survivor says left': { worst: 300 },
    'until another acts for every key of it': { median: 500 },
  },
  restart: {
    // A join, and the leave of a quorum after it.
    'from listening until all agree on the ring and it acts for its keys': { median: 1_000, worst: 2_000 },
  },
  // A lease, and the time of a handoff.
  asked: {
    'longest time that nobody acted for a key, as it went': { median: 2_500, worst: 4_000 },
    'longest time that nobody acted for a key, as it came back': { median: 2_500, worst: 4_000 },
  },
}
const COUNTS = [
  'false deaths',
  'keys that two acted for',
  'times it was taken for dead, or another was',
  'exit codes other than 0',
]

const { values } = parseArgs({
  options: {
    repeats: { type: 'string', default: '50' },
    only: { type: 'string', default: KINDS.join(',') },
    json: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
})

const repeats = Number(values.repeats)
const only = values.only.split(',').map(word => KINDS.find(kind => kind === word))
if (!Number.isInteger(repeats) || repeats < 1 || only.includes(undefined))
  throw new Error(`--repeats=1.. --only=${KINDS.join(',')}`)
const kinds = only.filter(kind => kind !== undefined)

async function measure(cluster: Cluster, kind: Kind): Promise<readonly Figures[]> {
  const trials: Figures[] = []
  for (let round = 0; round < repeats; round++) {
    const figures = await TRIALS[kind](cluster, round)
    trials.push(figures)
    const [name = '', ms = 0] = Object.entries(figures)[0] ?? []
    console.error(`${kind} ${round + 1} of ${repeats}: ${name}: ${ms} ms`)
    // Lines of the past are not looked at again.
    cluster.forgetLines()
  }
  return trials
}

function shownOf(kind: Kind, trials: readonly Figures[]): readonly Shown[] {
  return Object.keys(trials[0] ?? {}).flatMap(name => {
    const samples = trials.map(figures => figures[name] ?? null)
    const claim = `${kind}: ${name}`
    if (COUNTS.includes(name)) {
      const total = samples.reduce<number>((sum, count) => sum + (count ?? Number.POSITIVE_INFINITY), 0)
      return [fact(claim, total === 0, `${total} in ${samples.length}`)]
    }
    const limit = LIMITS[kind][name]
    if (limit === undefined) return [figure(claim, spread(samples), samples)]
    return [
      figure(claim, spread(samples), samples),
      ...(limit.median === undefined
        ? []
        : [atMost('    median', median(samples), limit.median, 'ms', samples)]),
      ...(limit.worst === undefined ? [] : [atMost('    worst', worst(samples), limit.worst, 'ms', samples)]),
    ]
  })
}

const report = reportOf('Operations on eight real daemons, quorum mode, loopback', values)
const cluster = await Cluster.start()
const results: Partial<Record<Kind, readonly Figures[]>> = {}
try {
  for (const kind of kinds) results[kind] = await measure(cluster, kind)
} finally {
  await cluster.stop()
}
const shown = kinds.flatMap(kind => shownOf(kind, results[kind] ?? []))
const late = figure(
  'a line was read after it was written, worst (no part of any figure)',
  `${cluster.readLateMs} ms`,
)
publish(report([...shown, late], results), { json: values.json, out: values.out })
