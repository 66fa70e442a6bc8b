import type { FileHandle } from 'node:fs/promises'
import { setImmediate as turn } from 'node:timers/promises'
import { Document, isMap, isNode, isSeq, LineCounter, parseDocument, visit, YAMLSeq } from 'yaml'
import { CodedError, type Problem } from '../../base/errors.ts'
import { exactInsteadOf, inexactOf } from '../../base/exact-numbers.ts'
import type { ListEntry } from '../../tasks/task-list.ts'
import { openList, unreadable } from './list-source.ts'
import { YamlNames } from './yaml-names.ts'

/** Parsed whole and at once: about a second. Longer lists are written as NDJSON. */
export const YAML_BYTES_MAX = 4 * 1024 * 1024

/** Aliases one task may expand to. */
const ALIASES_MAX = 100

/** Tasks handed over at one time. */
const SLICE = 64

/** The entries of a YAML (or JSON) list. Throws TASK_LIST_UNREADABLE, or TASK_LIST_INVALID when it is no list at all. */
export async function* yamlEntries(
  path: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Iterable<ListEntry | Problem>> {
  const text = await textOf(path, signal)
  const lines = new LineCounter()
  let sequence: YAMLSeq
  try {
    sequence = sequenceOf(parseDocument(text, { lineCounter: lines, prettyErrors: false }), lines, path)
  } catch (cause) {
    if (cause instanceof CodedError) throw cause
    throw invalid(path, [
      { at: 'list', expected: 'YAML of a reasonable depth', got: String(cause).slice(0, 80) },
    ])
  }
  // What the aliases of a task stand for, and the task: among all that has a name the library would look for each of them.
  const scope = new YAMLSeq()
  const scoped = new Document(scope)
  const names = new YamlNames()
  for (let i = 0; i < sequence.items.length; i += SLICE) {
    signal?.throwIfAborted()
    yield sequence.items.slice(i, i + SLICE).map(item => {
      const node = isNode(item) ? item : null
      scope.items = [...names.neededBy(node), item]
      const entry = inexact(item, lines) ?? entryOf(item, scoped, lines)
      names.addFrom(node)
      return entry
    })
    await turn()
  }
}

async function textOf(path: string, signal: AbortSignal | undefined): Promise<string> {
  const handle: FileHandle = await openList(path, YAML_BYTES_MAX)
  try {
    const bytes = await handle.readFile(signal === undefined ? {} : { signal })
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    if (signal?.aborted === true) throw signal.reason
    if (!(cause instanceof TypeError)) throw unreadable(path, cause)
    throw new CodedError('TASK_LIST_UNREADABLE', `${path}: it is not UTF-8 text.`, { cause })
  } finally {
    await handle.close()
  }
}

/** The list, or the list under `tasks`. */
function sequenceOf(document: Document, lines: LineCounter, path: string): YAMLSeq {
  const faults = [...document.errors, ...document.warnings]
  if (faults.length > 0) {
    const problems = faults.slice(0, 100).map(fault => {
      const { line, col } = lines.linePos(fault.pos[0])
      return { at: `line ${line}, column ${col}`, expected: 'YAML', got: `${fault.message.split('\n')[0]}` }
    })
    throw invalid(path, problems)
  }
  const root = document.contents
  if (isSeq(root)) return root
  const tasks = isMap(root) ? root.get('tasks') : undefined
  if (isMap(root) && isSeq(tasks) && root.items.length === 1) return tasks
  const expected = 'a list of tasks, or a mapping with `tasks` and nothing else'
  throw invalid(path, [
    {
      at: 'line 1',
      expected,
      got: isMap(root) ? 'another mapping' : root === null ? 'an empty file' : 'a single value',
    },
  ])
}

/** A task with a whole number that would be stored as another one. */
function inexact(item: unknown, lines: LineCounter): Problem | undefined {
  let problem: Problem | undefined
  visit(isNode(item) ? item : null, {
    Scalar(_key, { value, source = '', range }) {
      if (typeof value !== 'number' || inexactOf(source) === undefined) return undefined
      const at = `line ${lines.linePos(range?.[0] ?? 0).line}`
      problem = { at, expected: exactInsteadOf(source), got: source.slice(0, 40) }
      return visit.BREAK
    },
  })
  return problem
}

function entryOf(item: unknown, document: Document, lines: LineCounter): ListEntry | Problem {
  const start = isNode(item) ? item.range?.[0] : undefined
  const at = `line ${start === undefined ? '?' : lines.linePos(start).line}`
  try {
    return { at, value: isNode(item) ? item.toJS(document, { maxAliasCount: ALIASES_MAX }) : item }
  } catch (cause) {
    const expected = `a task whose aliases stand for at most ${ALIASES_MAX} values, each with its anchor before it`
    return { at, expected, got: aliasTrouble(cause) }
  }
}

/** Not in the words of the library: they are for whoever calls it. */
function aliasTrouble(cause: unknown): string {
  if (!(cause instanceof ReferenceError)) return cause instanceof Error ? cause.name : 'something else'
  return cause.message.startsWith('Excessive alias count') ? 'more' : 'an alias without its anchor'
}

function invalid(path: string, problems: readonly Problem[]): CodedError {
  const lines = problems.map(({ at, expected, got }) => `\n  ${at}: expected ${expected}; got ${got}`)
  return new CodedError('TASK_LIST_INVALID', `${path}:${lines.join('')}`, { problems })
}
