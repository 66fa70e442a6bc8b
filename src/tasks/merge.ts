/**
 * Two copies of one record, made by nodes that did not hear each other, become one.
 *
 * Intuition: the copy that got further is right about where the task stands, and both are right about what was tried.
 * Rule: a copy that was redriven more often is newer. Of the rest a settled copy beats an unsettled one; succeeded beats
 * dead beats cancelled; among unsettled copies the higher attempt number counts, then the revision; what is left is
 * decided by the text, so that everybody decides alike.
 * In quorum mode the higher term counts before all of that, then which was accepted later, then the revision: one owner at a time
 * writes, each under a term of its own and in order, and whoever follows has seen all that counted before.
 * Attempts are united by (number, start, node), so a task that ran twice still shows it after the merge; under terms only those of
 * one life: an id that was accepted anew, after its task had ended and was dropped, begins to count anew.
 * The merge is commutative, idempotent and, as long as a later life has no lower term, associative: in whatever order and however often copies meet, all holders
 * end with the same record, and no node needs to be asked who is right.
 * Not taken: attempt numbers also among settled copies, or those under terms. The united attempts may hold a higher number than the copy
 * that won, so such an order would depend on who merged first. For the same reason they do not count among copies that
 * were redriven: they may have taken over attempts of the round before.
 */
import { isSchedule, mergeSchedules } from './schedules/state.ts'
import {
  ATTEMPTS_KEPT,
  type Attempt,
  type AttemptError,
  type TaskRecord,
  type TaskSpec,
  type TaskState,
} from './task.ts'

/** Returns `a` itself when `b` adds nothing to it. */
export function mergeRecords(a: TaskRecord, b: TaskRecord): TaskRecord {
  if (isSchedule(a) || isSchedule(b)) return mergeWithSchedule(a, b)
  const winner = compareRecords(a, b) >= 0 ? a : b
  if (areTwoLives(a, b)) return winner
  const attempts = uniteAttempts(a.attempts, b.attempts)
  const same = attempts === winner.attempts || sameAttempts(attempts, winner.attempts)
  // Attempts that do not count, of which only the number is kept: it goes with the highest number, which is one of both, too.
  const uncounted = Math.max(a.uncounted ?? 0, b.uncounted ?? 0)
  if (same && uncounted === (winner.uncounted ?? 0)) return winner
  return { ...winner, attempts: same ? winner.attempts : attempts, ...(uncounted > 0 && { uncounted }) }
}

/** Without terms two sides of a partition may both have accepted the one task. */
const areTwoLives = (a: TaskRecord, b: TaskRecord): boolean =>
  (a.term !== undefined || b.term !== undefined) && a.acceptedAt !== b.acceptedAt

/** Where owners write one after another, the later is right about all of it; else each part goes by a rule of its own. */
function mergeWithSchedule(a: TaskRecord, b: TaskRecord): TaskRecord {
  if (!isSchedule(a) || !isSchedule(b)) return isSchedule(a) ? a : b
  const order = byOwner(a, b)
  if (order === 0) return mergeSchedules(a, b)
  return order > 0 ? a : b
}

const SETTLED_RANK: Readonly<Record<TaskState, number>> = {
  scheduled: 0,
  ready: 0,
  running: 0,
  retrying: 0,
  cancelled: 1,
  dead: 2,
  succeeded: 3,
}

export const isSettled = (record: TaskRecord): boolean => SETTLED_RANK[record.state] > 0

/** The highest attempt number; attempts are kept in order. */
export const lastNumber = (record: TaskRecord): number => record.attempts.at(-1)?.number ?? 0

/** Which of two copies is right about where the task stands. Ignores attempts of settled copies (see above). */
function compareRecords(a: TaskRecord, b: TaskRecord): number {
  const owners = byOwner(a, b)
  if (owners !== 0) return owners
  const rounds = roundsOf(a) - roundsOf(b)
  if (rounds !== 0) return rounds
  const rank = SETTLED_RANK[a.state] - SETTLED_RANK[b.state]
  if (rank !== 0) return rank
  const counted = roundsOf(a) === 0 && !isSettled(a) && a.term === undefined
  if (counted && lastNumber(a) !== lastNumber(b)) return lastNumber(a) - lastNumber(b)
  if (a.revision !== b.revision) return a.revision - b.revision
  return compareText(coreText(a), coreText(b))
}

/**
 * In quorum mode: the later owner, and of one owner the later change. What it accepted anew after it had dropped what ended is
 * changed less often than that was; a schedule never begins again with a lower revision (`HeldSchedules.store`).
 */
