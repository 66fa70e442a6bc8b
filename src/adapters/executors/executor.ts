/** What every executor is to the rest: something that judges a payload, runs one attempt, and stops. */
import type { Failure } from '../../base/errors.ts'
import type { AttemptOrder } from '../../node/machine.ts'
import type { Metric } from '../../node/status.ts'
import type { AttemptError, Json, Outcome } from '../../tasks/task.ts'

export interface Executor {
  /** What is wrong with this payload, or undefined. Pure and quick: runs for every submitted task. */
  check(payload: unknown): Failure | undefined
  /** Only called with a payload that passed `check`. Never rejects for anything a task can do. */
  execute(order: AttemptOrder, signal: AbortSignal): Promise<Outcome>
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
