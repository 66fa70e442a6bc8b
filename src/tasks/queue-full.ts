import type { Failure } from '../base/errors.ts'
import type { TasksConfig } from './config.ts'
import type { Counters } from './counts.ts'
import type { DrainRate } from './drain-rate.ts'
import type { Table } from './table.ts'

interface Queue {
  readonly table: Table
  readonly config: TasksConfig
  readonly drainRate: DrainRate
  readonly counters: Counters
}

/** Why this node takes no more work now, and when to come again. */
export function queueFull({ table, config, drainRate, counters }: Queue): Failure | undefined {
  if (table.accepted < config.queueMax) return undefined
  counters.add('submits_queue_full')
  const rate = drainRate.perSecond
  const pace = rate === 0 ? 'none of them has ended lately' : `${rate.toFixed(1)} of them end a second`
  const detail = `${table.accepted} tasks wait on the owner of the key, at most ${config.queueMax} may (tasks.queueMax); ${pace}`
  return { code: 'QUEUE_FULL', detail, retryAfterS: drainRate.retryAfterS(config.queueMax) }
}
