import { assert } from '../base/assert.ts'
import type { NodeId } from '../base/ids.ts'
import type { WallMs } from '../base/time.ts'
import {
  type Attempt,
  type AttemptError,
  type Json,
  type Redriven,
  type TaskRecord,
  type TaskSpec,
  type TaskState,
  TRANSITIONS,
} from './task.ts'

/** What may change along with a record's state. */
export interface Changes {
  readonly attempts?: readonly Attempt[]
  readonly uncounted?: number
  readonly redriven?: Redriven
  readonly crashes?: number
  readonly settledAt?: WallMs
  readonly notBefore?: WallMs
  readonly result?: Json
  readonly error?: AttemptError
  readonly holders?: readonly NodeId[]
  readonly dedupeTerm?: number
}

/**
 * The only way a record's state changes. A move that `TRANSITIONS` does not allow is a bug and stops the process. Every
 * change raises the revision; a pause (`notBefore`) ends with the state that had it.
 */
export function transition(record: TaskRecord, to: TaskState, changes: Changes = {}): TaskRecord {
  const legal: readonly TaskState[] = TRANSITIONS[record.state]
  assert(legal.includes(to), 'a task moves along the legal transitions', {
    task: record.spec.id,
    from: record.state,
    to,
  })
  const revision = record.revision + 1
  // One copy for all that changes: each version of each task is made here.
  if (!('notBefore' in record)) return { ...record, ...changes, state: to, revision }
  const { notBefore: _, ...rest } = record
  return { ...rest, ...changes, state: to, revision }
}

/** A change that leaves the state as it is, and so the pause that it may have. */
export const revise = (record: TaskRecord, changes: Changes): TaskRecord => ({
  ...record,
  ...changes,
  revision: record.revision + 1,
})

/** The record of a task that nobody has touched yet. Revision 0 is never stored: a shared list has it on every node. */
export const freshRecord = (
  spec: TaskSpec,
  source: TaskRecord['source'],
  acceptedAt: WallMs,
  holders: readonly NodeId[],
  revision: 0 | 1,
): TaskRecord => {
  const state = spec.runAt !== undefined && spec.runAt > acceptedAt ? 'scheduled' : 'ready'
  return { spec, source, state, acceptedAt, attempts: [], holders, revision }
}
