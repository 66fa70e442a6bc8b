/**
 * Who ran what, put together from the books of all nodes.
 *
 * Each node keeps a record of every task that it ran. After a crash two books can tell two stories of one task (the
 * victim's says done, the next owner's never heard of it), and the merge of the records keeps only one. So the victim's
 * book is also read the moment it is back, and attempts are joined by what cannot be confused: the node, and when it
 * started.
 */
import type { TaskPage } from '../../node/status.ts'
import type { Attempt, TaskRecord } from '../../tasks/task.ts'
import type { DaemonClient } from '../client.ts'

/** The API's largest page. */
const PAGE_MAX = 1_000

/** Every task of a scope that a node knows. */
export async function readBook(client: DaemonClient, scope: 'ran' | 'owned'): Promise<readonly TaskRecord[]> {
  const records: TaskRecord[] = []
  let after: string | undefined
  do {
    const from = after === undefined ? '' : `&after=${encodeURIComponent(after)}`
    const page: TaskPage = await client.get<TaskPage>(`/v1/tasks?scope=${scope}&limit=${PAGE_MAX}${from}`)
    records.push(...page.tasks)
    after = page.next
  } while (after !== undefined)
  return records
}

/** One task as all books together tell it. */
export interface TaskStory {
  /** The copy that is furthest. */
  readonly record: TaskRecord
  /** From all copies, by start time. */
  readonly attempts: readonly Attempt[]
}

/** Joins the books by task id. */
export function joinBooks(books: readonly (readonly TaskRecord[])[]): ReadonlyMap<string, TaskStory> {
  const stories = new Map<string, TaskStory>()
  for (const record of books.flat()) {
    const known = stories.get(record.spec.id)
    stories.set(record.spec.id, {
      record: known === undefined ? record : further(known.record, record),
      attempts: joinAttempts([...(known?.attempts ?? []), ...record.attempts]),
    })
  }
  return stories
}

function further(a: TaskRecord, b: TaskRecord): TaskRecord {
  if ((a.settledAt === undefined) !== (b.settledAt === undefined)) return a.settledAt === undefined ? b : a
  return b.attempts.length > a.attempts.length || b.revision > a.revision ? b : a
}

/** How much an attempt's end says: what a node saw itself outweighs what another concluded. */
const KNOWLEDGE: Readonly<Record<string, number>> = {
  succeeded: 4,
  failed: 3,
  fenced: 2,
  cancelled: 2,
  lost: 1,
}

function joinAttempts(attempts: readonly Attempt[]): readonly Attempt[] {
  const joined = new Map<string, Attempt>()
  for (const attempt of attempts) {
    const name = `${attempt.node} ${attempt.startedAt} ${attempt.number}`
    const known = joined.get(name)
    if (known === undefined || knowledge(attempt) > knowledge(known)) joined.set(name, attempt)
  }
  return [...joined.values()].sort((a, b) => a.startedAt - b.startedAt)
}

const knowledge = ({ outcome }: Attempt): number => (outcome === undefined ? 0 : (KNOWLEDGE[outcome] ?? 0))

/** A task with more than one run that did not simply fail, and why. */
export interface Rerun {
  readonly task: string
  readonly why: 'done-on-victim-not-yet-known-elsewhere' | 'was-running-on-victim' | 'unexplained'
  readonly attempts: readonly Attempt[]
}

export interface Kill {
  readonly node: string
  /** Just before the signal and when the process had ended, wall clock of this machine, in ms: in between it still started attempts. */
  readonly at: number
  readonly goneAt: number
}

/** Ends after which another attempt needs no explanation: the node itself saw to it that this one is over. */
const STOPPED: ReadonlySet<Attempt['outcome']> = new Set(['failed', 'cancelled', 'fenced'])

/** All reruns. `done...` ran to its end twice; `was-running...` was cut off by the kill and run again. */
export function findReruns(stories: Iterable<TaskStory>, kill: Kill | undefined): readonly Rerun[] {
  const reruns: Rerun[] = []
  for (const { record, attempts } of stories) {
    const runs = attempts.filter(({ outcome }) => !STOPPED.has(outcome))
    if (runs.length > 1) reruns.push({ task: record.spec.id, why: reasonFor(runs, kill), attempts })
  }
  return reruns
}

function reasonFor(runs: readonly Attempt[], kill: Kill | undefined): Rerun['why'] {
  const before = runs.filter(({ node, startedAt }) => node === kill?.node && startedAt <= (kill?.goneAt ?? 0))
  // Whatever the victim did explains one run too many, not two.
  if (before.length !== 1 || runs.length > 2) return 'unexplained'
  return before[0]?.outcome === 'succeeded'
    ? 'done-on-victim-not-yet-known-elsewhere'
    : 'was-running-on-victim'
}
