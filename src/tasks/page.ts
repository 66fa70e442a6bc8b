import type { NodeId } from '../base/ids.ts'
import type { TaskQuery } from './counts.ts'
import type { Entry, Table } from './table.ts'
import type { TaskRecord } from './task.ts'

export interface TaskPage {
  readonly tasks: readonly TaskRecord[]
  readonly next?: string
}

const LIMIT = 100
const LIMIT_MAX = 1_000

/** One page of a node's tasks, by id. Walks on while tasks do not match, so a rare state costs a walk over all. */
export function pageOf(table: Table, self: NodeId, query: TaskQuery): TaskPage {
  const limit = Math.min(LIMIT_MAX, Math.max(1, Math.floor(query.limit ?? LIMIT)))
  const ids = table.ids()
  const tasks: TaskRecord[] = []
  for (let i = firstAfter(ids, query.after); i < ids.length; i++) {
    const entry = table.get(ids[i] as (typeof ids)[number])
    if (entry === undefined || !matches(entry, self, query)) continue
    if (tasks.length === limit) return { tasks, next: tasks.at(-1)?.spec.id as string }
    tasks.push(entry.record)
  }
  return { tasks }
}

function matches({ record, owner }: Entry, self: NodeId, { state, scope = 'owned' }: TaskQuery): boolean {
  if (record.schedule !== undefined) return false
  if (state !== undefined && record.state !== state) return false
  if (scope === 'owned') return owner === self
  if (scope === 'held') return owner !== self && record.revision > 0
  return scope === 'all' || record.attempts.some(attempt => attempt.node === self)
}

/** Index of the first id above `id`, which need not be there any more. */
function firstAfter(ids: readonly string[], id: string | undefined): number {
  if (id === undefined) return 0
  let low = 0
  let high = ids.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((ids[middle] as string) <= id) low = middle + 1
    else high = middle
  }
  return low
}
