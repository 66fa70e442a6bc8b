import type { EventLog } from '../../runtime/events.ts'
import type { Logger, NodeFace } from '../../runtime/ports.ts'
import type { TasksConfig } from '../../tasks/config.ts'
import type { BatchBudget } from './batch-budget.ts'
import type { HttpConfig } from './config.ts'
import type { HttpCounters } from './counters.ts'
import type { EventStreams } from './event-streams.ts'
import type { HttpLimits } from './limits.ts'

/** What the faces need to answer: no more of the daemon than this. */
export interface FaceParts {
  readonly config: HttpConfig
  readonly node: NodeFace
  readonly logger: Logger
  /** What happened lately. */
  readonly events: EventLog
  /** Defaults of the tasks that are submitted here. */
  readonly defaults: TasksConfig
}

/** The same with what the HTTP room adds for itself. */
export interface Face extends FaceParts {
  readonly limits: HttpLimits
  readonly counters: HttpCounters
  readonly streams: EventStreams
  readonly budget: BatchBudget
}
