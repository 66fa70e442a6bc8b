/** What is to be sent to one peer, what is under way to it, and how long its acknowledgements take. */
import type { TaskId } from '../base/ids.ts'
import { after, type Instant, NEVER } from '../base/time.ts'
import type { Leaving } from './leftovers.ts'
import type { TaskRecord } from './task.ts'

/**
 * An unacknowledged batch is sent again after this, in ms, doubling: at first, and never sooner. Once there are
 * acknowledgements, after the time that they take and four times what that varies by, as RFC 6298 has it. A slow cluster
 * that sent everything again after a second would do little else.
 */
const RESEND_MS_MIN = 1_000
const RESEND_MS_MAX = 5_000
/** Batches that were sent again and whose acknowledgement still tells something, to one peer. */
const OVERDUE_MAX = 64

/** Who has not answered for so long, in ms, is not the first to be asked. */
const LATE_MS = 100
/**
 * A batch that was not counted is sent again after this, in ms: views converge within milliseconds. Doubling while nothing
 * counts there: a newcomer counts only once the voters have noted its disk.
 */
const UNCOUNTED_MS = 60
const UNCOUNTED_MS_MAX = 1_000

export interface Flight {
  readonly sentAt: Instant
  /** As they were sent. */
  readonly records: readonly TaskRecord[]
  /** For each the term under which it was a write; 0 where it was none. */
  readonly terms: readonly number[] | undefined
  readonly bytes: number
  /** It has changes of now in it. */
  readonly urgent: boolean
}

export interface Outbox {
  readonly urgent: Set<TaskId>
  readonly bulk: Set<TaskId>
  /** Nothing waits for these: they join `bulk` when they have been `ripe` for a turn. */
  spare: Set<TaskId>
  ripe: Set<TaskId>
  ripensAt: Instant
  readonly flights: Map<number, Flight>
  /** Sent again since. Each has a number of its own, so an acknowledgement says which one it is of. */
  readonly overdue: Map<number, Flight>
  bytes: number
  resendMs: number
  /** How long acknowledgements take, smoothed, and how much that varies, in ms. */
  trip: { readonly ms: number; readonly variesMs: number } | undefined
  uncountedMs: number
  /** Nothing is sent before. */
  notBefore: Instant
  /** Copies that go again later, and when. */
  readonly postponed: Set<TaskId>
  postponedUntil: Instant
  /** Copies that its disk had no room for. One of them is tried at a time, and all go when one is taken. */
  readonly unwritten: Set<TaskId>
  probeAt: Instant
}

export const newOutbox = (): Outbox => ({
  urgent: new Set(),
  bulk: new Set(),
  spare: new Set(),
  ripe: new Set(),
  ripensAt: NEVER,
  flights: new Map(),
  overdue: new Map(),
  bytes: 0,
  resendMs: RESEND_MS_MIN,
  trip: undefined,
  uncountedMs: UNCOUNTED_MS,
  notBefore: 0 as Instant,
  postponed: new Set(),
  postponedUntil: 0 as Instant,
  unwritten: new Set(),
  probeAt: 0 as Instant,
})

/** Of what a full disk did not take one copy is tried after this, in ms, and then the next. */
const PROBE_MS = 1_000
/** Looked at for one that may go, at most. */
const PROBE_LOOKS_MAX = 1_000

/** The peer said which of these its disk had no room for. */
export function answered(
  outbox: Outbox,
  tasks: readonly TaskId[],
  unwritten: ReadonlySet<TaskId>,
  now: Instant,
): void {
  if (outbox.unwritten.size === 0 && unwritten.size === 0) return
  // Whichever it was: an answer may come when others have been tried since.
  if (tasks.some(task => outbox.unwritten.has(task) && !unwritten.has(task))) release(outbox)
  // Not put off by what is refused later: under load that never ends.
  if (outbox.unwritten.size === 0) outbox.probeAt = after(now, PROBE_MS)
  for (const task of unwritten) outbox.unwritten.add(task)
}

function release(outbox: Outbox): void {
  for (const task of outbox.unwritten) if (!outbox.urgent.has(task)) outbox.bulk.add(task)
  outbox.unwritten.clear()
}

/**
 * Tries one of those that its disk had no room for, if it is time; another one each time, for one that is answered in no
 * way would hold up all others.
 */
export function tryUnwritten(outbox: Outbox, leaving: (task: TaskId) => Leaving, now: Instant): void {
  const { unwritten, bulk } = outbox
  if (unwritten.size === 0 || outbox.probeAt > now) return
  outbox.probeAt = after(now, PROBE_MS)
  let looks = Math.min(unwritten.size, PROBE_LOOKS_MAX)
  for (const task of unwritten) {
    if (looks-- === 0) return
    unwritten.delete(task)
    unwritten.add(task)
    const may = leaving(task)
    if (may === 'never') unwritten.delete(task)
    if (may !== 'now') continue
    bulk.add(task)
    return
  }
}

/** Nothing counts there yet: the next batch leaves in a moment, and the one after that later still. */
export function holdBack(outbox: Outbox, now: Instant): void {
  outbox.notBefore = after(now, outbox.uncountedMs)
  outbox.uncountedMs = Math.min(UNCOUNTED_MS_MAX, outbox.uncountedMs * 2)
}

export function counts(outbox: Outbox): void {
  outbox.uncountedMs = UNCOUNTED_MS
}

/** Batches that are late: each time longer is waited for the next ones, and their acknowledgements are still of use. */
export function takeLate(outbox: Outbox, now: Instant): Flight[] {
  const late: Flight[] = []
  for (const [batch, flight] of outbox.flights) {
    if (after(flight.sentAt, outbox.resendMs) > now) break
    outbox.flights.delete(batch)
    outbox.bytes -= flight.bytes
    outbox.overdue.set(batch, flight)
    late.push(flight)
  }
  if (late.length > 0) outbox.resendMs = Math.min(RESEND_MS_MAX, outbox.resendMs * 2)
  for (const batch of outbox.overdue.keys()) {
    if (outbox.overdue.size <= OVERDUE_MAX) break
    outbox.overdue.delete(batch)
  }
  return late
}

export function urgentFlights(flights: Outbox['flights']): number {
  let count = 0
  for (const { urgent } of flights.values()) if (urgent) count++
  return count
}

export function tripTook(outbox: Outbox, ms: number): void {
  const { trip } = outbox
  outbox.trip =
    trip === undefined
      ? { ms, variesMs: ms / 2 }
      : {
          ms: trip.ms + (ms - trip.ms) / 8,
          variesMs: trip.variesMs + (Math.abs(ms - trip.ms) - trip.variesMs) / 4,
        }
  const wanted = outbox.trip.ms + 4 * outbox.trip.variesMs
  outbox.resendMs = Math.min(RESEND_MS_MAX, Math.max(RESEND_MS_MIN, wanted))
}

/** Not to be asked first: it is slow to answer, or nothing that is sent to it counts now. */
export function isLate({ flights, notBefore, unwritten }: Outbox, now: Instant): boolean {
  if (notBefore > now || unwritten.size > 0) return true
  const first = flights.values().next().value
  return first !== undefined && after(first.sentAt, LATE_MS) < now
}