function byOwner(a: TaskRecord, b: TaskRecord): number {
  const terms = (a.term ?? 0) - (b.term ?? 0)
  if (terms !== 0 || a.term === undefined) return terms
  const lives = isSchedule(a) ? 0 : a.acceptedAt - b.acceptedAt
  return lives !== 0 ? lives : a.revision - b.revision
}

const roundsOf = ({ redriven }: TaskRecord): number => redriven?.times ?? 0

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const optional = <T>(value: T | undefined): readonly T[] => (value === undefined ? [] : [value])

const errorParts = (error: AttemptError | undefined): readonly string[] =>
  error === undefined ? [] : [error.code, error.message]

const specParts = (spec: TaskSpec): readonly unknown[] => [
  spec.id,
  spec.key,
  spec.type,
  spec.payload,
  spec.priority,
  spec.maxAttempts,
  spec.backoffMs,
  spec.backoffMsMax,
  spec.timeoutMs,
  spec.dedupe === undefined ? [] : [spec.dedupe.key, spec.dedupe.ttlMs],
  optional(spec.backoff),
  optional(spec.concurrent),
  optional(spec.group),
  optional(spec.groupLimit),
  optional(spec.runAt),
  optional(spec.expiresAt),
  optional(spec.placement),
]

/** Everything but the attempts and how many do not count, in an order that does not depend on how the object was made. */
const coreText = (record: TaskRecord): string =>
  JSON.stringify([
    specParts(record.spec),
    record.source,
    record.state,
    record.acceptedAt,
    optional(record.settledAt),
    optional(record.notBefore),
    optional(record.result),
    errorParts(record.error),
    record.holders,
    record.redriven === undefined ? [] : [record.redriven.after, record.redriven.at],
    optional(record.crashes),
    optional(record.term),
    optional(record.copies),
    optional(record.dedupeTerm),
  ])

export const compareAttempts = (a: Attempt, b: Attempt): number =>
  a.number - b.number || a.startedAt - b.startedAt || compareText(a.node, b.node)

const OUTCOME_RANK = { succeeded: 6, failed: 5, cancelled: 4, fenced: 3, lost: 1 } as const
/** Who saw the process end, or is the one that began again, knows better than who concluded from silence. */
const CRASH_SEEN_RANK = 2
const FENCE_CONCLUDED_RANK = 0.5

function reportRank({ outcome, error }: Attempt): number {
  if (outcome === undefined) return 0
  if (outcome === 'lost' && error?.code !== 'NODE_LOST') return CRASH_SEEN_RANK
  if (outcome === 'fenced' && error?.code === 'NODE_LOST') return FENCE_CONCLUDED_RANK
  return OUTCOME_RANK[outcome]
}

const reportText = ({ error, token }: Attempt): string => JSON.stringify([errorParts(error), optional(token)])

/**
 * Two reports of one attempt: who saw how it ended knows better than who gave it up; of two that gave it up, who did so
 * first was nearer to its end. (A daemon that was killed gives up its own when it starts again, however late.)
 */
function furtherReport(a: Attempt, b: Attempt): Attempt {
  const ended = (a.endedAt ?? 0) - (b.endedAt ?? 0)
  const order =
    reportRank(a) - reportRank(b) ||
    (a.outcome === 'lost' ? -ended : ended) ||
    compareText(reportText(a), reportText(b))
  return order >= 0 ? a : b
}

/** The newest `ATTEMPTS_KEPT` of both, in order. */
function uniteAttempts(a: readonly Attempt[], b: readonly Attempt[]): readonly Attempt[] {
  if (a === b || b.length === 0) return a
  if (a.length === 0) return b
  const united: Attempt[] = []
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    const left = a[i]
    const right = b[j]
    const order = left === undefined ? 1 : right === undefined ? -1 : compareAttempts(left, right)
    if (order === 0) united.push(furtherReport(left as Attempt, right as Attempt))
    else united.push((order < 0 ? left : right) as Attempt)
    if (order <= 0) i++
    if (order >= 0) j++
  }
  return united.slice(-ATTEMPTS_KEPT)
}

const sameAttempts = (a: readonly Attempt[], b: readonly Attempt[]): boolean =>
  a.length === b.length &&
  a.every((attempt, i) => {
    const other = b[i] as Attempt
    return (
      attempt === other ||
      (compareAttempts(attempt, other) === 0 &&
        attempt.outcome === other.outcome &&
        attempt.endedAt === other.endedAt &&
        attempt.token === other.token &&
        attempt.error?.code === other.error?.code &&
        attempt.error?.message === other.error?.message)
    )
  })
