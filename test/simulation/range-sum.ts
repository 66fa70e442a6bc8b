/** What is finished of a range of seeds, of the shapes that the seeds draw, on one code: all that a proof says of a simulation. */
import { neverIn } from './fault-names.ts'
import { type CodeSum, type PieceLine, type Range, sumPieces } from './ledger.ts'
import { makeSchedule } from './schedule.ts'
import { shapeOf } from './shape.ts'

export interface RangeSum extends CodeSum {
  /** Faults that occurred in none of its seeds. */
  readonly never: readonly string[]
  /** Seeds in which the fastest clock goes by 10 % or more faster than the slowest. */
  readonly clocksApart: number
}

const APART = 1.1
/** What a quotient of two rates may lose. */
const ROUNDING = 1e-9

/** @returns undefined when nothing of it is finished */
export function rangeSum(lines: readonly PieceLine[], code: string, range: Range): RangeSum | undefined {
  const ours = lines.filter(line => line.code === code && line.given === '')
  const overlapping = ours.filter(({ from, to }) => from <= range[1] && to >= range[0])
  const [sum] = sumPieces(overlapping.map(line => ({ ...line, ...within(line, range) })))
  if (sum === undefined) return undefined
  // Counts of a piece are of all its seeds: those of one that goes beyond the range show nothing of the range.
  const inside = overlapping.filter(({ from, to }) => from >= range[0] && to <= range[1])
  const counts = sumPieces(inside)[0]?.counts ?? {}
  return { ...sum, counts, never: neverIn(counts), clocksApart: clocksApart(sum.ranges) }
}

const within = ({ from, to, failed }: PieceLine, [first, last]: Range): Partial<PieceLine> => ({
  ...{ from: Math.max(from, first), to: Math.min(to, last) },
  failed: failed.filter(seed => seed >= first && seed <= last),
})

/** As their schedules say; nothing is played. */
export function clocksApart(ranges: readonly Range[]): number {
  let count = 0
  for (const [from, to] of ranges) {
    for (let seed = from; seed <= to; seed++) {
      const rates = makeSchedule(shapeOf(seed)).hosts.map(({ clock }) => clock.rate)
      if (Math.max(...rates) / Math.min(...rates) >= APART - ROUNDING) count++
    }
  }
  return count
}

export const tellRanges = (ranges: readonly Range[]): string =>
  ranges.map(([from, to]) => `${from}-${to}`).join(', ')

/** One line for a person. */
export function tellSum({ code, commits, given, seeds, failed, seconds, ranges }: CodeSum): string {
  const shape = given === '' ? '' : ` with ${given}`
  const wrong =
    failed.length === 0 ? '0 violations' : `${failed.length} violations (seeds ${failed.join(', ')})`
  const where = `code ${code}, commit ${commits.join(', ')}`
  return `${where}${shape}: ${seeds} seeds (${tellRanges(ranges)}), ${wrong}, ${(seconds / 60).toFixed(1)} min`
}
