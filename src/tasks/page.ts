/**
 * Pages of the tasks of a node, in the order of their ids.
 *
 * A page is one turn of the event loop, in which nothing else is answered, probes included. So what is looked at for it and
 * what it weighs are bounded: it may have fewer tasks than were asked for, or none, and still say how far it goes, and whoever
 * reads goes on from there. What is rare and often asked for has ids of its own (`Table.idsAbove`): a walk over all to find ten
 * dead letters would cost the same for each who looks.
 */
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

/** Tasks looked at for one page: 1 to 5 ms. */
export const LOOKED_AT_MAX = 5_000
/** Characters searched for one page: twice what 5,000 tasks mostly have, but errors and keys may be long; some 5 ms where they are not ASCII. */
export const SEARCHED_CHARS_MAX = 500_000
/** Bytes of one page as JSON: half a frame. One record is always taken. */
export const PAGE_BYTES_MAX = 512 * 1024

/** A page, and up to which id it is sure; without that there is nothing above it. */
interface Found {
  readonly tasks: readonly TaskRecord[]
  readonly upTo?: TaskId
}

/** One page of what this node knows. */
export function pageOf(table: Table, self: NodeId, query: TaskQuery): TaskPage {
  const { state, scope = 'owned', after } = query
  const limit = Math.min(LIMIT_MAX, Math.max(1, Math.floor(query.limit ?? LIMIT)))
  const ids = table.idsAbove(after, scope === 'ran' ? 'ran' : state === 'dead' ? 'dead' : 'all')
  const matches = (entry: Entry): boolean =>
    (state === undefined || shownOf(entry).state === state) && isIn(scope, entry, self)
  const { tasks, upTo } = find(table, ids, limit, matches)
  return { tasks, ...(upTo !== undefined && { next: upTo }) }
}

function isIn(scope: NonNullable<TaskQuery['scope']>, { record, owner }: Entry, self: NodeId): boolean {
  if (scope === 'owned') return owner === self
  if (scope === 'held') return owner !== self && record.revision > 0
  return true
}

/**
 * What this node owns of a page of all nodes. Who merges the answers of all nodes goes no further than the least `upTo`.
 */
export function ownedPage(
  table: Table,
  self: NodeId,
  query: { readonly filter: TaskFilter; readonly after?: TaskId; readonly limit: number },
): Found {
  const { filter, after, limit } = query
  const ids = table.idsAbove(after, filter.state === 'dead' ? 'dead' : 'all')
  const wanted = filter.q?.toLowerCase()
  let searched = 0
  const matches = (entry: Entry): boolean => {
    const record = shownOf(entry)
    if (entry.owner !== self || !passes(record, filter)) return false
    if (wanted === undefined) return true
    const texts = textsOf(record)
    for (const text of texts) searched += text.length
    return texts.some(text => text.toLowerCase().includes(wanted))
  }
  return find(table, ids, limit, matches, () => searched >= SEARCHED_CHARS_MAX)
}

function find(
  table: Table,
  ids: Iterable<TaskId>,
  limit: number,
  matches: (entry: Entry) => boolean,
  isEnough: () => boolean = () => false,
): Found {
  const tasks: TaskRecord[] = []
  let bytes = 0
  let looks = 0
  let before: TaskId | undefined
  for (const id of ids) {
    const entry = table.get(id)
    const record = entry === undefined || isSchedule(entry) || !matches(entry) ? undefined : shownOf(entry)
    if (record !== undefined) {
      bytes += jsonBytes(record)
      const full = tasks.length === limit || (bytes > PAGE_BYTES_MAX && tasks.length > 0)
      if (full) return { tasks, ...(before !== undefined && { upTo: before }) }
      tasks.push(record)
    }
    // One more may be the last; then the next page is empty.
    if (++looks === LOOKED_AT_MAX || isEnough()) return { tasks, upTo: id }
    before = id
  }
  return { tasks }
}

const isSchedule = ({ record }: Entry): boolean => record.schedule !== undefined

function passes({ spec, state }: TaskRecord, filter: TaskFilter): boolean {
  if (filter.state !== undefined && state !== filter.state) return false
  if (filter.type !== undefined && spec.type !== filter.type) return false
  if (filter.key !== undefined && spec.key !== filter.key) return false
  return filter.group === undefined || spec.group === filter.group
}

/** What is searched. */
const textsOf = ({ spec, error }: TaskRecord): readonly string[] => [
  ...[spec.id, spec.key, spec.type],
  ...(error === undefined ? [] : [error.code, error.message]),
]
