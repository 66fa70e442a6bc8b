import type { NodeId, TaskId } from '../base/ids.ts'
import type { TaskQuery } from './counts.ts'
import { jsonBytes } from './json.ts'
import type { TaskFilter } from './survey.ts'
import { type Entry, shownOf, type Table } from './table.ts'
import type { TaskRecord } from './task.ts'

export interface TaskPage {
  readonly tasks: readonly TaskRecord[]
  readonly next?: string
}

const LIMIT = 100
const LIMIT_MAX = 1_000

/** Tasks looked at for one answer to all, about 5 ms, and bytes of it: half a frame. */
const LOOKED_AT_MAX = 20_000
const ANSWER_BYTES_MAX = 512 * 1024

/** One page of a node's tasks, by id. Walks on while tasks do not match, so a rare state costs a walk over all. */
export function pageOf(table: Table, self: NodeId, query: TaskQuery): TaskPage {
  const limit = Math.min(LIMIT_MAX, Math.max(1, Math.floor(query.limit ?? LIMIT)))
  const tasks: TaskRecord[] = []
  for (const id of table.idsAbove(query.after)) {
    const entry = table.get(id)
    if (entry === undefined || !matches(entry, self, query)) continue
    if (tasks.length === limit) return { tasks, next: tasks.at(-1)?.spec.id as string }
    tasks.push(shownOf(entry))
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

/**
 * What this node owns of a page of all nodes. It may end early, for its size or for the time it takes: `upTo` says how far
 * it is sure, and who merges the answers of all nodes goes no further than the least of these.
 */
export function ownedPage(
  table: Table,
  self: NodeId,
  query: { readonly filter: TaskFilter; readonly after?: TaskId; readonly limit: number },
): { readonly tasks: readonly TaskRecord[]; readonly upTo?: TaskId } {
  const tasks: TaskRecord[] = []
  let bytes = 0
  let looks = 0
  let before = query.after
  for (const id of table.idsAbove(query.after)) {
    if (looks++ === LOOKED_AT_MAX) return { tasks, ...(before !== undefined && { upTo: before }) }
    const entry = table.get(id)
    const record = entry?.owner === self ? shownOf(entry) : undefined
    if (record?.schedule === undefined && record !== undefined && passes(record, query.filter)) {
      bytes += jsonBytes(record)
      const full = tasks.length === query.limit || (bytes > ANSWER_BYTES_MAX && tasks.length > 0)
      if (full) return { tasks, ...(before !== undefined && { upTo: before }) }
      tasks.push(record)
    }
    before = id
  }
  return { tasks }
}

function passes({ spec, state, error }: TaskRecord, filter: TaskFilter): boolean {
  if (filter.state !== undefined && state !== filter.state) return false
  if (filter.type !== undefined && spec.type !== filter.type) return false
  if (filter.key !== undefined && spec.key !== filter.key) return false
  if (filter.group !== undefined && spec.group !== filter.group) return false
  if (filter.q === undefined) return true
  const wanted = filter.q.toLowerCase()
  const texts = [spec.id, spec.key, spec.type, error?.code, error?.message]
  return texts.some(text => text?.toLowerCase().includes(wanted) === true)
}
