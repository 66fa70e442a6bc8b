/**
 * What this node makes of each task it knows: owns it, holds a copy of it, waits for it, runs it.
 *
 * Every change of a record goes through `#change`: memory, disk and the other holders learn of it together. Every change
 * of circumstances (ring, takeover, news from elsewhere) goes through `place`, which only looks at how things are now
 * and never at what they were; so it does not matter in which order or how often it is called.
 */
import type { NodeId, TaskId } from '../base/ids.ts'
import type { Random } from '../base/random.ts'
import { after, wallOf } from '../base/time.ts'
import { beginAttempt, endAttempt, loseAttempts, takeBackAttempt } from './attempts.ts'
import type { TasksConfig } from './config.ts'
import type { Counters } from './counts.ts'
import type { Step } from './effects.ts'
import { cutJson } from './json.ts'
import { isSettled, lastNumber, mergeRecords } from './merge.ts'
import type { Replication } from './replication.ts'
import type { Running, Schedule } from './schedule.ts'
import { sameSpec } from './spec.ts'
import type { Entry, Table } from './table.ts'
import type { Takeover } from './takeover.ts'
import type { Outcome, TaskRecord, TaskSpec } from './task.ts'
import { Tokens } from './token.ts'
import { freshRecord, transition } from './transition.ts'
import type { View } from './view.ts'

/** Pauses that end in one step at most. */
const DUE_MAX = 1_000
/** Settled records dropped in one step at most: a few ms, also after a list of 200,000 was unloaded. */
export const TRIM_MAX = 1_000

export interface WorkParts {
  readonly view: View
  readonly table: Table
  readonly schedule: Schedule
  readonly replication: Replication
  readonly takeover: Takeover
  readonly counters: Counters
  readonly config: TasksConfig
  readonly random: Random
}

export class Work {
  readonly #parts: WorkParts
  readonly #tokens = new Tokens()

  constructor(parts: WorkParts) {
    this.#parts = parts
  }

  /** Finds out anew who owns the task, who should have a copy, and what it waits for. */
  place(entry: Entry, step: Step): void {
    const { view, table, schedule, takeover } = this.#parts
    const holders = entry.record.revision > 0 ? view.holders(entry.key) : undefined
    const owner = holders === undefined ? view.owner(entry.key) : holders[0]
    table.assign(entry, owner, view.epoch)
    if (entry.place !== 'here' && owner === view.self && takeover.gates(entry.key)) {
      if (entry.place === 'gated') return
      schedule.clear(entry)
      entry.copies = []
      schedule.gate(entry)
      return
    }
    this.#cover(entry)
    this.#schedule(entry, step)
  }

