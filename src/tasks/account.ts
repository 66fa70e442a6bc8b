import type { Instant } from '../base/time.ts'
import type { TasksConfig } from './config.ts'
import type { Metric, TaskCounts } from './counts.ts'
import type { Expiry } from './expiry.ts'
import type { Limits } from './limits.ts'
import { type MetricsParts, taskMetrics } from './metrics.ts'
import { queueCounts, queueMetrics } from './queue-counts.ts'
import type { Entry } from './table.ts'
import { type Waiting, type WaitingParts, whyWaiting } from './waiting.ts'

export interface AccountParts extends MetricsParts, WaitingParts {
  readonly config: TasksConfig
  readonly limits: Limits
  readonly expiry: Expiry
  readonly types: ReadonlySet<string> | undefined
}

/** What a node's tasks amount to, for its heartbeat. */
export interface TaskLoad {
  /** Slots in use. What clients carry out takes up none. */
  readonly running: number
  /** Unfinished tasks of its own that do not run, and attempts that wait for a slot. */
  readonly queued: number
  /** Attempts that may run at one time. */
  readonly slots: number
  /** The types that it has executors for. */
  readonly types?: readonly string[]
}

/** What the room says about itself. Reads only. */
export class Account {
  readonly #parts: AccountParts
  readonly #types: readonly string[] | undefined

  constructor(parts: AccountParts) {
    this.#parts = parts
    this.#types = parts.types && [...parts.types].sort()
  }

  load(): TaskLoad {
    const { table, schedule, config } = this.#parts
    const { ready, retrying, scheduled } = table.owned
    return {
      running: schedule.executing,
      queued: ready + retrying + scheduled + schedule.noted,
      slots: config.concurrency,
      ...(this.#types && { types: this.#types }),
    }
  }

  counts(): TaskCounts {
    const { table, counters, takeover, schedule, limits, phase } = this.#parts
    return {
      owned: table.owned,
      held: table.held,
      started: counters.of('attempts_started'),
      succeeded: counters.of('tasks_succeeded'),
      failedAttempts: counters.of('attempts_failed') + counters.of('attempts_lost'),
      retried: counters.of('tasks_retried'),
      forwarded: counters.of('requests_forwarded'),
      takingOver: phase() !== 'closed' && takeover.active,
      queue: queueCounts(schedule, limits),
    }
  }

  metrics(): Metric[] {
    const { schedule, limits, expiry } = this.#parts
    const help = 'Unfinished tasks with a time by which they must have succeeded.'
    const watching: Metric = {
      name: 'tasks_expiring',
      help,
      type: 'gauge',
      samples: [{ value: expiry.watching }],
    }
    return [...taskMetrics(this.#parts), ...queueMetrics(schedule, limits), watching]
  }

  /** Undefined: it runs here, is settled, or starts at once. */
  waiting(entry: Entry, now: Instant): Waiting | undefined {
    return whyWaiting(entry, this.#parts, now)
  }
}
