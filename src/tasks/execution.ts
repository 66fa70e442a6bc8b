/**
 * Attempts that run on this node: how they begin, go on, and end, always under the right to act for their key.
 *
 * Intuition: an attempt is a loan. Its end is known when it begins and is moved while the right is renewed; what is not
 * renewed is called back half a second before it ends, and the executor ends by itself what could not be called back.
 * Rule: a result counts only while the right lasts without a break from the start of the attempt to the moment this node
 * hears of its end. When an attempt ended while this node stood still, nobody can say whether it was in time; then it is
 * fenced, and is tried again.
 * In available mode the loan never ends, and all of this costs nothing.
 */
import type { TaskId } from '../base/ids.ts'
import type { Random } from '../base/random.ts'
import { after, elapsedMs, type Instant, NEVER, wallOf } from '../base/time.ts'
import {
  beginAttempt,
  endAttempt,
  fenceAttempt,
  isFenced,
  isOver,
  isTooLate,
  isUnclaimed,
  isUnderWay,
  takeBackAttempt,
  timeLeftMs,
} from './attempts.ts'
import type { TasksConfig } from './config.ts'
import type { Copies } from './copies.ts'
import type { Counters } from './counts.ts'
import type { Step } from './effects.ts'
import { cutJson } from './json.ts'
import { KEPT_KEYS_MAX, type Kept } from './kept.ts'
import { compareAttempts } from './merge.ts'
import type { Offers } from './offers.ts'
import { type Order, Places } from './places.ts'
import type { Records } from './records.ts'
import { reportEnd } from './reports.ts'
import { type Leave, leaveNow, type Right } from './right.ts'
import type { Running, Schedule } from './schedule.ts'
import type { Entry } from './table.ts'
import type { Attempt, AttemptError, Outcome } from './task.ts'
import type { View } from './view.ts'

/** An attempt is stopped when its right ends within this, in ms: time to kill it, and to be late. */
export const FENCE_MS = 500
/** The executors are told of a new end when it has moved by this, in ms. */
export const EXTEND_MS = 200

/** Of a right that ended without its time being up: no result counts under it any more. */
const BROKEN = Number.NEGATIVE_INFINITY as Instant

const TOO_LATE: AttemptError = { code: 'EXPIRED', message: 'the time of its task was over before it began' }

const UNNOTED: AttemptError = {
  code: 'CANCELLED',
  message: 'it was not carried out: too few holders noted its start while its node waited for that',
}

/** Why an attempt was stopped, as logged. */
type Reason = 'no-leave' | 'leave-ends' | 'too-many-kept' | 'deadline' | 'ended-late'

export interface ExecutionParts {
  readonly view: View
  readonly schedule: Schedule
  readonly records: Records
  readonly kept: Kept
  readonly right: Right
  readonly counters: Counters
  readonly config: TasksConfig
  readonly random: Random
  /** Puts a task that is nowhere where it has to wait. */
  readonly putBack: (entry: Entry, step: Step) => void
  /** Where copies are counted in quorum mode. */
  readonly copies?: Copies | undefined
  /** What clients offer; without it nothing is carried out by clients. */
  readonly offers?: Offers
}

export class Execution {
  readonly #parts: ExecutionParts
  /** What the right said last of its moves. */
  #moves: number | undefined
  /** The first attempt must be stopped then, unless its right is renewed. */
  #fenceAt = NEVER
  #viewChanged = false
  /** Where attempts are carried out, and who waits for that. */
  readonly places: Places

  constructor(parts: ExecutionParts) {
    this.#parts = parts
    this.#moves = parts.right.moves
    this.places = new Places(parts, {
      order: (running, order, step) => this.#orderNow(running, order, step),
      giveBack: (running, error, step) => this.#giveBack(running, error, step),
    })
  }

