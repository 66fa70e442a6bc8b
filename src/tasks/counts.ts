/** What this room counts, in the shape that status and metrics show. */
import type { QueueCounts } from './queue-counts.ts'
import type { TaskState } from './task.ts'

export interface TaskCounts {
  readonly owned: Readonly<Record<TaskState, number>>
  readonly held: number
  readonly started: number
  readonly succeeded: number
  readonly failedAttempts: number
  readonly retried: number
  readonly forwarded: number
  readonly takingOver: boolean
  readonly queue: QueueCounts
}

export interface TaskQuery {
  readonly state?: TaskState
  readonly scope?: 'owned' | 'held' | 'ran' | 'all'
  readonly after?: string
  readonly limit?: number
}

export interface Metric {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly samples: readonly {
    /** Of a histogram. */
    readonly suffix?: '_bucket' | '_sum' | '_count'
    readonly labels?: Readonly<Record<string, string>>
    readonly value: number
  }[]
}

/** Since boot; every one becomes the metric `NAME_total`. */
const COUNTERS = {
  tasks_accepted: 'Tasks accepted as owner through the API.',
  tasks_refused: 'Submissions that were refused, on this node or for another.',
  submits_queue_full: 'Submissions refused because this node owned as many unsettled tasks as it may.',
  submits_not_acting: 'Submissions refused because this node owns the key but may not act for it.',
  submits_unconfirmed: 'Submissions stored and not confirmed, because the right to act ended meanwhile.',
  attempts_started: 'Attempts started on this node.',
  tasks_succeeded: 'Attempts on this node that succeeded.',
  attempts_failed: 'Attempts on this node that failed.',
  attempts_lost: 'Attempts given up because their node or runner went away.',
  attempts_taken_back: 'Attempts cancelled because this node left.',
  attempts_unclaimed: 'Attempts begun for a client that had gone; they count against nothing.',
  attempts_fenced: 'Attempts on this node stopped because the right to act for their key ended.',
  results_refused: 'Results of attempts that ended after the right to act for their key.',
  tasks_retried: 'Further attempts planned by this node.',
  tasks_cancelled: 'Tasks that this node cancelled by request.',
  tasks_redriven: 'Settled tasks that this node was ordered to try again.',
  tasks_purged: 'Dead letters dropped by order, copies included.',
  submits_deduped: 'Submissions answered with the task that has their dedupe key already.',
  surveys_unanswered: 'Living nodes that did not answer a question to all in time.',
  tasks_dead: 'Tasks that this node made dead letters.',
  tasks_expired: 'Of these, tasks whose time was over before they succeeded and while they waited.',
  tasks_poisoned: 'Of these, tasks that took down their node or runner too often.',
  requests_forwarded: 'Requests sent on to another node.',
  replicas_resent: 'Record copies sent again for want of an acknowledgement.',
  takeovers: 'Takeovers begun.',
  takeovers_timed_out: 'Takeovers that went on without the answer of a live member.',
  results_cut: 'Results cut to the configured size.',
  settled_dropped: 'Settled records dropped, oldest first, to keep within the bound.',
  owed_ends_dropped:
    'Settled records dropped on enough disks, though a holder lacks them, since too many were kept for that.',
  ended_copies_dropped:
    'Records that turned up late and were dropped: their tasks had ended and been dropped, or had never been accepted.',
  strays_dropped:
    'Records dropped once as many that should hold them as a change needs confirmed that they have them.',
  copies_refused:
    'Records of others that were refused here, because a higher term stands against them or another version is here.',
  copies_unwritten:
    'Records new to this node that it did not take from others, because its disk took nothing new.',
  copies_compared: 'Copies held for others whose versions their owners were told.',
  copies_differing:
    'Of these, copies that were offered to their owners, who did not know them or had them older.',
  copies_found_older:
    'Records that a holder had in an older version than it had acknowledged; they were sent again.',
  copies_uncounted: 'Batches of copies that a holder did not count, mostly since its ring was another yet.',
  writes_outranked: 'Writes of this node that a holder refused, because another node had taken the key over.',
  submits_short: 'Submissions stored and not confirmed, because too few holders had them in time.',
  starts_short: 'Attempts given up before they began, because too few holders knew of them in time.',
  takeovers_forgetting:
    'Takeovers that went on without a forgotten member: accepted tasks may have been lost.',
  fences_overflowed: 'Refusals forgotten because there were too many.',
  fences_refused:
    'Takeover questions not answered, because they name no ring, or a fencing term that no cluster comes to.',
  task_conflicts: 'Copies or list entries that gave a known id another content.',
  conflicts_forgotten:
    'Ids known under two keys that were forgotten, oldest first, because there were too many.',
  conflict_ends_forgotten:
    'Ends of tasks of this node whose ids other tasks had here, forgotten, oldest first, because there were too many.',
  task_overlaps_seen:
    'Tasks whose copies met here and show attempts of two nodes at one time, by the clocks of those nodes.',
  attempt_ends_unknown: 'Ends of attempts that this node did not know to run.',
  replies_unknown: 'Answers of peers that matched nothing asked.',
} as const

export type CounterName = keyof typeof COUNTERS

export class Counters {
  readonly #values = new Map<CounterName, number>()

  add(name: CounterName, by = 1): void {
    this.#values.set(name, this.of(name) + by)
  }

  of(name: CounterName): number {
    return this.#values.get(name) ?? 0
  }

  metrics(): Metric[] {
    return (Object.keys(COUNTERS) as CounterName[]).map(name => ({
      name: `${name}_total`,
      help: COUNTERS[name],
      type: 'counter',
      samples: [{ value: this.of(name) }],
    }))
  }
}

export const gauge = (name: string, help: string, value: number): Metric => ({
  name,
  help,
  type: 'gauge',
  samples: [{ value }],
})