  /** A new task of this node. */
  accept(spec: TaskSpec, step: Step): Entry {
    const { table, counters } = this.#parts
    const entry = table.add(freshRecord(spec, 'api', step.now.wall, this.#holders(spec.key), 1))
    this.#change(entry, entry.record, step)
    this.place(entry, step)
    counters.add('tasks_accepted')
    step.log('info', 'task-accepted', { task: spec.id, key: spec.key, type: spec.type })
    return entry
  }

  /** A copy that another node has sent. */
  learn(record: TaskRecord, from: NodeId, step: Step): void {
    const { table, view } = this.#parts
    const known = table.get(record.spec.id)
    if (known === undefined) {
      const entry = table.add(record)
      step.write(record)
      entry.copies = view.owner(entry.key) === view.self ? [from] : [...record.holders, from]
      this.place(entry, step)
      if (entry.place === 'gated') entry.copies = [from]
      return
    }
    if (known.epoch !== view.epoch) this.place(known, step)
    if (this.#conflicts(known, record, from, step)) return
    this.#merge(known, record, from, step)
  }

  /** Fills the free slots with what is ready. */
  start(step: Step): void {
    const { schedule, view, config } = this.#parts
    while (schedule.occupied < config.concurrency) {
      const entry = schedule.take()
      if (entry === undefined) return
      if (entry.epoch === view.epoch) this.#begin(entry, step)
      else this.place(entry, step)
    }
  }

  /** An attempt of this node has ended. */
  end(task: TaskId, number: number, outcome: Outcome, step: Step): void {
    const { schedule, random, counters } = this.#parts
    const running = schedule.here.get(task)
    if (running?.attempt.number !== number) {
      counters.add('attempt_ends_unknown')
      step.log('warn', 'attempt-end-unknown', { task, attempt: number })
      return
    }
    const { entry, attempt } = running
    schedule.clear(entry)
    // What was taken back is in the record already; but a success that came first is a success.
    if (!running.abandoned || outcome.ok) {
      const fitting = this.#fitting(outcome, step, task)
      const holders = this.#holders(entry.key)
      const record = endAttempt(
        entry.record,
        { attempt, outcome: fitting, at: step.now.wall, holders },
        random,
      )
      this.#change(entry, record, step)
      this.#reportEnd(entry, running, outcome, step)
    }
    this.#schedule(entry, step)
  }

  /** Pauses that are over. True when there may be more. */
  wakeDue(step: Step): boolean {
    const { schedule, table } = this.#parts
    for (let i = 0; i < DUE_MAX; i++) {
      const entry = schedule.takeDue(step.now.mono)
      if (entry === undefined) return false
      // Not written: the pause on disk ends by itself, and the next start is.
      table.put(entry, transition(entry.record, 'ready'))
      schedule.enqueue(entry)
    }
    return true
  }

  /** This process has just begun, so what its disk says to run here was lost with the one before. */
  loseOwn(entries: readonly Entry[], step: Step): void {
    const { self } = this.#parts.view
    for (const entry of entries) {
      const open = entry.record.attempts.filter(attempt => attempt.outcome === undefined)
      if (entry.record.state !== 'running' || entry.place === 'here') continue
      if (open.some(attempt => attempt.node === self) && open.every(attempt => attempt.node === self)) {
        this.#lose(entry, step)
      }
    }
  }

  /** The takeover is complete: what waited for it goes on, at most `max` tasks now. Returns how many did. */
  release(max: number, step: Step): number {
    const { schedule } = this.#parts
    let released = 0
    for (const entry of schedule.gated) {
      if (released === max) break
      schedule.clear(entry)
      this.#cover(entry)
      this.#schedule(entry, step)
      released++
    }
    return released
  }

  /** Looks again at what these nodes are said to run. */
  recheckElsewhere(which: (node: NodeId) => boolean, step: Step): void {
    const concerned = [...this.#parts.schedule.elsewhere].filter(([, node]) => which(node))
    for (const [entry] of concerned) this.#schedule(entry, step)
  }

  /** Time is up: orders the end of everything that runs here and gives it back. */
  abandon(step: Step): void {
    const { schedule, counters } = this.#parts
    for (const running of [...schedule.here.values()]) {
      if (running.abandoned) continue
      const { entry, attempt } = running
      step.cancel(entry.id, attempt.number)
      schedule.abandon(running)
      counters.add('attempts_taken_back')
      step.log('warn', 'task-taken-back', { task: entry.id, key: entry.key, attempt: attempt.number })
      if (entry.record.state !== 'running' || lastNumber(entry.record) !== attempt.number) continue
      const record = takeBackAttempt(entry.record, attempt, step.now.wall, this.#holders(entry.key))
      this.#change(entry, record, step)
    }
  }

  /** `from` has these records on its disk. Those that this node should not hold may go once it is the owner who has them. */
  acknowledged(from: NodeId, copies: readonly (readonly [TaskId, number])[], step: Step): void {
    const { view, counters } = this.#parts
    if (view.ring?.has(view.self) !== true) return
    for (const [task, revision] of copies) {
      const entry = this.#parts.table.get(task)
      if (entry === undefined || entry.owner !== from || entry.epoch !== view.epoch) continue
      if (entry.place !== 'nowhere' || entry.lists.length > 0 || entry.record.revision !== revision) continue
      if (view.holders(entry.key).includes(view.self)) continue
      this.#erase(entry, step)
      counters.add('strays_dropped')
    }
  }

  /** Keeps the number of settled records within its bound. True when there may be more to drop. */
  trim(step: Step): boolean {
    const { table, config, counters } = this.#parts
    let dropped = 0
    for (const entry of table.surplus(config.settledMax, TRIM_MAX)) {
      if (entry.place !== 'nowhere') continue
      this.#erase(entry, step)
      dropped++
    }
    if (dropped > 0) counters.add('settled_dropped', dropped)
    // Only with all of them gone: what still runs here stays at the front, and there is no hurry then.
    return dropped === TRIM_MAX
  }

  #erase(entry: Entry, step: Step): void {
    this.#parts.table.remove(entry)
    this.#parts.replication.forget(entry.id)
    step.erase(entry.id)
  }

  #holders(key: string): readonly NodeId[] {
    const holders = this.#parts.view.holders(key)
    return holders.length > 0 ? holders : [this.#parts.view.self]
  }

  #change(entry: Entry, record: TaskRecord, step: Step): void {
    const { table, view, replication } = this.#parts
    table.put(entry, record)
    step.write(record)
    entry.copies = record.holders
    replication.changed(
      record,
      record.holders.filter(node => node !== view.self),
    )
  }

  /**
   * Sees to it that those who should hold the record get it: as owner all holders, else the owner. Who is gone no longer
   * counts as having it, since what was under way to it was dropped.
   */
  #cover(entry: Entry): void {
    const { view, replication } = this.#parts
    const { record } = entry
    if (record.revision === 0) return
    const holders = view.holders(entry.key)
    const [owner] = holders
    if (owner === undefined) return
    const copies = entry.copies.filter(node => node !== view.self && view.live.has(node))
    const only = copies.length === 0 || replication.isUnsafe(record.spec.id)
    const stray =
      entry.lists.length === 0 && view.ring?.has(view.self) === true && !holders.includes(view.self)
    for (const node of owner === view.self ? holders : [owner]) {
      if (node === view.self || (copies.includes(node) && !only && !stray)) continue
      replication.copy(record, node, only)
      copies.push(node)
    }
    entry.copies = copies
  }

  /** Puts an unfinished task of this node where it has to wait. */
  #schedule(entry: Entry, step: Step): void {
    const { schedule, view } = this.#parts
    if (entry.place === 'here') return
    schedule.clear(entry)
    const { record } = entry
    if (entry.owner !== view.self || isSettled(record)) return
    if (record.state === 'ready') schedule.enqueue(entry)
    else if (record.state === 'running') this.#awaitOrLose(entry, step)
    else {
      const pauseMs = (record.notBefore ?? 0) - step.now.wall
      schedule.delay(entry, after(step.now.mono, Math.max(0, Math.min(pauseMs, record.spec.backoffMsMax))))
    }
  }

  /** A task that runs, but not here: is there anybody who can still finish it? */
  #awaitOrLose(entry: Entry, step: Step): void {
    const { schedule, view, takeover } = this.#parts
    for (const { node, outcome } of entry.record.attempts) {
      if (outcome !== undefined || node === view.self || !view.live.has(node)) continue
      const runs = takeover.runsAt(node, entry.id)
      if (runs === false) continue
      if (runs === undefined) takeover.inquire(node, step.now.mono)
      schedule.awaitFrom(entry, node)
      return
    }
    this.#lose(entry, step)
    this.#schedule(entry, step)
  }