  begin(entry: Entry, leave: Leave, step: Step): void {
    const { schedule, view, counters, records } = this.#parts
    const { id: task, key, type, payload, expiresAt } = entry.record.spec
    const timeoutMs = timeLeftMs(entry.record.spec, step.now.wall)
    const { token, until } = leave
    const { self: node } = view
    const beginning = { node, at: step.now.wall, token: token.value, holders: records.holders(key) }
    const record = beginAttempt(entry.record, beginning)
    const attempt = record.attempts.at(-1) as Attempt
    const copies = this.#parts.right.epochs?.isQuorum(key) === true ? this.#parts.copies : undefined
    const offer = this.places.takeOffered(type)
    schedule.run(entry, attempt, until, copies === undefined, offer)
    this.#fenceAt = Math.min(this.#fenceAt, after(until, -FENCE_MS)) as Instant
    records.change(entry, record, step)
    const of = { task, key, type, payload, attempt: attempt.number, node, timeoutMs, token }
    const timed = expiresAt === undefined ? of : { ...of, expiresAt }
    const order = offer === undefined ? timed : { ...timed, offer }
    if (copies === undefined) step.execute(until === NEVER ? order : { ...order, until })
    else {
      // Until then nobody but this node may know of the attempt, and another could begin the same one.
      const failed = (later: Step) => this.#giveUp(entry, attempt, later)
      const { mono } = step.now
      const durable = (_: number, later: Step) => {
        this.places.noted(elapsedMs(mono, later.now.mono))
        this.#order(entry, attempt, order, later)
      }
      copies.when(entry, { durable, failed, yields: 'to-too-many' }, step)
    }
    counters.add('attempts_started')
    step.log('debug', 'task-started', { task, key, attempt: attempt.number, token: token.value })
  }

