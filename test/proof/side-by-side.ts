/** What is claimed of the run beside Serf: upper limits of ours, and every figure of both. */
import { atMost, fact, figure, median, type Samples, type Shown, worst } from './line.ts'

/** One measurement of both daemons. */
export interface Row {
  readonly metric: string
  readonly ours: Samples
  readonly theirs: Samples
}

/** Upper limits: metric, of its median or its worst, limit. */
export const LIMITS: readonly (readonly [
  metric: string,
  of: 'median' | 'worst',
  limit: number,
  unit: string,
])[] = [
  ['kill: EVERY survivor marks it failed (s)', 'median', 0.3, 's'],
  ['stop: EVERY survivor marks it failed (s)', 'median', 2.6, 's'],
  ['join of the last one: from when it listens until all N agree (s)', 'median', 0.5, 's'],
  ['join of the last one, until all N agree (s)', 'median', 1.5, 's'],
  ['join of the last one, until all N agree (s)', 'worst', 2.5, 's'],
  ['cold start: from when the last one listens until all agree (s)', 'median', 1.5, 's'],
  ['leave: EVERY survivor marks it left (s)', 'worst', 0.3, 's'],
  ['leave: seen as a failure by survivors (count)', 'worst', 0, 'times'],
  ['kill: false failures of others (count)', 'worst', 0, 'times'],
  ['stop: false failures of others (count)', 'worst', 0, 'times'],
  ['live daemons taken for failed, whole run without network faults (count)', 'worst', 0, 'times'],
]

/** What is aimed at, and said either way. */
export const AIMS: readonly (readonly [metric: string, aim: number, unit: string])[] = [
  ['idle CPU per daemon with its children (% of one core)', 1.5, '%'],
  ['RSS per daemon with its children (MiB)', 110, 'MiB'],
]

export function sideBySideClaims(rows: readonly Row[]): readonly Shown[] {
  const ours = new Map(rows.map(row => [row.metric, row.ours]))
  const shown = LIMITS.map(([metric, of, limit, unit]) => {
    const samples = ours.get(metric)
    return atMost(
      `${metric}, ${of}`,
      of === 'median' ? median(samples) : worst(samples),
      limit,
      unit,
      samples,
    )
  })
  const aims = AIMS.map(([metric, aim, unit]) => {
    const value = median(ours.get(metric)) ?? Number.NaN
    const verdict = value <= aim ? 'reached' : 'missed'
    return figure(
      `${metric}, median`,
      `${value.toFixed(2)} ${unit}, the aim of ${aim} is ${verdict}`,
      ours.get(metric),
    )
  })
  return [...shown, besideClaim(rows), ...aims, ...rows.flatMap(besideLines)]
}

/** What holds of ours alone stands beside nothing. */
function besideClaim(rows: readonly Row[]): Shown {
  const alone = LIMITS.map(([metric]) => metric).filter(metric => {
    const theirs = rows.find(row => row.metric === metric)?.theirs ?? []
    return theirs.length === 0
  })
  const missing = [...new Set(alone)]
  return fact('Serf was measured in each of these', missing.length === 0, missing.join(', ') || 'all of them')
}

function besideLines({ metric, ours, theirs }: Row): readonly Shown[] {
  const said = (of: Samples) => `${median(of)?.toFixed(2) ?? '-'} (worst ${worst(of)?.toFixed(2) ?? '-'})`
  return [
    figure(`${metric}, beside Serf`, `${said(ours)} beside ${said(theirs)}`, ours),
    figure('    Serf', said(theirs), theirs),
  ]
}
