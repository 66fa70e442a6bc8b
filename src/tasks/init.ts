import type { Failure } from '../base/errors.ts'
import type { NodeId } from '../base/ids.ts'
import type { Random } from '../base/random.ts'
import type { Now } from '../base/time.ts'
import type { TasksConfig } from './config.ts'
import type { Fence } from './fences.ts'
import type { AnswerSizes } from './inventory.ts'
import type { Right } from './right.ts'
import type { NextSlot } from './schedules/timing.ts'
import type { DiskSight } from './store-failure.ts'
import type { TaskRecord } from './task.ts'

/** What the room is born with. */
export interface TasksInit {
  readonly self: NodeId
  readonly config: TasksConfig
  /** Length of a preference list: nodes that hold a key's records, the owner included. */
  readonly replicas: number
  /** What the store held at boot. */
  readonly records: readonly TaskRecord[]
  /** What it held of refusals. */
  readonly fences?: readonly Fence[]
  /** Would this node's executors take such a task? Undefined when they would. */
  readonly check: (type: string, payload: unknown) => Failure | undefined
  /** The types that this node has executors for. Default: it tries everything. */
  readonly types?: ReadonlySet<string>
  /** Attempts of a type that its executor takes at one time. No limit where absent. */
  readonly typeLimits?: Readonly<Record<string, number>>
  /** Living nodes that say that they have an executor for the type. Default: nobody says so. */
  readonly serving?: (type: string) => readonly NodeId[]
  /** Types of tasks that clients carry out, by claim. */
  readonly claimTypes?: readonly string[]
  /** Did this node see the process of another end, and is that one still gone? Default: it never does. */
  readonly sawEnd?: (node: NodeId) => boolean
  readonly random: Random
  readonly now: Now
  /** Whether this node's disk takes new tasks. Default: it does. */
  readonly disk?: DiskSight | undefined
  /** Of the answers to takeover questions. Default: what links take; simulations have smaller ones. */
  readonly answerSizes?: AnswerSizes
  /** Reads cron expressions. Default: schedules go by interval only. */
  readonly nextSlot?: NextSlot
  /** Who may act for which key. Default: available mode, everybody for every key. */
  readonly right?: Right
}