  #lose(entry: Entry, step: Step): void {
    const { counters } = this.#parts
    const open = entry.record.attempts.filter(attempt => attempt.outcome === undefined)
    const record = loseAttempts(entry.record, () => true, step.now.wall, this.#holders(entry.key))
    this.#change(entry, record, step)
    counters.add('attempts_lost', open.length)
    const fields = {
      task: entry.id,
      key: entry.key,
      attempt: lastNumber(record),
      nodes: open.map(({ node }) => node),
    }
    step.log('warn', 'task-lost', fields)
    if (record.state === 'dead') this.#reportDead(entry, step)
  }

  #begin(entry: Entry, step: Step): void {
    const { schedule, view, counters } = this.#parts
    const { spec } = entry.record
    const record = beginAttempt(entry.record, view.self, step.now.wall, this.#holders(entry.key))
    const attempt = record.attempts.at(-1) as Running['attempt']
    schedule.run(entry, attempt)
    this.#change(entry, record, step)
    const token = this.#tokens.next(step.now.wall)
    const { id: task, key, type, payload, timeoutMs } = spec
    step.execute({ task, key, type, payload, attempt: attempt.number, node: view.self, timeoutMs, token })
    counters.add('attempts_started')
    step.log('info', 'task-started', { task, key, attempt: attempt.number, token: token.value })
  }

