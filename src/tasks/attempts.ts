/** What an attempt does to its task's record: how it begins, ends, gets lost, is taken back or fenced. Pure. */
import type { NodeId } from '../base/ids.ts'
import type { Random } from '../base/random.ts'
import { type WallMs, wallOf } from '../base/time.ts'
import { jsonBytes } from './json.ts'
import { compareAttempts, isSettled, lastNumber } from './merge.ts'
import {
  backoffMs,
  crashesOf,
  exhausted,
  isCrash,
  isSilent,
  silencesOf,
  triesOf,
  uncountedOf,
} from './retry.ts'
import type { Attempt, AttemptError, Outcome, TaskRecord, TaskSpec } from './task.ts'
import { ATTEMPTS_KEPT } from './task.ts'
import { type Changes, revise, transition } from './transition.ts'

/** Characters of an error message that are kept. */
const MESSAGE_CHARS_MAX = 4_000
/**
 * And bytes, as JSON: three for each character. Those of a record, 17 at most, take a fifth of a frame; with payload and result, which
 * take three quarters, and one that is all control characters, as of a command that says something binary, they would not fit.
 */
const MESSAGE_BYTES_MAX = 12 * 1024

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
  // Those of one number go together: one that counts would else leave one behind by which its number seems to count for nothing.
  const upTo = attempts.at(-ATTEMPTS_KEPT - 1)?.number ?? 0
  const dropped = attempts.filter(each => each.number <= upTo)
  const kept = attempts.filter(each => each.number > upTo)
  const uncounted = (record.uncounted ?? 0) + uncountedOf(attempts) - uncountedOf(kept)
  const since = record.redriven?.after ?? 0
  const crashed = dropped.filter(each => isCrash(each) && each.number > since)
  const crashes = (record.crashes ?? 0) + crashed.length
  return transition(record, 'running', {
    attempts: kept,
    holders,
    ...(uncounted > 0 && { uncounted }),
    ...(crashes > 0 && { crashes }),
  })
}

/**
 * Is it this attempt, which this node made, that the task is running by? Higher numbers that have ended say nothing: an owner before
 * may have begun more than one of which nobody was told.
 */
export const isUnderWay = ({ state, attempts }: TaskRecord, { number }: Attempt): boolean =>
  state === 'running' && !attempts.some(each => each.outcome === undefined && each.number > number)

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
  if (!isUnderWay(record, attempt)) {
    return revise(record, { attempts, holders })
  }
  const error = shortened(outcome.error)
  const tried = { ...record, attempts }
  if (!outcome.retryable || exhausted(tried) !== undefined) {
    return settle(record, 'dead', at, { attempts, holders, error: poisonError(tried) ?? error })
  }
  const notBefore = wallOf(at + backoffMs(record.spec, triesOf(tried), random))
  if (isOver(record.spec, notBefore)) {
    return settle(record, 'dead', at, { attempts, holders, error: expiredError(record.spec, error) })
  }
  return transition(record, 'retrying', { attempts, holders, error, notBefore })
}

/** It may not be started any more, and has not succeeded: a dead letter that says so, with the last error in it. */
export function expireTask(record: TaskRecord, at: WallMs, holders: readonly NodeId[]): TaskRecord {
  return settle(record, 'dead', at, { holders, error: expiredError(record.spec, record.error) })
}

/** Has the time run out in which it may be started? */
export const isOver = ({ expiresAt }: TaskSpec, at: WallMs): boolean =>
  expiresAt !== undefined && at >= expiresAt

/** What became of an open attempt: gone with its node, seen or not; stopped there; or stopped for all one can know. */
export type Fate = 'crashed' | 'away' | 'stopped' | 'stopped-away'

/**
 * The open attempts will never report: the task is tried again, or is a dead letter. Those that did not go away with their
 * node were stopped there for want of the right to act.
 */
export function loseAttempts(
  record: TaskRecord,
  fateOf: (attempt: Attempt) => Fate,
  at: WallMs,
  holders: readonly NodeId[],
): TaskRecord {
  const attempts = record.attempts.map((attempt): Attempt => {
    if (attempt.outcome !== undefined) return attempt
    const fate = fateOf(attempt)
    if (fate === 'stopped') return fenced(attempt, at)
    if (fate === 'stopped-away') {
      return { ...attempt, endedAt: at, outcome: 'fenced', error: fencedAwayError(attempt.node) }
    }
    const error = fate === 'crashed' ? crashedError(attempt.node) : lostError(attempt.node)
    return { ...attempt, endedAt: at, outcome: 'lost', error }
  })
  const tried = { ...record, attempts }
  const error = poisonError(tried) ?? attempts.findLast(attempt => attempt.error !== undefined)?.error
  if (exhausted(tried) !== undefined) {
    return settle(record, 'dead', at, { attempts, holders, ...(error && { error }) })
  }
  return transition(record, 'ready', { attempts, holders })
}

