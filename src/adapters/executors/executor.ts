/** What every executor is to the rest: something that judges a payload, runs one attempt, and stops. */
import type { Failure } from '../../base/errors.ts'
import type { Instant } from '../../base/time.ts'
import type { AttemptOrder } from '../../node/machine.ts'
import type { Metric } from '../../node/status.ts'
import type { AttemptError, Json, Outcome } from '../../tasks/task.ts'
import type { AttemptDesk } from './attempt-desk.ts'
import type { Limit } from './limit.ts'
import type { RunEnd } from './runner-process.ts'

export interface Executor {
  /** What is wrong with this payload, or undefined. Pure and quick: runs for every submitted task. */
  check(payload: unknown): Failure | undefined
  /**
   * Only called with a payload that passed `check`. Never rejects for anything a task can do.
   * @param desk where to put what the attempt says of its progress, and what it printed
   */
  execute(order: AttemptOrder, signal: AbortSignal, limit: Limit, desk: AttemptDesk): Promise<Outcome>
  /**
   * These limits were moved to `until`, or are later already. An executor that has this keeps its limits by itself; one
   * that has not is aborted in time, and what it says after the limit is not believed.
   */
  extend?(limits: readonly Limit[], until: Instant): void
  /** False: the configuration allows it nothing, so every payload is refused. */
  allows?(): boolean
  metrics?(): readonly Metric[]
  stop?(): Promise<void>
}

export const succeeded = (result: Json): Outcome => ({ ok: true, result })

/** @param retryable false only when the same attempt would end the same way again */
export const failed = (code: AttemptError['code'], message: string, retryable = true): Outcome => ({
  ok: false,
  error: { code, message },
  retryable,
})

/**
 * Retryable: the same word is used when the node shuts down, and then the task must run elsewhere. A task that its
 * user cancelled is settled by the core before this outcome is looked at.
 */
export const cancelled = (message = 'the attempt was stopped'): Outcome => failed('CANCELLED', message)

export const timedOut = (timeoutMs: number, detail = ''): Outcome =>
  failed('TIMEOUT', `not finished after ${timeoutMs} ms${detail}`)

/** Ends that are not of the attempt's own making. A report of another kind than asked for would be none of the runner. */
export function outcomeOfRunner(end: RunEnd): Outcome {
  if (end.kind === 'fenced') return fenced('was stopped')
  if (end.kind === 'stopped') return cancelled()
  if (end.kind === 'unstarted')
    return failed('THREW', `nothing ran: the runner could not be started (${end.reason})`)
  return failed('RUNNER_LOST', 'the runner died, and what it ran was killed')
}

/** Says nothing against the task: another attempt is made by whoever has the right then. */
export const fenced = (detail: 'was stopped' | 'was not started' | 'cannot be killed yet'): Outcome =>
  failed('FENCED', `the right to act for the key of this task ended and the attempt ${detail}`)
