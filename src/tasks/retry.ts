/**
 * Whether and when a task is tried again.
 *
 * Every attempt counts, those lost with their node too, except the ones that this system itself took back: `cancelled`,
 * when a leaving node ran out of time; `fenced`, when the right to act ended. In quorum mode a node that went silent is
 * fenced by its own lease before another may go on, so its attempt counts only when somebody saw the process end, or the
 * node itself says so when it starts again. In available mode nobody can tell a frozen node from a crashed one, and the
 * attempt counts; if the node lives, its own report takes the place of that.
 * A task that took three attempts down with their node or runner is poison and becomes a dead letter even when it has
 * attempts left, before it takes down every node in turn. They are counted in the record, so wherever they ran. A machine
 * that dies whole looks like one that is cut off; so silence counts as well, but only when ten nodes in turn fell silent
 * under one task and none of them came back to say how its attempt ended.
 */
import type { Random } from '../base/random.ts'
import type { WallMs } from '../base/time.ts'
import { lastNumber } from './merge.ts'
import type { Attempt, TaskRecord, TaskSpec } from './task.ts'

/** Attempts that may be lost with their node or runner. */
export const LOST_MAX = 3

/** Attempts of which nothing is known but that their node fell silent. */
export const SILENT_MAX = 10

export const isSilent = ({ outcome, error }: Attempt): boolean =>
  outcome === 'fenced' && error?.code === 'NODE_LOST'

export const isCrash = ({ outcome }: Attempt): boolean => outcome === 'lost'

const isUncounted = ({ outcome }: Attempt): boolean => outcome === 'cancelled' || outcome === 'fenced'

/**
 * Attempts that count. Two owners may have begun one of the same number, when the first was cut off with its own: it counts when
 * one of them does.
 */
export const triesOf = (record: TaskRecord): number =>
  Math.max(0, lastNumber(record) - uncountedOf(record.attempts) - (record.uncounted ?? 0))

/** Numbers of attempts none of which counts. */
export function uncountedOf(attempts: readonly Attempt[]): number {
  const uncounted = new Set<number>()
  for (const attempt of attempts) if (isUncounted(attempt)) uncounted.add(attempt.number)
  for (const attempt of attempts) if (!isUncounted(attempt)) uncounted.delete(attempt.number)
  return uncounted.size
}

/** Of the last round: what was before somebody ordered another try counts no more. */
const ofRound = ({ attempts, redriven }: TaskRecord): readonly Attempt[] =>
  attempts.filter(({ number }) => number > (redriven?.after ?? 0))

/** Attempts that went away with their node or runner. */
export const crashesOf = (record: TaskRecord): number =>
  ofRound(record).filter(isCrash).length + (record.crashes ?? 0)

/** Attempts whose node fell silent for good. */
export const silencesOf = (record: TaskRecord): number => ofRound(record).filter(isSilent).length

/**
 * Pause after so many attempts that count, in ms. `exponential`: the first pause doubled each time, at most the ceiling,
 * with jitter. `fixed`: the first pause each time, to the millisecond. `none`: 0.
 */
export function backoffMs(spec: TaskSpec, tries: number, random: Random): number {
  if (spec.backoff === 'none') return 0
  if (spec.backoff === 'fixed') return spec.backoffMs
  const full = Math.min(spec.backoffMsMax, spec.backoffMs * 2 ** Math.max(0, tries - 1))
  return Math.round(full * random.between(0.5, 1))
}

/** Why there is no further attempt; `undefined` when there may be one. */
export function exhausted(record: TaskRecord): 'attempts-used-up' | 'poison' | undefined {
  if (crashesOf(record) >= LOST_MAX) return 'poison'
  if (silencesOf(record) >= SILENT_MAX) return 'poison'
  return triesOf(record) >= record.spec.maxAttempts ? 'attempts-used-up' : undefined
}

/** What is left of a pause, in ms. It is bounded, since the clock of the node that began it may be ahead. */
export const pauseMsOf = ({ spec, notBefore }: TaskRecord, wall: WallMs): number =>
  Math.max(0, Math.min((notBefore ?? 0) - wall, spec.backoffMsMax))
