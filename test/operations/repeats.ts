/**
 * A kill -9, a join, a leave and a restart on a running cluster of eight real daemons in quorum mode, again and again: how
 * long until EVERY survivor shows it, how long nobody acts for a key, and the worst of all.
 *
 *   node test/operations/repeats.ts [--repeats=50] [--only=kill,join,leave,restart,asked] [--json] [--out=FILE]
 *
 * 50 repeats of all five take about 25 minutes on two quiet cores. Exit code 1 when a claim does not hold. What everybody shows is read from the daemons' own
 * log, whose times are right to 1 ms; rights to act are asked for over HTTP, and their error is printed. A trial that is over a
 * worst case by no more than this machine itself stood still is played again, and its times are shown apart; what must never
 * happen counts in it all the same.
 */
import { parseArgs } from 'node:util'
import { Machine } from '../faults/machine.ts'
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

interface Measured {
  readonly trials: readonly Figures[]
  /** In which this machine stood still. */
  readonly disturbed: readonly Figures[]
}

async function measure(cluster: Cluster, machine: Machine, kind: Kind): Promise<Measured> {
  const disturbed: Figures[] = []
  const play = async (round: number): Promise<Figures> => {
    const figures = await TRIALS[kind](cluster, round)
    const [name = '', ms = 0] = Object.entries(figures)[0] ?? []
    console.error(`${kind} ${round + 1} (${repeats} count): ${name}: ${ms} ms`)
    // Lines of the past are not looked at again.
    cluster.forgetLines()
    return figures
  }
  const trials = await machine.trials(repeats, play, {
    excess: figures => ({ ms: excessOf(kind, figures) }),
    say: console.error,
    again: figures => disturbed.push(figures),
  })
  return { trials, disturbed }
}

/** Over a worst case. A median is of all of them, and no trial fails it alone. */
function excessOf(kind: Kind, figures: Figures): number {
  const over = Object.entries(LIMITS[kind]).map(([name, { worst: most = Number.POSITIVE_INFINITY }]) => {
    return (figures[name] ?? Number.POSITIVE_INFINITY) - most
  })
  return Math.max(...over.filter(ms => !Number.isNaN(ms)), 0)
}

function shownOf(kind: Kind, { trials, disturbed }: Measured): readonly Shown[] {
  const shown = Object.keys(trials[0] ?? {}).flatMap(name => {
    const claim = `${kind}: ${name}`
    if (COUNTS.includes(name)) {
      const counts = [...trials, ...disturbed].map(figures => figures[name] ?? Number.POSITIVE_INFINITY)
      const total = counts.reduce((sum, count) => sum + count, 0)
      return [fact(claim, total === 0, `${total} in ${counts.length}`)]
    }
    const samples = trials.map(figures => figures[name] ?? null)
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
  if (disturbed.length === 0) return shown
  const name = Object.keys(trials[0] ?? {})[0] ?? ''
  const samples = disturbed.map(figures => figures[name] ?? null)
  return [
    ...shown,
    figure(`${kind}: played again, since the machine stood still: ${name}`, spread(samples), samples),
  ]
}

const report = reportOf('Operations on eight real daemons, quorum mode, loopback', values)
const cluster = await Cluster.start()
const results: Partial<Record<Kind, Measured>> = {}
const machine = new Machine()
try {
  for (const kind of kinds) results[kind] = await measure(cluster, machine, kind)
} finally {
  machine.stop()
  await cluster.stop()
}
const shown = kinds.flatMap(kind => {
  const measured = results[kind]
  return measured === undefined ? [] : shownOf(kind, measured)
})
const late = figure(
  'a line was read after it was written, worst (no part of any figure)',
  `${cluster.readLateMs} ms`,
)
publish(report([...shown, late], results), { json: values.json, out: values.out })
