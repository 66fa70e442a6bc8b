/** What an attempt does to its task's record: how it begins, ends, gets lost, is taken back or fenced. Pure. */
import type { NodeId } from '../base/ids.ts'
import type { Random } from '../base/random.ts'
import { type WallMs, wallOf } from '../base/time.ts'
import { compareAttempts, isSettled, lastNumber } from './merge.ts'
import { backoffMs, exhausted, isUncounted, triesOf } from './retry.ts'
import type { Attempt, AttemptError, Outcome, TaskRecord } from './task.ts'
import { ATTEMPTS_KEPT } from './task.ts'
import { type Changes, revise, transition } from './transition.ts'

/** Characters of an error message that are kept. */
const MESSAGE_CHARS_MAX = 4_000

/** Who starts an attempt, when and under which fencing token. */
export interface Beginning {
  readonly node: NodeId
  readonly at: WallMs
  readonly token: string
  readonly holders: readonly NodeId[]
}

export function beginAttempt(record: TaskRecord, { node, at, token, holders }: Beginning): TaskRecord {
  const attempt: Attempt = { number: lastNumber(record) + 1, node, startedAt: at, token }
  const attempts = [...record.attempts, attempt]
  const dropped = attempts.slice(0, -ATTEMPTS_KEPT)
  const uncounted = (record.uncounted ?? 0) + dropped.filter(isUncounted).length
  const kept = attempts.slice(-ATTEMPTS_KEPT)
  return transition(record, 'running', { attempts: kept, holders, ...(uncounted > 0 && { uncounted }) })
}

/** How an attempt that ran here ended, with `result` cut to size by the caller. */
export interface Ending {
  readonly attempt: Attempt
  readonly outcome: Outcome
  readonly at: WallMs
  readonly holders: readonly NodeId[]
}

/**
 * An attempt has ended. Its report always stays in the record; it decides the state unless the record has moved on
 * meanwhile (given up for lost and tried elsewhere, or settled by another): then only a success still counts, and only
 * while nothing else is settled.
 */
export function endAttempt(record: TaskRecord, ending: Ending, random: Random): TaskRecord {
  const { attempt, outcome, at, holders } = ending
  const attempts = report(record.attempts, reportOf(attempt, outcome, at))
  if (isSettled(record)) return revise(record, { attempts, holders })
  if (outcome.ok) return settle(record, 'succeeded', at, { attempts, holders, result: outcome.result })
  if (record.state !== 'running' || lastNumber(record) !== attempt.number) {
    return { ...revise(record, { attempts, holders }), ...pauseOf(record) }
  }
  const error = shortened(outcome.error)
  const tried = { ...record, attempts }
  if (!outcome.retryable || exhausted(tried) !== undefined) {
    return settle(record, 'dead', at, { attempts, holders, error })
  }
  const notBefore = wallOf(at + backoffMs(record.spec, triesOf(tried), random))
  return transition(record, 'retrying', { attempts, holders, error, notBefore })
}

/**
 * The open attempts will never report: the task is tried again, or is a dead letter. Those that are not `lost` with their
 * node were stopped there for want of the right to act.
 */
export function loseAttempts(
  record: TaskRecord,
  lost: (attempt: Attempt) => boolean,
  at: WallMs,
  holders: readonly NodeId[],
): TaskRecord {
  const attempts = record.attempts.map((attempt): Attempt => {
    if (attempt.outcome !== undefined) return attempt
    if (!lost(attempt)) return fenced(attempt, at)
    return { ...attempt, endedAt: at, outcome: 'lost', error: lostError(attempt.node) }
  })
  const tried = { ...record, attempts }
  const error = attempts.findLast(attempt => attempt.error !== undefined)?.error
  if (exhausted(tried) !== undefined) {
    return settle(record, 'dead', at, { attempts, holders, ...(error && { error }) })
  }
  return transition(record, 'ready', { attempts, holders })
}

