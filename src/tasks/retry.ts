/**
 * Whether and when a task is tried again.
 *
 * Every attempt counts, those lost with their node too, except the ones that this system itself took back (`cancelled`,
 * when a leaving node ran out of time). A task that took three attempts down with their node or runner is poison and
 * becomes a dead letter even when it has attempts left, before it takes down every node in turn.
 */
import type { Random } from '../base/random.ts'
import { lastNumber } from './merge.ts'
import type { TaskRecord, TaskSpec } from './task.ts'

/** Attempts that may be lost with their node or runner. */
export const LOST_MAX = 3

/** Pause before the attempt after number `attempt`, in ms: the first pause doubled each time, at most the ceiling, with jitter. */
export function backoffMs(spec: TaskSpec, attempt: number, random: Random): number {
  const full = Math.min(spec.backoffMsMax, spec.backoffMs * 2 ** (attempt - 1))
  return Math.round(full * random.between(0.5, 1))
}

/** Why there is no further attempt; `undefined` when there may be one. */
export function exhausted(record: TaskRecord): 'attempts-used-up' | 'poison' | undefined {
  const outcomes = record.attempts.map(attempt => attempt.outcome)
  const lost = outcomes.filter(outcome => outcome === 'lost').length
  if (lost >= LOST_MAX) return 'poison'
  const takenBack = outcomes.filter(outcome => outcome === 'cancelled').length
  return lastNumber(record) - takenBack >= record.spec.maxAttempts ? 'attempts-used-up' : undefined
}
