import { readTaskList } from '../adapters/system/task-list-file.ts'
import { CodedError } from '../base/errors.ts'
import type { Config } from '../config/config.ts'
import type { Enqueue, Logger } from '../runtime/ports.ts'

type List = Awaited<ReturnType<typeof readTaskList>>

/**
 * Reads every configured shared task list before anything starts, and says so: whoever sees the daemon listen has seen
 * what it read. Throws TASK_LIST_UNREADABLE or TASK_LIST_INVALID.
 */
export async function readTaskLists(config: Config, logger: Logger): Promise<readonly List[]> {
  const lists: List[] = []
  for (const entry of config.taskLists) {
    const list = await readTaskList(entry, config.tasks)
    if (lists.some(other => other.name === list.name)) {
      throw new CodedError(
        'TASK_LIST_INVALID',
        `${entry.path}: expected lists of different names, got two ${list.name}`,
      )
    }
    for (const { at, expected, got } of list.problems) {
      logger.log('warn', 'task-list-problem', { list: list.name, at, expected, got })
    }
    const { name, specs, problems } = list
    logger.log('info', 'task-list-read', { list: name, tasks: specs.length, problems: problems.length })
    lists.push(list)
  }
  return lists
}

/** Hands the lists to the core. */
export function offerTaskLists(lists: readonly List[], enqueue: Enqueue): void {
  for (const { name, specs } of lists) enqueue({ kind: 'task-list', name, specs })
}
