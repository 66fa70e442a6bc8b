/**
 * What a proof says of the simulation: not that nothing failed now, but what is finished of all its seeds on this code, in
 * whatever sittings, on which commits, and that every fault really befell somebody.
 */
import { FAULT_NAMES } from '../simulation/fault-names.ts'
import { type RangeSum, tellSum } from '../simulation/range-sum.ts'
import { fact, type Shown } from './line.ts'

/**
 * @param seeds from 1 on
 * @param said the exit code and the first line of the sitting; its range without a shape: that is what the seeds say
 * @param sum of what is finished; null: nothing is
 */
export function simulationClaims(
  seeds: number,
  { code, first }: { readonly code: number | null; readonly first: string },
  sum: RangeSum | null,
): readonly Shown[] {
  const asked = first.includes(`, seeds 1-${seeds}: `)
  const whole = sum !== null && sum.ranges.length === 1 && sum.ranges[0]?.join() === `1,${seeds}`
  const clean = code === 0 && sum?.failed.length === 0
  const told = sum === null ? `nothing is finished, exit code ${code}` : tellSum(sum)
  const never = sum?.never ?? []
  return [
    fact(
      `${seeds} seeds x 3 to 16 nodes x 60 virtual seconds, no violation`,
      asked && whole && clean,
      asked ? told : `not what was to run: ${first}`,
    ),
    fact(
      'every fault occurred in them',
      sum !== null && never.length === 0,
      never.length === 0 ? faultsOf(sum) : `never: ${never.join(', ')}`,
    ),
    fact(
      'clocks 10 % apart are among them',
      (sum?.clocksApart ?? 0) > 0,
      `in ${sum?.clocksApart ?? 0} of ${sum?.seeds ?? 0} seeds, by their schedules`,
    ),
  ]
}

const faultsOf = (sum: RangeSum | null): string =>
  FAULT_NAMES.map(name => `${name} ${sum?.counts[name] ?? 0}`).join(', ')