  /**
   * Enough holders know of the attempt. Of this one, not of its number: where another owner accepted the task anew meanwhile, the
   * next attempt here has the same, under another token.
   */
  #order(entry: Entry, attempt: Attempt, order: Order, step: Step): void {
    const running = this.#parts.schedule.here.get(entry.id)
    if (running?.attempt !== attempt || running.ordered || running.abandoned) return
    running.durable = true
    this.places.take(running, order, step)
  }

  #orderNow(running: Running, order: Order, step: Step): void {
    const { entry } = running
    const { mono, wall } = step.now
    const { spec } = entry.record
    const leave = leaveNow(this.#parts.right, entry.key, mono)
    if (leave === undefined || leave.until <= after(mono, FENCE_MS)) {
      this.#stop(running, leave === undefined ? 'no-leave' : 'leave-ends', step)
      return
    }
    // Noting it, and waiting for a place, may have taken all the time that it had.
    if (isOver(spec, wall)) {
      this.#giveBack(running, TOO_LATE, step)
      return
    }
    this.#parts.schedule.order(running, mono)
    running.until = leave.until
    running.told = leave.until
    step.executeAtOnce({ ...order, timeoutMs: timeLeftMs(spec, wall), until: leave.until })
  }

  #giveUp(entry: Entry, attempt: Attempt, step: Step): void {
    const running = this.#parts.schedule.here.get(entry.id)
    if (running?.attempt !== attempt || running.ordered) return
    this.#parts.counters.add('starts_short')
    step.log('warn', 'task-start-short', { task: entry.id, key: entry.key, attempt: attempt.number })
    this.#giveBack(running, UNNOTED, step)
  }

  /** Returns the task, which is nowhere then; undefined when no such attempt runs here. */
  end(task: TaskId, number: number, outcome: Outcome, step: Step): Entry | undefined {
    const { schedule, counters, kept } = this.#parts
    const running = schedule.here.get(task)
    if (running?.attempt.number !== number) {
      counters.add('attempt_ends_unknown')
      step.log('warn', 'attempt-end-unknown', { task, attempt: number })
      return undefined
    }
    const { entry } = running
    const inTime = this.#inTime(running, step.now.mono)
    schedule.clear(entry)
    this.places.ended(running, step.now.mono)
    if (outcome.ok && !inTime) counters.add('results_refused')
    if (isTooLate(outcome)) this.places.unused(running)
    if (!running.abandoned && isUnclaimed(outcome)) this.#notTaken(running, outcome.error, step)
    else if (!running.abandoned && isTooLate(outcome)) this.#takeBack(running, outcome.error, step)
    else if (inTime && !isFenced(outcome)) {
      // What was taken back is in the record already; but a success that came first is a success.
      if (!running.abandoned || outcome.ok) this.#commit(running, outcome, step)
    } else if (!running.abandoned) this.#fenced(running, isFenced(outcome) ? 'deadline' : 'ended-late', step)
    kept.ended(running, step.now.mono)
    return entry
  }

  /** Its record is another than before: ends what runs here of it if that was cancelled, though another try may be ordered by now. */
  heard(entry: Entry, step: Step): void {
    const running = this.#parts.schedule.here.get(entry.id)
    const { state, attempts } = entry.record
    const wasCancelled = (each: Attempt): boolean =>
      each.outcome === 'cancelled' && running !== undefined && compareAttempts(each, running.attempt) === 0
    if (state === 'cancelled' || attempts.some(wasCancelled)) this.cancel(entry, step)
  }

  /** Its task was cancelled, which the record says already: orders the end of what runs here of it. */
  cancel(entry: Entry, step: Step): void {
    const running = this.#parts.schedule.here.get(entry.id)
    if (running === undefined || running.abandoned) return
    running.abandoned = true
    if (running.ordered) step.cancelNow(entry.id, running.attempt.number)
    else this.places.leave(running)
  }

  /** The client that it was begun for had gone, and no other came: it was never carried out. */
  #notTaken(running: Running, error: AttemptError, step: Step): void {
    const { entry, attempt } = running
    this.#parts.counters.add('attempts_unclaimed')
    step.log('info', 'task-unclaimed', { task: entry.id, key: entry.key, attempt: attempt.number })
    this.#takeBack(running, error, step)
  }

  /** The attempt counts as none. */
  #takeBack({ entry, attempt }: Running, error: AttemptError | undefined, step: Step): void {
    if (!isUnderWay(entry.record, attempt)) return
    const { records } = this.#parts
    const holders = records.holders(entry.key)
    records.change(entry, takeBackAttempt(entry.record, attempt, step.now.wall, holders, error), step)
  }

  /** This node's time is up: orders the end of everything that runs here and gives it back. */
  abandon(step: Step): void {
    const { schedule, counters } = this.#parts
    for (const running of schedule.here.values()) {
      if (running.abandoned) continue
      const { entry, attempt } = running
      if (running.ordered) step.cancel(entry.id, attempt.number)
      running.abandoned = true
      counters.add('attempts_taken_back')
      step.log('warn', 'task-taken-back', { task: entry.id, key: entry.key, attempt: attempt.number })
      this.#takeBack(running, undefined, step)
      if (!running.ordered) this.#putBack(running, step)
    }
  }

  /** Other keys are this node's own now. */
  viewChanged(): void {
    this.#viewChanged = true
  }

  /** Has anything happened that `fence` should look at? */
  fenceDue(now: Instant): boolean {
    const { right, schedule } = this.#parts
    if (now >= this.#fenceAt || this.#viewChanged) return true
    return right.moves === undefined ? schedule.occupied > 0 : right.moves !== this.#moves
  }

  /** Is it time to stop something, unless its right was renewed? */
  overdue(now: Instant): boolean {
    return now >= this.#fenceAt
  }

  /** When something must be stopped at the latest, as things stand. */
  nextWake(): Instant {
    return Math.min(this.#fenceAt, this.places.nextWake()) as Instant
  }

  /** Stops what may not go on, and tells the executors how long the rest may. */
  fence(step: Step): void {
    const { schedule, right } = this.#parts
    this.#moves = right.moves
    const going: Running[] = []
    for (const running of schedule.here.values()) {
      if (running.until !== NEVER && this.#mayGoOn(running, step)) going.push(running)
    }
    this.#viewChanged = false
    this.#boundKept(going, step)
    this.#extend(going, step)
    this.#fenceAt = NEVER
    for (const { until, abandoned } of going) {
      if (!abandoned) this.#fenceAt = Math.min(this.#fenceAt, after(until, -FENCE_MS)) as Instant
    }
  }

  #mayGoOn(running: Running, step: Step): boolean {
    const leave = this.#parts.right.leaveFor(running.entry.key)
    if (leave === undefined) {
      if (!running.abandoned) this.#stop(running, 'no-leave', step)
      running.until = BROKEN
      return false
    }
    if (running.abandoned) return false
    if (!running.ordered && this.#parts.kept.lost(running)) {
      this.#stop(running, 'no-leave', step)
      return false
    }
    if (leave.until <= after(step.now.mono, FENCE_MS)) {
      this.#stop(running, 'leave-ends', step)
      return false
    }
    running.until = leave.until
    return true
  }

  /** Those who began first may go on. */
  #boundKept(going: readonly Running[], step: Step): void {
    const lost = going.length > KEPT_KEYS_MAX ? going.filter(running => this.#parts.kept.lost(running)) : []
    for (const running of lost.slice(KEPT_KEYS_MAX)) this.#stop(running, 'too-many-kept', step)
  }

  /**
   * One effect for each distinct end; all of them as soon as one has moved far enough. What is said while the start still
   * waits for the disk is lost on the executor; the next move makes it good.
   */
  #extend(going: readonly Running[], step: Step): void {
    if (!going.some(({ until, told, abandoned }) => !abandoned && until >= told + EXTEND_MS)) return
    const groups = new Map<Instant, { readonly task: TaskId; readonly attempt: number }[]>()
    for (const running of going) {
      const { entry, attempt, until, told, abandoned } = running
      if (abandoned || until <= told) continue
      running.told = until
      const group = groups.get(until)
      const named = { task: entry.id, attempt: attempt.number }
      if (group === undefined) groups.set(until, [named])
      else group.push(named)
    }
    for (const [until, attempts] of groups) step.extend(until, attempts)
  }

  #stop(running: Running, reason: Reason, step: Step): void {
    const { entry, attempt } = running
    if (running.ordered) step.cancelNow(entry.id, attempt.number)
    running.abandoned = true
    this.#fenced(running, reason, step)
    if (!running.ordered) this.#putBack(running, step)
  }

  /** It was not ordered, and is not: it counts as no attempt, and its task waits anew. */
  #giveBack(running: Running, error: AttemptError, step: Step): void {
    running.abandoned = true
    this.#takeBack(running, error, step)
    this.#putBack(running, step)
  }

  /** It was never executed, so nothing will say that it has ended. */
  #putBack(running: Running, step: Step): void {
    this.places.leave(running)
    this.#parts.putBack(running.entry, step)
  }

  /** Ended, at the latest, with its right: its executor ends it then, though this node may have stood still until now. */
  #fenced({ entry, attempt, until }: Running, reason: Reason, step: Step): void {
    const { counters, records } = this.#parts
    const { token, number } = attempt
    counters.add('attempts_fenced')
    step.log('warn', 'task-fenced', { task: entry.id, key: entry.key, attempt: number, token, reason })
    const holders = records.holders(entry.key)
    const lateMs = until === BROKEN ? 0 : Math.max(0, step.now.mono - until)
    const at = wallOf(step.now.wall - lateMs)
    records.change(entry, fenceAttempt(entry.record, attempt, at, holders), step)
  }

  /** Has the right to run it lasted without a break until now? */
  #inTime({ entry, until }: Running, now: Instant): boolean {
    if (until === NEVER) return true
    return now < until && leaveNow(this.#parts.right, entry.key, now) !== undefined
  }

  #commit({ entry, attempt }: Running, outcome: Outcome, step: Step): void {
    const { records, random, counters } = this.#parts
    const ending = {
      attempt,
      outcome: this.#fitting(outcome, step, entry.id),
      at: step.now.wall,
      holders: records.holders(entry.key),
    }
    records.change(entry, endAttempt(entry.record, ending, random), step)
    reportEnd(entry, attempt, outcome, counters, step)
  }

  #fitting(outcome: Outcome, step: Step, task: TaskId): Outcome {
    if (!outcome.ok) return outcome
    const { value, cut } = cutJson(outcome.result, this.#parts.config.resultBytesMax)
    if (cut) {
      this.#parts.counters.add('results_cut')
      step.log('warn', 'result-cut', { task, bytesMax: this.#parts.config.resultBytesMax })
    }
    return { ok: true, result: value }
  }
}
