/** What is counted and logged about attempts that end, for `Execution` and `Work`. */
import { wallOf } from '../base/time.ts'
import type { Counters } from './counts.ts'
import type { Step } from './effects.ts'
import { lastNumber } from './merge.ts'
import type { Entry } from './table.ts'
import type { Attempt, Outcome } from './task.ts'

/** Characters of an error message that are logged. */
const DETAIL_CHARS_MAX = 200

/** An attempt has ended and is in the record. */
export function reportEnd(
  entry: Entry,
  attempt: Attempt,
  outcome: Outcome,
  counters: Counters,
  step: Step,
): void {
  const { record } = entry
  const ms = Math.max(0, step.now.wall - attempt.startedAt)
  const fields = { task: entry.id, key: entry.key, attempt: attempt.number, ms }
  if (outcome.ok) {
    counters.add('tasks_succeeded')
    step.log('info', 'task-succeeded', fields)
    return
  }
  counters.add(outcome.error.code === 'RUNNER_LOST' ? 'attempts_lost' : 'attempts_failed')
  const reason = outcome.error.code
  if (record.state === 'dead') reportDead(entry, counters, step)
  else if (record.state === 'retrying') {
    counters.add('tasks_retried')
    const pauseMs = (record.notBefore ?? wallOf(0)) - step.now.wall
    step.log('info', 'task-retry', { ...fields, reason, pauseMs })
  } else step.log('info', 'attempt-failed', { ...fields, reason, state: record.state })
}

export function reportDead(entry: Entry, counters: Counters, step: Step): void {
  counters.add('tasks_dead')
  const { error } = entry.record
  step.log('warn', 'task-dead', {
    task: entry.id,
    key: entry.key,
    attempt: lastNumber(entry.record),
    reason: error?.code,
    detail: error?.message.slice(0, DETAIL_CHARS_MAX),
  })
}
