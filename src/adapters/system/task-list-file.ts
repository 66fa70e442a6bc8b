/**
 * Reads a shared task list: a YAML list (or a mapping whose `tasks` is one), or NDJSON, one task a line.
 *
 * NDJSON is read as a stream that gives up the event loop every few milliseconds, so a list of a hundred thousand tasks
 * does not make this node look dead to its peers. YAML must be parsed whole, so it is for lists that people write, and
 * its size is limited to what is parsed in about a second.
 */
import { basename, extname } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { CodedError, type Problem } from '../../base/errors.ts'
import type { TasksConfig } from '../../tasks/config.ts'
import type { TaskSpec } from '../../tasks/task.ts'
import { LISTED_MAX, type ListEntry, parseTaskList } from '../../tasks/task-list.ts'
import { ndjsonEntries } from './ndjson-entries.ts'
import { yamlEntries } from './yaml-entries.ts'

/** Problems kept with their line; the others are only counted. */
export const LIST_PROBLEMS_MAX = 100

/** Work between two turns of the event loop, in ms. */
const SLICE_MS = 5

/** Where the list is, and whether its valid tasks run beside invalid ones (`TaskListConfig`). */
export interface ListFile {
  readonly path: string
  readonly allowInvalid: boolean
}

export interface TaskListRead {
  /** Name of the file without its directory, which may differ between nodes. */
  readonly name: string
  readonly specs: readonly TaskSpec[]
  /** At most `LIST_PROBLEMS_MAX`, in the order of the file; empty unless `allowInvalid`. */
  readonly problems: readonly Problem[]
  /** All problems there were. */
  readonly problemCount: number
}

/** What has been read so far. */
interface Reading {
  readonly specs: TaskSpec[]
  readonly problems: Problem[]
  /** Task id -> where it stands. */
  readonly places: Map<string, string>
  count: number
}

/**
 * Throws TASK_LIST_UNREADABLE, or TASK_LIST_INVALID with line and reason of each problem, unless the list may have
 * some. A file that is not YAML at all, or has too many tasks, is refused either way.
 */
export async function readTaskList(
  file: ListFile,
  defaults: TasksConfig,
  signal?: AbortSignal,
): Promise<TaskListRead> {
  const reading: Reading = { specs: [], problems: [], places: new Map(), count: 0 }
  const lines = ['.ndjson', '.jsonl'].includes(extname(file.path).toLowerCase())
  const entries = lines ? ndjsonEntries(file.path, signal) : yamlEntries(file.path, signal)
  let pauseAt = performance.now() + SLICE_MS
  for await (const slice of entries) {
    for (const entry of slice) {
      take(entry, reading, defaults)
      if (reading.specs.length > LISTED_MAX) throw tooMany(file.path)
      if (performance.now() < pauseAt) continue
      await turn(undefined, signal === undefined ? {} : { signal })
      pauseAt = performance.now() + SLICE_MS
    }
  }
  if (reading.count > 0 && !file.allowInvalid) throw refused(file.path, reading)
  const { specs, problems, count } = reading
  return { name: basename(file.path), specs, problems, problemCount: count }
}

function take(entry: ListEntry | Problem, reading: Reading, defaults: TasksConfig): void {
  if ('expected' in entry) {
    add(entry, reading)
    return
  }
  const { specs, problems } = parseTaskList([entry], defaults)
  for (const problem of problems) add(problem, reading)
  for (const spec of specs) {
    const first = reading.places.get(spec.id)
    if (first === undefined) {
      reading.places.set(spec.id, entry.at)
      reading.specs.push(spec)
    } else {
      const expected = 'an id that no other task of the list has'
      add(
        { at: `${entry.at}, id`, expected, got: `${JSON.stringify(spec.id)}, which ${first} has already` },
        reading,
      )
    }
  }
}

function add(problem: Problem, reading: Reading): void {
  reading.count++
  if (reading.problems.length < LIST_PROBLEMS_MAX) reading.problems.push(problem)
}

function tooMany(path: string): CodedError {
  const problem = { at: 'list', expected: `at most ${LISTED_MAX} tasks`, got: 'more' }
  return new CodedError('TASK_LIST_INVALID', `${path}: expected at most ${LISTED_MAX} tasks, got more.`, {
    problems: [problem],
  })
}

function refused(path: string, { problems, count }: Reading): CodedError {
  const lines = problems.map(({ at, expected, got }) => `\n  ${at}: expected ${expected}; got ${got}`)
  const more = count > problems.length ? `\n  and ${count - problems.length} more` : ''
  const detail = `${path} has ${count} ${count === 1 ? 'problem' : 'problems'}:${lines.join('')}${more}`
  return new CodedError('TASK_LIST_INVALID', detail, { problems })
}
