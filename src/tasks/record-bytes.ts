import { jsonBytes } from './json.ts'
import type { TaskRecord, TaskSpec } from './task.ts'

/** What the fields of a task, or of an attempt, may take that are not counted one by one; a character of a key takes six bytes at most. */
const FIELDS_BYTES = 2_048
const ATTEMPT_BYTES = 512
const KEY_CHAR_BYTES = 6
const HOLDER_BYTES = 132

/** Not less than it takes on the wire, without writing most of it out a second time. */
export const specBytes = ({ key, payload }: TaskSpec): number =>
  FIELDS_BYTES + KEY_CHAR_BYTES * key.length + jsonBytes(payload)

/** The same for a record; one with errors is written out. */
export function recordBytes(record: TaskRecord): number {
  const { spec, holders, attempts, result, error } = record
  if (error !== undefined || attempts.some(attempt => attempt.error !== undefined)) return jsonBytes(record)
  const fixed = specBytes(spec) + HOLDER_BYTES * holders.length + ATTEMPT_BYTES * attempts.length
  return result === undefined ? fixed : fixed + jsonBytes(result)
}