/** Taken back from a node that leaves; counts against nothing. */
export function takeBackAttempt(
  record: TaskRecord,
  attempt: Attempt,
  at: WallMs,
  holders: readonly NodeId[],
): TaskRecord {
  const error: AttemptError = { code: 'CANCELLED', message: `node ${attempt.node} left before it ended` }
  const taken: Attempt = { ...attempt, endedAt: at, outcome: 'cancelled', error }
  return transition(record, 'ready', { attempts: report(record.attempts, taken), holders })
}

/**
 * Stopped because this node's right to act for the key ended; counts against nothing. A record that has moved on
 * meanwhile only notes it.
 */
export function fenceAttempt(
  record: TaskRecord,
  attempt: Attempt,
  at: WallMs,
  holders: readonly NodeId[],
): TaskRecord {
  const attempts = report(record.attempts, fenced(attempt, at))
  if (record.state === 'running' && lastNumber(record) === attempt.number) {
    return transition(record, 'ready', { attempts, holders })
  }
  return { ...revise(record, { attempts, holders }), ...pauseOf(record) }
}

const fenced = (attempt: Attempt, at: WallMs): Attempt => ({
  ...attempt,
  endedAt: at,
  outcome: 'fenced',
  error: {
    code: 'FENCED',
    message: `node ${attempt.node} lost the right to act for the key while it ran this`,
  },
})

/** Somebody cancelled the task. What runs of it is stopped; a success that comes all the same is noted and counts no more. */
export function cancelTask(record: TaskRecord, at: WallMs, holders: readonly NodeId[]): TaskRecord {
  const error: AttemptError = { code: 'CANCELLED', message: 'the task was cancelled' }
  const attempts = record.attempts.map(
    (attempt): Attempt =>
      attempt.outcome === undefined ? { ...attempt, endedAt: at, outcome: 'cancelled', error } : attempt,
  )
  return transition(record, 'cancelled', { attempts, holders, error, settledAt: at })
}

/** Another try was ordered: what was tried before stays in the record and counts no more. */
export function redriveTask(record: TaskRecord, at: WallMs, holders: readonly NodeId[]): TaskRecord {
  const after = lastNumber(record)
  const uncounted = after - record.attempts.filter(isUncounted).length
  const { settledAt: _, error: __, ...rest } = record
  const times = (record.redriven?.times ?? 0) + 1
  return transition(rest, 'ready', { holders, uncounted, redriven: { times, after, at } })
}

/** Waiting and retrying tasks go the legal way round through `running`. */
function settle(record: TaskRecord, to: 'succeeded' | 'dead', at: WallMs, changes: Changes): TaskRecord {
  const ready = record.state === 'retrying' ? transition(record, 'ready') : record
  const running = ready.state === 'ready' ? transition(ready, 'running') : ready
  const { error: _, ...rest } = running
  return transition(rest, to, { ...changes, settledAt: at })
}

const pauseOf = (record: TaskRecord): Pick<TaskRecord, 'notBefore'> =>
  record.notBefore === undefined ? {} : { notBefore: record.notBefore }

const shortened = (error: AttemptError): AttemptError => ({
  code: error.code,
  message: error.message.slice(0, MESSAGE_CHARS_MAX).toWellFormed(),
})

const lostError = (node: NodeId): AttemptError => ({
  code: 'NODE_LOST',
  message: `node ${node} went away while it ran this`,
})

function reportOf(attempt: Attempt, outcome: Outcome, at: WallMs): Attempt {
  if (outcome.ok) return { ...attempt, endedAt: at, outcome: 'succeeded' }
  const error = shortened(outcome.error)
  return { ...attempt, endedAt: at, outcome: error.code === 'RUNNER_LOST' ? 'lost' : 'failed', error }
}

/** Replaces the attempt's entry; one that has been dropped for newer ones stays dropped. */
function report(attempts: readonly Attempt[], ended: Attempt): readonly Attempt[] {
  return attempts.map(attempt => (compareAttempts(attempt, ended) === 0 ? ended : attempt))
}