/** Taken back from a node that leaves, or that had nobody to carry it out; counts against nothing. */
export function takeBackAttempt(
  record: TaskRecord,
  attempt: Attempt,
  at: WallMs,
  holders: readonly NodeId[],
  error: AttemptError = { code: 'CANCELLED', message: `node ${attempt.node} left before it ended` },
): TaskRecord {
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
  if (isUnderWay(record, attempt)) {
    return transition(record, 'ready', { attempts, holders })
  }
  return revise(record, { attempts, holders })
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

/** Another try was ordered: what was tried before stays in the record and counts no more. It waits for its time, if that is to come. */
export function redriveTask(record: TaskRecord, at: WallMs, holders: readonly NodeId[]): TaskRecord {
  const after = lastNumber(record)
  const uncounted = after - uncountedOf(record.attempts)
  const { settledAt: _, error: __, crashes: ___, ...rest } = record
  const times = (record.redriven?.times ?? 0) + 1
  const { runAt } = record.spec
  const waits = record.state === 'cancelled' && runAt !== undefined && runAt > at
  return transition(rest, waits ? 'scheduled' : 'ready', {
    holders,
    uncounted,
    redriven: { times, after, at },
  })
}

/** Waiting and retrying tasks go the legal way round through `running`. */
function settle(record: TaskRecord, to: 'succeeded' | 'dead', at: WallMs, changes: Changes): TaskRecord {
  const waits = record.state === 'retrying' || record.state === 'scheduled'
  const ready = waits ? transition(record, 'ready') : record
  const running = ready.state === 'ready' ? transition(ready, 'running') : ready
  return transition(withoutError(running), to, { ...changes, settledAt: at })
}

function withoutError(record: TaskRecord): TaskRecord {
  if (!('error' in record)) return record
  const { error: _, ...rest } = record
  return rest
}

const shortened = ({ code, message }: AttemptError): AttemptError => ({ code, message: beginningOf(message) })

function beginningOf(message: string): string {
  for (let length = MESSAGE_CHARS_MAX; ; length >>= 1) {
    const beginning = message.slice(0, length).toWellFormed()
    if (jsonBytes(beginning) <= MESSAGE_BYTES_MAX) return beginning
  }
}

const lostError = (node: NodeId): AttemptError => ({
  code: 'NODE_LOST',
  message: `node ${node} went away while it ran this`,
})

const crashedError = (node: NodeId): AttemptError => ({
  code: 'NODE_CRASHED',
  message: `the process of node ${node} ended while it ran this`,
})

const fencedAwayError = (node: NodeId): AttemptError => ({
  code: 'NODE_LOST',
  message: `node ${node} fell silent while it ran this, and its right to act had ended before another went on`,
})

/** The evidence, attempt by attempt; undefined while it is not poison. */
function poisonError(record: TaskRecord): AttemptError | undefined {
  if (exhausted(record) !== 'poison') return undefined
  const said = record.attempts
    .filter(attempt => isCrash(attempt) || isSilent(attempt))
    .map(({ number, node, error }) => `attempt ${number} on ${node} (${error?.code ?? 'lost'})`)
  const crashes = crashesOf(record)
  const silent = silencesOf(record)
  const went = `${crashes} attempts went away with their node, runner or client`
  const what = silent === 0 ? went : `${went}, the nodes of ${silent} fell silent`
  return { code: 'POISON', message: `${what}: ${said.join(', ')}`.slice(0, MESSAGE_CHARS_MAX) }
}

function expiredError({ expiresAt }: TaskSpec, last: AttemptError | undefined): AttemptError {
  const tried =
    last === undefined ? 'it was not tried' : `the last attempt ended ${last.code}: ${last.message}`
  return shortened({
    code: 'EXPIRED',
    message: `it had not succeeded by ${expiresAt} (ms since 1970); ${tried}`,
  })
}

function reportOf(attempt: Attempt, outcome: Outcome, at: WallMs): Attempt {
  if (outcome.ok) return { ...attempt, endedAt: at, outcome: 'succeeded' }
  const error = shortened(outcome.error)
  return { ...attempt, endedAt: at, outcome: isLost(error) ? 'lost' : 'failed', error }
}

/** Did whatever carried it out go away, as far as anybody can tell? */
export const isLost = ({ code }: AttemptError): boolean => code === 'RUNNER_LOST' || code === 'CLAIM_EXPIRED'

/** One attempt gets its own time, and not more than is left of the whole. */
export const timeLeftMs = ({ timeoutMs, expiresAt }: TaskSpec, wall: WallMs): number =>
  expiresAt === undefined ? timeoutMs : Math.max(1, Math.min(timeoutMs, expiresAt - wall))

/** Nobody came to carry it out. */
export const isUnclaimed = (outcome: Outcome): outcome is Extract<Outcome, { ok: false }> =>
  !outcome.ok && outcome.error.code === 'UNCLAIMED'

/** The order to begin it came when the time of its task was over: it was never carried out. */
export const isTooLate = (outcome: Outcome): outcome is Extract<Outcome, { ok: false }> =>
  !outcome.ok && outcome.error.code === 'EXPIRED'

/** Its executor ended it with the right to act. */
export const isFenced = (outcome: Outcome): boolean => !outcome.ok && outcome.error.code === 'FENCED'

/** Replaces the attempt's entry; one that has been dropped for newer ones stays dropped. */
function report(attempts: readonly Attempt[], ended: Attempt): readonly Attempt[] {
  return attempts.map(attempt => (compareAttempts(attempt, ended) === 0 ? ended : attempt))
}
