/**
 * Whether and when a task is tried again.
 *
 * Every attempt counts, those lost with their node too, except the ones that this system itself took back (`cancelled`,
 * when a leaving node ran out of time; `fenced`, when the right to act ended). A task that took three attempts down with their node or runner is poison and
 * becomes a dead letter even when it has attempts left, before it takes down every node in turn.
 */
import type { Random } from '../base/random.ts'
import { lastNumber } from './merge.ts'
import type { Attempt, TaskRecord, TaskSpec } from './task.ts'

/** Attempts that may be lost with their node or runner. */
export const LOST_MAX = 3

export const isUncounted = ({ outcome }: Attempt): boolean => outcome === 'cancelled' || outcome === 'fenced'

/** Attempts that count. */
export const triesOf = (record: TaskRecord): number =>
  Math.max(0, lastNumber(record) - record.attempts.filter(isUncounted).length - (record.uncounted ?? 0))

/** Pause after so many attempts that count, in ms: the first pause doubled each time, at most the ceiling, with jitter. */
export function backoffMs(spec: TaskSpec, tries: number, random: Random): number {
  const full = Math.min(spec.backoffMsMax, spec.backoffMs * 2 ** Math.max(0, tries - 1))
  return Math.round(full * random.between(0.5, 1))
}

/** Why there is no further attempt; `undefined` when there may be one. */
export function exhausted(record: TaskRecord): 'attempts-used-up' | 'poison' | undefined {
  const since = record.redriven?.after ?? 0
  const lost = record.attempts.filter(({ number, outcome }) => number > since && outcome === 'lost').length
  if (lost >= LOST_MAX) return 'poison'
  return triesOf(record) >= record.spec.maxAttempts ? 'attempts-used-up' : undefined
}
