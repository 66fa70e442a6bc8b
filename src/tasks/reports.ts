/** What is counted and logged about attempts that end, for `Execution` and `Work`. */
import { wallOf } from '../base/time.ts'
import { isLost } from './attempts.ts'
import type { Counters } from './counts.ts'
import type { Step } from './effects.ts'
import { lastNumber } from './merge.ts'
import type { Entry } from './table.ts'
import type { Attempt, Outcome, TaskState } from './task.ts'

/** Characters of an error message that are logged. */
const DETAIL_CHARS_MAX = 200

type Fields = Readonly<Record<string, string | number>>

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
  // With the line of its end go all the answers to who ran it, when, and under which right: its start has none of its own.
  const { number, token } = attempt
  const fields = { task: entry.id, key: entry.key, attempt: number, ...(token && { token }), ms }
  if (outcome.ok) {
    counters.add('tasks_succeeded')
    step.log('info', 'task-succeeded', fields)
    return
  }
  counters.add(isLost(outcome.error) ? 'attempts_lost' : 'attempts_failed')
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
  if (error?.code === 'POISON') counters.add('tasks_poisoned')
  step.log('warn', 'task-dead', {
    ...lastOf(entry, step),
    reason: error?.code,
    detail: error?.message.slice(0, DETAIL_CHARS_MAX),
  })
}

/** Somebody ended it; `was` is how it stood before. */
export function reportCancelled(entry: Entry, was: TaskState, counters: Counters, step: Step): void {
  counters.add('tasks_cancelled')
  step.log('info', 'task-cancelled', { ...lastOf(entry, step), was })
}

/** The task with its last attempt, which may have run on another node, and 0 where there was none. */
function lastOf({ id, key, record }: Entry, { now }: Step): Fields {
  const task = { task: id, key, attempt: lastNumber(record) }
  const last = record.attempts.at(-1)
  if (last === undefined) return task
  const { node, token, startedAt, endedAt = now.wall } = last
  return { ...task, ranOn: node, ...(token && { token }), ms: Math.max(0, endedAt - startedAt) }
}
