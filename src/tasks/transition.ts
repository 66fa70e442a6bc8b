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
  readonly settledAt?: WallMs
  readonly notBefore?: WallMs
  readonly result?: Json
  readonly error?: AttemptError
  readonly holders?: readonly NodeId[]
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
  return revise({ ...record, state: to }, changes)
}

/** A change that leaves the state as it is. */
export function revise(record: TaskRecord, changes: Changes): TaskRecord {
  const { notBefore: _, ...rest } = record
  return { ...rest, ...changes, revision: record.revision + 1 }
}

/** The record of a task that nobody has touched yet. Revision 0 is never stored: a shared list has it on every node. */
export const freshRecord = (
  spec: TaskSpec,
  source: TaskRecord['source'],
  acceptedAt: WallMs,
  holders: readonly NodeId[],
  revision: 0 | 1,
): TaskRecord => ({ spec, source, state: 'ready', acceptedAt, attempts: [], holders, revision })
