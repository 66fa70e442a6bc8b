/** One page of the tasks of all nodes, in the order of their ids, put together from what each says that it owns. */

import type { Failure } from '../../base/errors.ts'
import { asTaskId, type NodeId, type TaskId } from '../../base/ids.ts'
import type { SurveyReply, TaskFilter } from '../../tasks/survey.ts'
import type { TaskRecord } from '../../tasks/task.ts'
import type { Face } from './face.ts'
import type { Rounds } from './rounds.ts'
import { settlingOf } from './settling.ts'
import { askAll } from './waiting.ts'

/** Rounds of questions for one page, while nothing was found: each looks at 5,000 tasks of every node. */
const ROUNDS_MAX = 100
/**
 * Bytes of one page as JSON, which is written twice in one turn of the event loop: to measure it, and to send it. Of records with
 * many small values that takes some 15 ms. One record is always taken.
 */
const BYTES_MAX = 1024 * 1024

export interface ClusterQuery {
  readonly filter: TaskFilter
  /** The `next` of the page before. */
  readonly cursor?: TaskId
  readonly limit: number
}

export interface ClusterPage {
  readonly tasks: readonly TaskRecord[]
  /** Absent on the last page. It is an id, so it stays good whatever comes and goes meanwhile. */
  readonly next?: string
  /** False: tasks of the nodes named below may be missing. */
  readonly complete: boolean
  /** Living nodes that did not answer. */
  readonly silent: readonly NodeId[]
  /** Nodes that are just taking over tasks, or see another ring than the node asked: some may be missing. */
  readonly settling: readonly NodeId[]
}

export type ClusterPageReply =
  | { readonly ok: true; readonly page: ClusterPage }
  | { readonly ok: false; readonly failure: Failure }

/** Without time for another round the page may be empty, with a `next`. */
export async function clusterPage(
  face: Face,
  { filter, cursor, limit }: ClusterQuery,
  rounds: Rounds,
): Promise<ClusterPageReply> {
  let after = cursor
  /** Whoever missed one of the rounds may have had something for the page. */
  const silent = new Set<NodeId>()
  const settling = new Set<NodeId>()
  for (let round = 1; ; round++) {
    const question = { kind: 'page', filter, limit, ...(after !== undefined && { after }) } as const
    const reply = await rounds.run(() => askAll(face, question))
    if (!reply.ok) return reply
    const page = merged(reply, limit)
    for (const node of page.silent) silent.add(node)
    for (const node of page.settling) settling.add(node)
    if (page.tasks.length > 0 || page.next === undefined || round === ROUNDS_MAX || !rounds.open) {
      const complete = silent.size === 0 && settling.size === 0
      return { ok: true, page: { ...page, complete, silent: [...silent], settling: [...settling] } }
    }
    after = asTaskId(page.next)
  }
}

/** No further than the node that looked at least: above that it may have more. */
export function merged({ answers, silent }: Extract<SurveyReply, { ok: true }>, limit: number): ClusterPage {
  const pages = answers.flatMap(({ node, answer }) => (answer.kind === 'page' ? [{ node, ...answer }] : []))
  let sure: string | undefined
  for (const { upTo } of pages) if (upTo !== undefined && (sure === undefined || upTo < sure)) sure = upTo
  const found = new Map<string, TaskRecord>()
  for (const { tasks } of pages) {
    for (const record of tasks) {
      const { id } = record.spec
      if (sure !== undefined && id > sure) continue
      const known = found.get(id)
      // Two owners at one moment: the record that went further.
      if (known === undefined || known.revision < record.revision) found.set(id, record)
    }
  }
  const all = [...found.values()].sort((a, b) => (a.spec.id < b.spec.id ? -1 : 1))
  const tasks = fitting(all.slice(0, limit))
  const next = all.length > tasks.length ? tasks.at(-1)?.spec.id : sure
  const settling = settlingOf(pages)
  const complete = silent.length === 0 && settling.length === 0
  return { tasks, ...(next !== undefined && { next }), complete, silent, settling }
}

/** The first of them, which are written as JSON in one turn of the event loop. */
function fitting(records: readonly TaskRecord[]): readonly TaskRecord[] {
  let bytes = 0
  const end = records.findIndex((record, i) => {
    bytes += Buffer.byteLength(JSON.stringify(record))
    return bytes > BYTES_MAX && i > 0
  })
  return end < 0 ? records : records.slice(0, end)
}
