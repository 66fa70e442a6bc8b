import { jsonBytes } from './json.ts'
import type { Json, TaskRecord, TaskSpec } from './task.ts'

/** What the fields of a task, or of an attempt, may take that are not counted one by one; a character of a key takes six bytes at most. */
const FIELDS_BYTES = 2_048
const ATTEMPT_BYTES = 512
const KEY_CHAR_BYTES = 6
const HOLDER_BYTES = 132

/** Writing out what is smaller costs no more than remembering its size. */
const REMEMBERED_BYTES_MIN = 256
/** Payloads and results are never changed, and are measured for each node they go to, in every version of their record. */
const sizes = new WeakMap<object, number>()

function bytesOf(value: Json): number {
  if (typeof value !== 'object' || value === null) return jsonBytes(value)
  const known = sizes.get(value)
  if (known !== undefined) return known
  const bytes = jsonBytes(value)
  if (bytes >= REMEMBERED_BYTES_MIN) sizes.set(value, bytes)
  return bytes
}

/** Not less than it takes on the wire, without writing most of it out a second time. */
export const specBytes = ({ key, payload }: TaskSpec): number =>
  FIELDS_BYTES + KEY_CHAR_BYTES * key.length + bytesOf(payload)

/** The same for a record; one with errors is written out. */
export function recordBytes(record: TaskRecord): number {
  const { spec, holders, attempts, result, error } = record
  if (error !== undefined || attempts.some(attempt => attempt.error !== undefined)) return jsonBytes(record)
  const fixed = specBytes(spec) + HOLDER_BYTES * holders.length + ATTEMPT_BYTES * attempts.length
  return result === undefined ? fixed : fixed + bytesOf(result)
}
