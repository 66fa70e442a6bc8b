import { isSettled } from './merge.ts'
import type { Epochs } from './right.ts'
import type { TaskRecord } from './task.ts'

/**
 * Somebody has this copy. Is there no such task all the same, if its owner, who is complete for the key, says so? What counts it
 * would know, or it is over and dropped. But what forgotten members may have had alone (`Epochs.gap`) has not ended by that: one of
 * them is back, and its owner is about to get it.
 */
export function isDeniable(record: TaskRecord, epochs: Epochs | undefined): boolean {
  const { spec, source, term } = record
  if (epochs?.isQuorum(spec.key) !== true || term === undefined || source.startsWith('list:')) return false
  return term >= epochs.gap || isSettled(record)
}
