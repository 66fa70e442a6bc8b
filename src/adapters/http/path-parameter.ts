import { CodedError } from '../../base/errors.ts'
import { KEY_BYTES_MAX, TASK_ID_PATTERN } from '../../base/ids.ts'

/** The key in a path: 1 to `KEY_BYTES_MAX` bytes of UTF-8 without NUL. Throws BAD_REQUEST. */
export function keyOf(text: string): string {
  const bytes = Buffer.byteLength(text)
  if (bytes === 0 || bytes > KEY_BYTES_MAX) {
    throw new CodedError('BAD_REQUEST', `Expected a key of 1 to ${KEY_BYTES_MAX} bytes, got ${bytes}.`)
  }
  if (text.includes('\0')) throw new CodedError('BAD_REQUEST', 'Expected a key without NUL.')
  return text
}

/** The task id in a path. Throws BAD_REQUEST. */
export function taskIdOf(text: string): string {
  if (TASK_ID_PATTERN.test(text)) return text
  throw new CodedError(
    'BAD_REQUEST',
    'Expected a task id: 1 to 256 printable ASCII characters without spaces.',
  )
}
