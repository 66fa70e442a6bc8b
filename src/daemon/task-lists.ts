import { readTaskList } from '../adapters/system/task-list-file.ts'
import { CodedError } from '../base/errors.ts'
import type { Config } from '../config/config.ts'
import type { Enqueue, Logger } from '../runtime/ports.ts'

type List = Awaited<ReturnType<typeof readTaskList>>

/** Reads every configured shared task list before anything starts. Throws TASK_LIST_UNREADABLE or TASK_LIST_INVALID. */
export async function readTaskLists(config: Config): Promise<readonly List[]> {
  const lists: List[] = []
  for (const entry of config.taskLists) {
    const list = await readTaskList(entry, config.tasks)
    if (lists.some(other => other.name === list.name)) {
      throw new CodedError(
        'TASK_LIST_INVALID',
        `${entry.path}: expected lists of different names, got two ${list.name}`,
      )
    }
    lists.push(list)
  }
  return lists
}

/** Said before the daemon listens: whoever sees it listen has seen what it read. */
export function sayTaskLists(lists: readonly List[], logger: Logger): void {
  for (const { name, specs, problems } of lists) {
    for (const { at, expected, got } of problems) {
      logger.log('warn', 'task-list-problem', { list: name, at, expected, got })
    }
    logger.log('info', 'task-list-read', { list: name, tasks: specs.length, problems: problems.length })
  }
}

/** Hands the lists to the core. */
export function offerTaskLists(lists: readonly List[], enqueue: Enqueue): void {
  for (const { name, specs } of lists) enqueue({ kind: 'task-list', name, specs })
}
