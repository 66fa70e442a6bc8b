/**
 * What a run of the ledger leaves behind: who was told what, what was done, what was broken when, and how it stands in
 * the end. All times are CLOCK_MONOTONIC of the one machine, in ms, but for those of records. `judge.ts` reads it.
 */
import type { Sign } from '../e2e/act-ledger.ts'

/** One answer to one hand-in of a task, or that none came. */
export interface Answer {
  readonly task: string
  readonly key: string
  /** The node that was asked. */
  readonly node: string
  readonly at: number
  /** Null: the connection broke or nobody answered in time. Whether the task was stored is unknown then. */
  readonly status: number | null
  /** The `code` of a refusal. */
  readonly code?: string
}

/** A line of the register: one sign of life of one run of a task. */
export interface Mark extends Sign {
  readonly task: string
  /** Names the run, everywhere: the executor's own, and it is also what the run gives as its result. */
  readonly run: string
  /** As the daemon counted it. */
  readonly attempt: number
}

/**
 * What was done to a node: injected (`kill` is kill -9 and a start on the same disk, `disk-lost` the same on an empty
 * one, `restart` SIGTERM and a start), or told by its own log (`pause`: it stood still; `fence`: its right to act ended).
 */
export type FaultKind = 'kill' | 'disk-lost' | 'restart' | 'freeze' | 'cut' | 'pause' | 'fence'

export interface Fault {
  readonly kind: FaultKind
  readonly node: string
  readonly from: number
  /** Started and ready again, thawed, or healed. */
  readonly to: number
  /** The only task that it concerns. */
  readonly task?: string
}

/** One node's copy of a record, at the end. */
export interface Copy {
  readonly task: string
  readonly node: string
  readonly state: string
  /** The run whose result it holds; absent when it holds none. */
  readonly run?: string
  /** Attempts that the record tells of, and of these the ones that came to nothing. */
  readonly attempts: number
  readonly failed: number
}

/** What a node answered while it went on: the task has succeeded, and this run's result is its result. */
export interface Shown {
  readonly task: string
  readonly node: string
  readonly at: number
  readonly run: string
}

export interface History {
  readonly answers: readonly Answer[]
  readonly marks: readonly Mark[]
  readonly faults: readonly Fault[]
  /** Answers of which the end is known, asked for now and then. */
  readonly shown: readonly Shown[]
  readonly copies: readonly Copy[]
}
