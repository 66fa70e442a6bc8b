/**
 * Cancelling a task and ordering another try of it: changes of its record like any other, made by the owner of its key.
 *
 * Both are safe to repeat: cancelling what is cancelled, and retrying what already waits to run, change nothing.
 */
import type { Failure } from '../base/errors.ts'
import { cancelTask, isOver, redriveTask } from './attempts.ts'
import type { Counters } from './counts.ts'
import type { Step } from './effects.ts'
import type { Execution } from './execution.ts'
import { isSettled } from './merge.ts'
import type { OwnerRequest } from './messages.ts'
import type { Records } from './records.ts'
import type { Replication } from './replication.ts'
import { reportCancelled } from './reports.ts'
import type { Schedule } from './schedule.ts'
import type { Entry } from './table.ts'
import { transition } from './transition.ts'
import type { Work } from './work.ts'

export interface OrdersParts {
  readonly schedule: Schedule
  readonly records: Records
  readonly replication: Replication
  readonly execution: Execution
  readonly work: Work
  readonly counters: Counters
}

export class Orders {
  readonly #parts: OrdersParts

  constructor(parts: OrdersParts) {
    this.#parts = parts
  }

  /** Carries the order out. Returns why it cannot be, which may say that the task has ended; nothing was changed then. */
  obey(kind: Exclude<OwnerRequest['kind'], 'submit'>, entry: Entry, step: Step): Failure | undefined {
    return kind === 'cancel' ? this.#cancel(entry, step) : this.#retry(entry, step)
  }

  #cancel(entry: Entry, step: Step): Failure | undefined {
    const { schedule, records, replication, execution, counters } = this.#parts
    const { record } = entry
    if (record.state === 'cancelled') return undefined
    if (isSettled(record)) return { code: 'TASK_SETTLED', detail: `task ${entry.id} is ${record.state}` }
    const elsewhere = schedule.elsewhere.get(entry)
    if (entry.place === 'here') execution.cancel(entry, step)
    else schedule.clear(entry)
    records.change(entry, cancelTask(record, step.now.wall, records.holders(entry.key)), step)
    // It may be no holder of the record any more, and must hear that it is to stop.
    if (elsewhere !== undefined && !entry.copies.includes(elsewhere))
      replication.copy(entry.record, elsewhere, false)
    reportCancelled(entry, record.state, counters, step)
    return undefined
  }

  #retry(entry: Entry, step: Step): Failure | undefined {
    const { records, work, counters } = this.#parts
    const { record } = entry
    const { state } = record
    if (state === 'ready') return undefined
    if (state === 'running' || state === 'scheduled')
      return { code: 'TASK_NOT_ENDED', detail: `task ${entry.id} is ${state}` }
    if (isOver(record.spec, step.now.wall))
      return { code: 'TASK_SETTLED', detail: `the time of task ${entry.id} (expiresAt) is over` }
    if (state === 'succeeded') return { code: 'TASK_SETTLED', detail: `task ${entry.id} has succeeded` }
    const holders = records.holders(entry.key)
    const next =
      state === 'retrying'
        ? transition(record, 'ready', { holders })
        : redriveTask(record, step.now.wall, holders)
    records.change(entry, next, step)
    work.place(entry, step)
    counters.add('tasks_redriven')
    step.log('info', 'task-redriven', { task: entry.id, key: entry.key, was: state })
    return undefined
  }
}
