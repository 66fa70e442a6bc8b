/** The result of the file job, in the form in which `sha256sum -c` reads it, and its check against sha256sum itself. */
import { spawn } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { CodedError } from '../../base/errors.ts'
import type { TaskRecord } from '../../tasks/task.ts'
import type { TaskStory } from './books.ts'
import { PACKAGE_DIRECTORY, taskIdOf } from './file-job.ts'

/** Files per direct call: their names stay far below the limit of a command line. */
const BATCH = 500

/** Differences that the summary shows. */
const SHOWN_MAX = 20

export interface Verdict {
  readonly equal: boolean
  /** What differs, `path: why`; the first so many. */
  readonly differences: readonly string[]
  readonly differing: number
}

/** What the tasks printed, one line a file, in the order of the files; `undefined` where there is nothing. */
export function linesOf(
  files: readonly string[],
  stories: ReadonlyMap<string, TaskStory>,
): readonly (string | undefined)[] {
  return files.map(path => printedBy(stories.get(taskIdOf(path))?.record))
}

function printedBy(record: TaskRecord | undefined): string | undefined {
  const result = record?.state === 'succeeded' ? record.result : undefined
  if (typeof result !== 'object' || result === null) return undefined
  const stdout = (result as Readonly<Record<string, unknown>>)['stdout']
  return typeof stdout === 'string' ? stdout.replace(/\n$/, '') : undefined
}

/** @throws CodedError `OUTPUT_UNWRITABLE` */
export async function writeLines(path: string, lines: readonly string[]): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, lines.map(line => `${line}\n`).join(''))
  } catch (error) {
    throw new CodedError('OUTPUT_UNWRITABLE', `${(error as Error).message}.`, { cause: error })
  }
}

/** Runs sha256sum over the same files without any daemon, and compares line by line. */
export async function verify(
  sha256sum: string,
  files: readonly string[],
  lines: readonly (string | undefined)[],
  signal: AbortSignal,
): Promise<Verdict> {
  const differences: string[] = []
  for (let from = 0; from < files.length; from += BATCH) {
    const batch = files.slice(from, from + BATCH)
    const direct = new Set(await checksums(sha256sum, batch, signal))
    for (const [index, path] of batch.entries()) {
      const line = lines[from + index]
      if (line === undefined) differences.push(`${path}: no result`)
      else if (!direct.has(line) || !line.endsWith(shown(path)))
        differences.push(`${path}: the task printed ${JSON.stringify(line)}, which sha256sum does not say`)
    }
  }
  return {
    equal: differences.length === 0,
    differences: differences.slice(0, SHOWN_MAX),
    differing: differences.length,
  }
}

/** sha256sum marks names with a backslash or a line break, and escapes both. */
const shown = (path: string): string =>
  `  ${path.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r')}`

/** A file that cannot be read is missing in the answer, and so becomes a difference. */
function checksums(
  sha256sum: string,
  files: readonly string[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(sha256sum, ['--', ...files], {
      cwd: PACKAGE_DIRECTORY,
      stdio: ['ignore', 'pipe', 'ignore'],
      signal,
    })
    const chunks: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.once('error', reject)
    child.once('close', () => resolve(Buffer.concat(chunks).toString('utf8').split('\n').filter(Boolean)))
  })
}
