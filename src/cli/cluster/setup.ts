/** Lays out what a local cluster needs on disk: a directory, the task list, one configuration for all. */
import { randomBytes } from 'node:crypto'
import { access, constants, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { delimiter, extname, isAbsolute, join, resolve } from 'node:path'
import { CodedError } from '../../base/errors.ts'
import { usage } from '../arguments.ts'
import { jobFiles, PACKAGE_DIRECTORY, writeFileTasks } from './file-job.ts'
import type { ClusterOptions } from './options.ts'

export interface Setup {
  readonly directory: string
  readonly configFile: string
  /** Files of the built-in job, by name; `undefined` with a list of the user's own. */
  readonly files: readonly string[] | undefined
  /** Absolute path of sha256sum, when the built-in job needs it. */
  readonly sha256sum: string | undefined
  /** Removes the directory, unless the user asked for it. */
  remove(): Promise<void>
}

/** @throws CodedError for everything that can be known to be wrong before a daemon is started */
export async function prepare(options: ClusterOptions): Promise<Setup> {
  if (options.tasksFile !== undefined) await mustRead(options.tasksFile)
  const files = options.tasksFile === undefined ? await chooseFiles(options.count) : undefined
  const sha256sum = files !== undefined && files.length > 0 ? await find('sha256sum') : undefined
  const directory = await makeDirectory(options.directory)
  const listFile = options.tasksFile ?? join(directory, 'tasks.ndjson')
  if (files !== undefined) await writeFileTasks(listFile, files)
  const configFile = join(directory, 'cluster.json')
  const lists = files?.length === 0 ? [] : [listFile]
  await writeFile(configFile, `${JSON.stringify(configuration(options, lists, sha256sum), null, 2)}\n`, {
    mode: 0o600,
  })
  return {
    directory,
    configFile,
    files,
    sha256sum,
    remove: async () => {
      // A killed daemon's last commands may still be writing their way out.
      if (options.directory === undefined)
        await rm(directory, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

/** A name of its own, so that it never meets another cluster that runs, or ran, on this machine. */
function configuration(options: ClusterOptions, taskLists: readonly string[], sha256sum: string | undefined) {
  const commands = Object.fromEntries(
    options.allow.map(({ name, path }) => [name, { path, taskArgs: true, cwd: process.cwd() }]),
  )
  // `--` ends the options: a file that begins with a dash stays a file.
  const checksum = { path: sha256sum, args: ['--'], taskArgs: true, cwd: PACKAGE_DIRECTORY }
  return {
    cluster: `local-${randomBytes(4).toString('hex')}`,
    expectedNodes: options.nodes,
    taskLists,
    // All share one machine: so many at a time keep its cores busy, and more would only keep the daemons from them.
    tasks: {
      minMembers: options.nodes,
      concurrency: Math.max(1, Math.ceil((2 * availableParallelism()) / options.nodes)),
    },
    executors: {
      exec: { commands: sha256sum === undefined ? commands : { sha256sum: checksum, ...commands } },
    },
  }
}

async function chooseFiles(count: number): Promise<readonly string[]> {
  if (count === 0) return []
  const files = await jobFiles()
  if (files.length >= count) return files.slice(0, count)
  const at = join(PACKAGE_DIRECTORY, 'node_modules')
  throw usage('cluster', [
    { at: '--count', expected: `at most the ${files.length} files below ${at}`, got: String(count) },
  ])
}

async function mustRead(path: string): Promise<void> {
  try {
    await access(path, constants.R_OK)
  } catch (error) {
    throw new CodedError('TASK_LIST_UNREADABLE', `${(error as Error).message}.`, { cause: error })
  }
  if (!['.ndjson', '.jsonl', '.yaml', '.yml', '.json'].includes(extname(path)))
    throw usage('cluster', [
      { at: '--tasks', expected: 'a .yaml, .yml, .json, .ndjson or .jsonl file', got: path },
    ])
}

/** @throws CodedError `TOOL_MISSING` */
async function find(program: string): Promise<string> {
  for (const directory of (process.env['PATH'] ?? '').split(delimiter).filter(isAbsolute)) {
    const path = join(directory, program)
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (found) return path
  }
  throw new CodedError('TOOL_MISSING', `${program} is in no directory of PATH. GNU coreutils bring it.`)
}

async function makeDirectory(wanted: string | undefined): Promise<string> {
  if (wanted === undefined) return await mkdtemp(join(tmpdir(), 'roundtable-'))
  const directory = resolve(wanted)
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    if ((await readdir(directory)).length === 0) return directory
  } catch (error) {
    throw new CodedError('DATA_DIR_UNUSABLE', `${(error as Error).message}.`, { cause: error })
  }
  throw usage('cluster', [
    { at: '--dir', expected: 'a new or empty directory', got: `${directory}, which has files` },
  ])
}
