/** The job that comes with the cluster command: one checksum for each of many real files. */
import { createHash } from 'node:crypto'
import { opendir, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { TASK_ID_PATTERN } from '../../base/ids.ts'

/** The package: paths in the manifest count from here. */
export const PACKAGE_DIRECTORY = fileURLToPath(new URL('../../..', import.meta.url))

/** Regular files of the packages in `node_modules`, as sorted relative paths. */
export async function jobFiles(): Promise<readonly string[]> {
  const found: string[] = []
  const visit = async (directory: string): Promise<void> => {
    for await (const entry of await opendir(directory)) {
      const path = join(directory, entry.name)
      if (entry.isDirectory()) await visit(path)
      else if (entry.isFile()) found.push(relative(PACKAGE_DIRECTORY, path))
    }
  }
  const root = join(PACKAGE_DIRECTORY, 'node_modules')
  for await (const entry of await opendir(root)) {
    // Caches of tools lie in dot directories and change while we look.
    if (entry.isDirectory() && !entry.name.startsWith('.')) await visit(join(root, entry.name))
  }
  return found.sort()
}

/** Writes the shared task list, one line a file. */
export async function writeFileTasks(listFile: string, files: readonly string[]): Promise<void> {
  const lines = files.map(path =>
    JSON.stringify({
      id: taskIdOf(path),
      key: path,
      type: 'exec',
      payload: { command: 'sha256sum', args: [path] },
    }),
  )
  await writeFile(listFile, `${lines.join('\n')}\n`, { mode: 0o600 })
}

/** Paths may hold spaces and be longer than an id: those are escaped, or stand for by their own hash. */
export function taskIdOf(path: string): string {
  const escaped = `sha256:${encodeURI(path)}`
  return TASK_ID_PATTERN.test(escaped) ? escaped : `sha256:${createHash('sha256').update(path).digest('hex')}`
}
