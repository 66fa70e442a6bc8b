/** What was measured, as lines with the limits that we set ourselves. */
import { fact, figure, median, type Shown } from '../../proof/line.ts'
import type { Measured } from './measure.ts'

/** How many times as fast as BullMQ we have to be, at least. */
export const RATIOS = { singles: 1, bulk: 1, drain: 1.5 } as const
/** A busy daemon must go on hearing its peers, ms. */
export const DELAY_MS_MAX = 20
/** What is aimed at on two cores; said either way. */
const AIMS = { singles: 5_000, bulk: 20_000, drain: 10_000, startP50Ms: 2, startP99Ms: 6 } as const

type Rate = 'singlesPerS' | 'bulkPerS' | 'drainPerS'

export function shownOf(
  measured: readonly Measured[],
  left: readonly { name: string; why: string }[],
): readonly Shown[] {
  const queues = [...new Set(measured.map(({ queue }) => queue))]
  const of = (queue: string): readonly Measured[] => measured.filter(each => each.queue === queue)
  const mine = of('ours')
  const ratio = (what: string, rate: Rate, limit: number, aim: number): Shown =>
    ratioLine(what, rates(mine, rate), rates(of('bullmq'), rate), limit, aim)
  return [
    ...left.map(({ name, why }) => figure(`${name} is left out`, why)),
    ...queues.flatMap(queue => figuresOf(of(queue))),
    ratio('single adds, end to end', 'singlesPerS', RATIOS.singles, AIMS.singles),
    ratio('bulk add', 'bulkPerS', RATIOS.bulk, AIMS.bulk),
    ratio('drain of a backlog', 'drainPerS', RATIOS.drain, AIMS.drain),
    ...(mine.length > 0 ? [delayLine(mine), copiesLine(mine)] : []),
  ]
}

const rates = (some: readonly Measured[], rate: Rate): readonly (number | null)[] =>
  some.map(each => each[rate])

/** The medians of the rounds are compared: each round has a disk of its own temper. */
function ratioLine(
  what: string,
  mine: readonly (number | null)[],
  theirs: readonly (number | null)[],
  limit: number,
  aim: number,
): Shown {
  const [a, b] = [middle(mine), middle(theirs)]
  const claim = `${what}: ours over BullMQ`
  if (mine.length === 0 || theirs.length === 0) return figure(claim, 'not both were measured')
  if (a === undefined || b === undefined) return fact(claim, false, 'one of them cannot do it')
  const text = `${(a / b).toFixed(2)} (at least ${limit}): ${a.toFixed(0)} /s beside ${b.toFixed(0)} /s; the aim of ${aim} /s is ${a >= aim ? 'reached' : 'missed'}`
  return fact(claim, a / b >= limit, text)
}

function delayLine(mine: readonly Measured[]): Shown {
  const delays = mine.map(({ halfLoadDelayMs }) => halfLoadDelayMs ?? Number.NaN)
  const worst = Math.max(...delays)
  const at = middle(mine.map(({ halfLoadPerS }) => halfLoadPerS ?? null))?.toFixed(0)
  const text = `${worst.toFixed(1)} ms (at most ${DELAY_MS_MAX}), the worst daemon at ${at} /s`
  return {
    claim: 'event loop delay p99 at half load',
    holds: worst <= DELAY_MS_MAX,
    figure: text,
    samples: delays,
  }
}

function copiesLine(mine: readonly Measured[]): Shown {
  const least = Math.min(...mine.map(({ copies }) => copies ?? 0))
  return fact('durable copies that a 202 told of', least >= 2, `${least.toFixed(2)} on average (at least 2)`)
}

function figuresOf(some: readonly Measured[]): readonly Shown[] {
  const name = some[0]?.name ?? ''
  const starts = some.flatMap(({ startMs }) => startMs).toSorted((a, b) => a - b)
  const syncs = some.flatMap(({ fsyncMs }) => fsyncMs).toSorted((a, b) => a - b)
  const rate = (what: string, samples: readonly (number | null)[]): Shown =>
    figure(`${name}: ${what}`, `${middle(samples)?.toFixed(0) ?? '-'} /s`, samples)
  const cpu = (what: string, samples: readonly number[]): Shown =>
    figure(`${name}: processor for each job, ${what}`, `${median(samples)?.toFixed(2)} ms`, samples)
  return [
    rate('single adds, end to end', rates(some, 'singlesPerS')),
    rate(
      'single adds, until acknowledged',
      some.map(({ addsPerS }) => addsPerS),
    ),
    rate('bulk add', rates(some, 'bulkPerS')),
    rate('drain of a backlog', rates(some, 'drainPerS')),
    figure(
      `${name}: add to start, beside the fsync of this disk`,
      `p50 ${at(starts, 0.5)} ms, p99 ${at(starts, 0.99)} ms; fsync p50 ${at(syncs, 0.5)} ms, p99 ${at(syncs, 0.99)} ms`,
    ),
    cpu(
      'single adds',
      some.map(({ singleCpuMs }) => singleCpuMs),
    ),
    cpu(
      'drain',
      some.map(({ drainCpuMs }) => drainCpuMs),
    ),
    ...(name.startsWith('Roundtable') ? [aimLine(starts)] : []),
  ]
}

function aimLine(starts: readonly number[]): Shown {
  const verdict = (q: number, aim: number): string => (Number(at(starts, q)) <= aim ? 'reached' : 'missed')
  const text = `p50 of ${AIMS.startP50Ms} ms ${verdict(0.5, AIMS.startP50Ms)}, p99 of ${AIMS.startP99Ms} ms ${verdict(0.99, AIMS.startP99Ms)}`
  return figure('    the aim for it', text)
}

/** Of sorted samples. */
function at(sorted: readonly number[], share: number): string {
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN).toFixed(2)
}

function middle(samples: readonly (number | null)[]): number | undefined {
  const known = samples.filter(sample => sample !== null)
  return known.length < samples.length ? undefined : median(known)
}
