/** What nodes say to each other to list schedules: each tells those whose name it owns. Over peer links. */
import type { NodeId } from '../../base/ids.ts'
import type { ScheduleSummary } from './state.ts'

/** "Which schedules do you own, in the order of their names?" */
export interface SchedulesAsk {
  readonly type: 'schedules-ask'
  readonly id: number
  /** Only names above this one; empty: from the first on. */
  readonly after: string
  /** At most `SCHEDULE_PAGE_MAX`. */
  readonly limit: number
}

/** The answer to a `schedules-ask`, matched by id. */
export interface SchedulesTell {
  readonly type: 'schedules-tell'
  readonly id: number
  /** Sorted by name. */
  readonly schedules: readonly ScheduleSummary[]
  readonly more: boolean
  /** False while the sender is still taking keys over: there may be others. */
  readonly settled: boolean
  /** Checksum of the ring by which it owns them. Absent: it has none yet, or is of a version that names none. */
  readonly ring?: string
}

export type ScheduleLinkMessage = SchedulesAsk | SchedulesTell

export interface ScheduleQuery {
  readonly after: string
  readonly limit: number
}

/** A page of the schedules of the whole cluster. */
export interface SchedulePage {
  readonly schedules: readonly (ScheduleSummary & { readonly owner: NodeId })[]
  /** Pass as `after` for the next page; absent on the last. */
  readonly next?: string
  /**
   * Members that did not answer in time, are still taking keys over, or see another ring than the node asked: schedules of
   * theirs may be missing here.
   */
  readonly unsure: readonly NodeId[]
}
