import type { Attempt } from './task.ts'

/**
 * Did two nodes run the task at the same time, by their own wall clocks? An attempt without an end goes on. Clocks that
 * differ show what was not, or hide what was: a sign to look at, no proof.
 */
export function overlaps(attempts: readonly Attempt[]): boolean {
  return attempts.some((one, i) => attempts.slice(i + 1).some(two => one.node !== two.node && meet(one, two)))
}

const endOf = ({ endedAt }: Attempt): number => endedAt ?? Number.POSITIVE_INFINITY

const meet = (one: Attempt, two: Attempt): boolean => one.startedAt < endOf(two) && two.startedAt < endOf(one)
