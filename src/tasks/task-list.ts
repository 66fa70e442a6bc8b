import type { Problem } from '../base/errors.ts'
import type { TaskId } from '../base/ids.ts'
import type { TasksConfig } from './config.ts'
import { shown } from './shown.ts'
import { parseTaskSpec } from './spec.ts'
import type { TaskSpec } from './task.ts'

/** Tasks of all loaded shared lists together: each node keeps every one in memory, about 1 KB, so 200 MB. */
export const LISTED_MAX = 200_000

/** One entry of a list file, and where it stands there (`line 12`, `tasks[3]`). */
export interface ListEntry {
  readonly at: string
  readonly value: unknown
}

/**
 * Checks a whole list. `specs` are the good tasks, `problems` everything else; whether a list with problems is used is
 * the caller's decision. A second entry with the same id is a problem even when it is identical: in a list that every
 * node shares it is a slip, and which of two to drop would be a guess.
 */
export function parseTaskList(
  entries: readonly ListEntry[],
  defaults: TasksConfig,
): { readonly specs: readonly TaskSpec[]; readonly problems: readonly Problem[] } {
  const specs: TaskSpec[] = []
  const problems: Problem[] = []
  const places = new Map<TaskId, string>()
  for (const { at, value } of entries) {
    const parsed = parseTaskSpec(value, defaults, undefined)
    if (!parsed.ok) {
      for (const problem of parsed.problems) problems.push({ ...problem, at: `${at}, ${problem.at}` })
      continue
    }
    const first = places.get(parsed.spec.id)
    if (first === undefined) {
      places.set(parsed.spec.id, at)
      specs.push(parsed.spec)
    } else {
      const got = `${shown(parsed.spec.id)}, which ${first} has already`
      problems.push({ at: `${at}, id`, expected: 'an id that no other entry of the list has', got })
    }
  }
  if (specs.length > LISTED_MAX) {
    const got = `${specs.length} tasks`
    return {
      specs: [],
      problems: [...problems, { at: 'list', expected: `at most ${LISTED_MAX} tasks`, got }],
    }
  }
  return { specs, problems }
}
