/** Opens a task list and says in words why it cannot be read. */
import { type FileHandle, open } from 'node:fs/promises'
import { CodedError } from '../../base/errors.ts'

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'this user may not read it',
  EPERM: 'this user may not read it',
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of the path is not a directory',
  ELOOP: 'its symbolic links go round in circles',
  ENAMETOOLONG: 'the path is too long',
}

export function unreadable(path: string, cause: unknown): CodedError {
  if (cause instanceof CodedError) return cause
  const code: unknown = cause instanceof Error ? Reflect.get(cause, 'code') : undefined
  const reason =
    (typeof code === 'string' ? REASONS[code] : undefined) ?? `it cannot be read (${code ?? cause})`
  return new CodedError('TASK_LIST_UNREADABLE', `${path}: ${reason}.`, { cause })
}

/** Hands an open regular file of at most so many bytes to `use`. Throws TASK_LIST_UNREADABLE. */
export async function openList(path: string, bytesMax: number): Promise<FileHandle> {
  let handle: FileHandle | undefined
  try {
    handle = await open(path, 'r')
    const stat = await handle.stat()
    if (!stat.isFile()) throw new CodedError('TASK_LIST_UNREADABLE', `${path}: it is not a regular file.`)
    if (stat.size <= bytesMax) return handle
    throw new CodedError(
      'TASK_LIST_UNREADABLE',
      `${path}: it has ${stat.size} bytes, at most ${bytesMax} are read.`,
    )
  } catch (cause) {
    await handle?.close()
    throw unreadable(path, cause)
  }
}