  #merge(entry: Entry, record: TaskRecord, from: NodeId, step: Step): void {
    const { table, view, replication } = this.#parts
    const merged = mergeRecords(entry.record, record)
    const news = merged !== entry.record
    const theirsIsWhole = mergeRecords(record, entry.record) === record
    if (news) {
      table.put(entry, merged)
      step.write(merged)
    }
    if (news || theirsIsWhole) replication.merged(merged, theirsIsWhole)
    // As owner, who had the copy of before has not got the one of now.
    const known = entry.owner !== view.self ? merged.holders : news ? [] : entry.copies
    const others = known.filter(node => node !== from)
    entry.copies = theirsIsWhole ? [...others, from] : others
    if (entry.place === 'gated') return
    this.#cover(entry)
    if (news) this.#schedule(entry, step)
  }

  /** One id, two contents: the submitter's mistake, or two sides of a partition. Both keys keep their own task. */
  #conflicts(known: Entry, record: TaskRecord, from: NodeId, step: Step): boolean {
    if (sameSpec(known.record.spec, record.spec)) return false
    const otherKey = known.key !== record.spec.key
    this.#parts.counters.add('task_conflicts')
    step.log('warn', 'task-conflict', { task: known.id, key: known.key, otherKey: record.spec.key, from })
    return otherKey
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

  #reportEnd(entry: Entry, { attempt }: Running, outcome: Outcome, step: Step): void {
    const { counters } = this.#parts
    const { record } = entry
    const ms = Math.max(0, step.now.wall - attempt.startedAt)
    const fields = { task: entry.id, key: entry.key, attempt: attempt.number, ms }
    if (outcome.ok) {
      counters.add('tasks_succeeded')
      step.log('info', 'task-succeeded', fields)
      return
    }
    counters.add(outcome.error.code === 'RUNNER_LOST' ? 'attempts_lost' : 'attempts_failed')
    const reason = outcome.error.code
    if (record.state === 'dead') this.#reportDead(entry, step)
    else if (record.state === 'retrying') {
      counters.add('tasks_retried')
      const pauseMs = (record.notBefore ?? wallOf(0)) - step.now.wall
      step.log('info', 'task-retry', { ...fields, reason, pauseMs })
    } else step.log('info', 'attempt-failed', { ...fields, reason, state: record.state })
  }

  #reportDead(entry: Entry, step: Step): void {
    this.#parts.counters.add('tasks_dead')
    const { error } = entry.record
    step.log('warn', 'task-dead', {
      task: entry.id,
      key: entry.key,
      attempt: lastNumber(entry.record),
      reason: error?.code,
      detail: error?.message.slice(0, 200),
    })
  }
}
