/**
 * What this node makes of each task it knows: owns it, holds a copy of it, waits for it, runs it.
 *
 * Every change of a record goes through `Records`: memory, disk and the other holders learn of it together. Every change
 * of circumstances (ring, takeover, news from elsewhere) goes through `place`, which only looks at how things are now
 * and never at what they were; so it does not matter in which order or how often it is called.
 */
import type { NodeId, TaskId } from '../base/ids.ts'
import { after, wallOf } from '../base/time.ts'
import type { TasksConfig } from './config.ts'
import type { Conflicts } from './conflicts.ts'
import type { Copies } from './copies.ts'
import type { Counters } from './counts.ts'
import type { Covering } from './covering.ts'
import type { DroppedEnds } from './dropped-ends.ts'
import type { Step } from './effects.ts'
import { type Execution, FENCE_MS } from './execution.ts'
import type { Expiry } from './expiry.ts'
import { ahead, isAhead } from './former-lives.ts'
import type { Handoffs } from './handoffs.ts'
import type { Leftovers } from './leftovers.ts'
import type { Losses } from './losses.ts'
import { isSettled, mergeRecords } from './merge.ts'
import { overlaps } from './overlap.ts'
import { isEarly } from './pauses.ts'
import type { Records } from './records.ts'
import type { Replication } from './replication.ts'
import { isLoan, isWrittenUnderHeld, leaveNow, type Right } from './right.ts'
import type { Schedule } from './schedule.ts'
import { isSchedule } from './schedules/state.ts'
import { sameSpec } from './spec.ts'
import type { Entry, Table } from './table.ts'
import type { Takeover } from './takeover.ts'
import type { Outcome, TaskRecord, TaskSpec } from './task.ts'
import { freshRecord, transition } from './transition.ts'
import { Trimming } from './trimming.ts'
import type { View } from './view.ts'

/** Pauses that end in one step at most. */
const DUE_MAX = 1_000
/** Keys looked at for the right to act, or offered again, in one step at most: 5 ms when a look takes 20 us. */
export const LOOKS_MAX = 250

export interface WorkParts {
  readonly view: View
  readonly table: Table
  readonly schedule: Schedule
  readonly replication: Replication
  readonly takeover: Takeover
  readonly counters: Counters
  readonly config: TasksConfig
  readonly records: Records
  readonly execution: Execution
  readonly covering: Covering
  readonly handoffs: Handoffs
  readonly right: Right
  readonly expiry: Expiry
  readonly losses: Losses
  readonly leftovers: Leftovers
  readonly conflicts: Conflicts
  readonly dropped: DroppedEnds
  /** Where copies are counted in quorum mode. */
  readonly copies?: Copies | undefined
}

export class Work {
  readonly trimming: Trimming
  readonly #parts: WorkParts

  constructor(parts: WorkParts) {
    this.trimming = new Trimming(parts)
    this.#parts = parts
  }

  /** Finds out anew who owns the task, who should have a copy, and what it waits for. */
  place(entry: Entry, step: Step): void {
    const { view, table, schedule, takeover, leftovers } = this.#parts
    const holders = entry.record.revision > 0 ? view.holders(entry.key) : undefined
    const owner = holders === undefined ? view.owner(entry.key) : holders[0]
    this.#time(entry, owner, step)
    if (holders !== undefined) this.#parts.copies?.placed(entry, holders)
    this.#parts.covering.placed(entry)
    table.assign(entry, owner, view.epoch)
    if (owner !== view.self) {
      this.#parts.copies?.give(entry, step)
      this.#parts.records.deadlines.forget(entry.id)
    }
    if (entry.place !== 'here' && owner === view.self) {
      if (takeover.gates(entry.key) || leftovers.isUnsure(entry, step)) {
        if (entry.place === 'gated') return
        schedule.clear(entry)
        entry.copies = []
        schedule.gate(entry)
        return
      }
      if (this.#dropsLeftover(entry, step)) return
    }
    this.#parts.covering.cover(entry, step)
    this.#schedule(entry, step)
  }

  /** These members have other disks than before. True when what they had is to be placed anew. */
  disksLost(nodes: readonly NodeId[], step: Step): boolean {
    const any = this.#parts.covering.lost(nodes)
    if (any) step.log('warn', 'disks-lost', { nodes })
    return any
  }

  /** A new task of this node. */
  accept(spec: TaskSpec, step: Step, source: TaskRecord['source'] = 'api'): Entry {
    const { table, counters, dropped } = this.#parts
    const { wall } = step.now
    const fresh = freshRecord(spec, source, wall, this.#parts.records.holders(spec.key), 1)
    const before = dropped.lastOf(spec)?.acceptedAt
    const isNewer = before === undefined || before < wall
    const entry = table.add(isNewer ? fresh : { ...fresh, acceptedAt: wallOf(before + 1) })
    this.#parts.conflicts.over(entry)
    this.#parts.leftovers.vouched(entry)
    this.#parts.records.change(entry, entry.record, step)
    this.place(entry, step)
    counters.add('tasks_accepted')
    step.log('debug', 'task-accepted', { task: spec.id, key: spec.key, type: spec.type })
    return entry
  }

  /** A copy that another node has sent. Returns the key that its id has here, if another. @param onDisk it is on that node's disk */
  learn(record: TaskRecord, from: NodeId, step: Step, onDisk = false): string | undefined {
    const { table, view, leftovers } = this.#parts
    const known = table.get(record.spec.id)
    if (known === undefined) {
      const end = this.#parts.conflicts.takeEnd(record.spec)
      if (end !== undefined) {
        this.learn(end, view.self, step)
        return this.learn(record, from, step, onDisk)
      }
      this.#parts.records.overlaps.note(undefined, record)
      const entry = table.add(record)
      // Who told of it when they were asked is not known: then it was not taken.
      if (this.#parts.conflicts.over(entry)) leftovers.vouched(entry)
      this.#parts.records.took(entry, onDisk ? [from] : [], step)
      const own = view.owner(entry.key) === view.self
      // Where copies are counted the owner may know that it is over, although it had it: only its own word says that it has it.
      const alone = own || (this.#isCounted(entry) && from !== view.owner(entry.key))
      entry.copies = alone ? [from] : [...record.holders, from]
      if (own) leftovers.told(entry, from, true)
      this.place(entry, step)
      if (entry.place === 'gated') entry.copies = [from]
      return undefined
    }
    // Before it is judged by what everybody said.
    if (view.owner(known.key) === view.self && known.key === record.spec.key) leftovers.told(known, from)
    if (known.epoch !== view.epoch) this.place(known, step)
    // It was over, and is dropped. So is a copy of the same task; another one with its id is judged by itself.
    if (table.get(known.id) !== known)
      return known.key === record.spec.key ? undefined : this.learn(record, from, step, onDisk)
    const { spec } = known.record
    const same = sameSpec(spec, record.spec)
    if (!same && this.#conflicts(known, record, from, step)) return known.key
    if (this.#isOfFormerLife(known, record)) {
      this.#parts.records.change(known, ahead(known.record, record), step)
    }
    // One object for all versions: what is measured and written out of it is so once.
    this.#merge(known, same ? { ...record, spec } : record, from, onDisk, step)
    return undefined
  }

  /** What has ended, and could not be taken so far, since another task had its id: nobody may tell of it again. */
  takeEnds(step: Step): void {
    const { table, view, conflicts } = this.#parts
    const isFree = (id: TaskId): boolean => table.get(id) === undefined
    for (const end of conflicts.freeEnds(isFree)) this.learn(end, view.self, step)
  }

  /** Fills the free slots, its own and those that clients offer, with what is ready and may be acted for. True when there may be more to look at. */
  start(step: Step): boolean {
    const { schedule, view, execution } = this.#parts
    for (let looks = 0; ; looks++) {
      const entry = schedule.first(schedule.occupied - schedule.claimed < execution.places.count)
      if (entry === undefined) return false
      if (looks === LOOKS_MAX) return true
      if (entry.epoch !== view.epoch) this.place(entry, step)
      else if (!this.#begin(entry, step)) return false
    }
  }

  /** An attempt of this node has ended. */
  end(task: TaskId, number: number, outcome: Outcome, step: Step): void {
    const entry = this.#parts.execution.end(task, number, outcome, step)
    if (entry !== undefined) this.#schedule(entry, step)
  }

  /** It waits nowhere: an attempt of it was given up before it ran. */
  putBack(entry: Entry, step: Step): void {
    this.#schedule(entry, step)
  }

  /** Pauses that are over. True when there may be more. */
  wakeDue(step: Step): boolean {
    const { schedule, table } = this.#parts
    for (let i = 0; i < DUE_MAX; i++) {
      const entry = schedule.takeDue(step.now)
      if (entry === undefined) return false
      // Not written: the pause on disk ends by itself, and the next start is. What was never stored stays so.
      const { revision, state } = entry.record
      if (state !== 'ready') {
        const ready = transition(entry.record, 'ready')
        table.put(entry, revision === 0 ? { ...ready, revision } : ready)
      }
      schedule.enqueue(entry, step.now)
    }
    return true
  }

  /** This process has just begun, so what its disk says to run here was lost with the one before. */
  loseOwn(entries: readonly Entry[], step: Step): void {
    const { self } = this.#parts.view
    for (const entry of entries) {
      const open = entry.record.attempts.filter(attempt => attempt.outcome === undefined)
      if (entry.record.state !== 'running' || entry.place === 'here') continue
      // Only its owner says so, under a term of its own.
      if (this.#isCounted(entry)) continue
      if (open.some(attempt => attempt.node === self) && open.every(attempt => attempt.node === self)) {
        this.#parts.losses.lose(entry, step)
      }
    }
  }

  /** The takeover is complete: what waited for it goes on, at most `max` tasks now. Returns how many did. */
  release(max: number, step: Step): number {
    const { schedule, takeover, leftovers } = this.#parts
    let released = 0
    for (const entry of schedule.gated) {
      if (released === max) break
      if (takeover.gates(entry.key) || leftovers.isUnsure(entry, step)) continue
      this.releaseOne(entry, step)
      released++
    }
    return released
  }

  releaseOne(entry: Entry, step: Step): void {
    if (this.#dropsLeftover(entry, step)) return
    this.#parts.schedule.clear(entry)
    this.#parts.covering.cover(entry, step)
    this.#schedule(entry, step)
  }

  /** Looks again at what these nodes are said to run. */
  recheckElsewhere(which: (node: NodeId) => boolean, step: Step): void {
    const concerned = [...this.#parts.schedule.elsewhere].filter(([, node]) => which(node))
    for (const [entry] of concerned) this.#schedule(entry, step)
  }

  /** Puts an unfinished task of this node where it has to wait. */
  #schedule(entry: Entry, step: Step): void {
    const { schedule, view } = this.#parts
    if (entry.place === 'here') return
    schedule.clear(entry)
    if (entry.owner !== view.self || isSchedule(entry.record) || this.#parts.expiry.takes(entry, step)) return
    const { record } = entry
    if (isSettled(record)) return
    if (record.state === 'ready') schedule.enqueue(entry, step.now)
    else if (record.state === 'running') this.#awaitOrLose(entry, step)
    else schedule.delay(entry, step.now)
  }

  #isCounted({ key }: Entry): boolean {
    return this.#parts.right.epochs?.isQuorum(key) === true
  }

  #dropsLeftover(entry: Entry, step: Step): boolean {
    const { leftovers, schedule } = this.#parts
    if (!this.#isCounted(entry) || !leftovers.isOver(entry)) return false
    schedule.clear(entry)
    leftovers.drop(entry, step)
    return true
  }

  #awaitOrLose(entry: Entry, step: Step): void {
    const { leftovers, takeover } = this.#parts
    if (this.#isCounted(entry) && (takeover.gates(entry.key) || leftovers.isUnsure(entry, step))) {
      this.#parts.schedule.gate(entry)
      return
    }
    // Given up for lost it would be written under a term of now, and pass for what was judged.
    if (this.#dropsLeftover(entry, step)) return
    const node = this.#runsAt(entry, step)
    if (node !== undefined) this.#parts.schedule.awaitFrom(entry, node)
    else {
      this.#parts.losses.lose(entry, step)
      this.#schedule(entry, step)
    }
  }

  /**
   * A task that runs, but not here: who may still finish it? In quorum mode the right to act says more than any answer:
   * with it nobody else, without it whoever began, also one that seems dead.
   */
  #runsAt(entry: Entry, step: Step): NodeId | undefined {
    const { view, takeover } = this.#parts
    const leave = leaveNow(this.#parts.right, entry.key, step.now.mono)
    if (leave !== undefined && isLoan(leave)) return undefined
    const others = entry.record.attempts.filter(({ node, outcome }) => !outcome && node !== view.self)
    for (const { node } of others) {
      if (!view.live.has(node)) continue
      const runs = takeover.runsAt(node, entry.id)
      if (runs === false) continue
      if (runs === undefined) takeover.inquire(node, step.now.mono)
      return node
    }
    return leave === undefined ? others[0]?.node : undefined
  }

  /** Unfinished work that changes hands is timed. */
  #time(entry: Entry, owner: NodeId | undefined, { now }: Step): void {
    const { view, handoffs } = this.#parts
    if (isSchedule(entry.record)) return
    // A record that comes from elsewhere names its owner of then first.
    const before = entry.owner ?? entry.record.holders[0]
    if (owner !== view.self) handoffs.lost(entry.key)
    else if (before !== undefined && before !== owner && !isSettled(entry.record)) {
      handoffs.gained(entry.key, entry.id, now.mono)
    }
  }

  /** False when the right is about to end: it is renewed soon, or gone. */
  #begin(entry: Entry, step: Step): boolean {
    const { schedule, execution, handoffs, leftovers } = this.#parts
    const leave = leaveNow(this.#parts.right, entry.key, step.now.mono)
    const gated = leave !== undefined && this.#isCounted(entry) && this.#parts.takeover.gates(entry.key)
    if (leave === undefined || gated) schedule.withhold(entry.key)
    else if (leave.until <= after(step.now.mono, FENCE_MS)) return false
    else if (leftovers.isUnsure(entry, step)) {
      schedule.clear(entry)
      schedule.gate(entry)
    } else if (!this.#dropsLeftover(entry, step)) {
      schedule.clear(entry)
      if (this.#parts.expiry.takes(entry, step)) return true
      // Its time seemed to have come, by a clock that was ahead.
      if (isEarly(entry.record, step.now.wall)) {
        schedule.delay(entry, step.now)
        return true
      }
      // Its start could not be noted, and would keep its key busy meanwhile.
      if (this.#isCounted(entry) && this.#parts.copies?.isBarred(entry) === true) {
        schedule.hold(entry, step.now)
        return true
      }
      execution.begin(entry, leave, step)
      handoffs.started(entry.key, step.now.mono)
    }
    return true
  }

  /** Is it of a life of before of a task of this node, which seems to be the later one? See `former-lives.ts`. */
  #isOfFormerLife(entry: Entry, record: TaskRecord): boolean {
    const { view, right } = this.#parts
    const { epochs } = right
    if (epochs === undefined || entry.owner !== view.self || !isAhead(record, entry.record)) return false
    return this.#isCounted(entry) && isWrittenUnderHeld(entry.key, record.term, epochs)
  }

  #merge(entry: Entry, record: TaskRecord, from: NodeId, onDisk: boolean, step: Step): void {
    const { view, replication, records, copies } = this.#parts
    const merged = mergeRecords(entry.record, record)
    const news = merged !== entry.record
    const theirsIsWhole = merged === record || mergeRecords(record, entry.record) === record
    if (news) {
      if (overlaps(merged.attempts) && !overlaps(entry.record.attempts)) this.#sawOverlap(merged, step)
      records.put(entry, merged)
      records.took(entry, theirsIsWhole && onDisk ? [from] : [], step)
    } else if (theirsIsWhole && onDisk && this.#isCounted(entry)) copies?.found(from, entry, step)
    if (news || theirsIsWhole) replication.merged(merged, theirsIsWhole)
    // As owner, who had the copy of before has not got the one of now.
    const known = entry.owner !== view.self ? merged.holders : news ? [] : entry.copies
    const others = known.filter(node => node !== from)
    entry.copies = theirsIsWhole ? [...others, from] : others
    if (entry.place === 'here') this.#parts.execution.heard(entry, step)
    if (entry.place === 'gated') return
    this.#parts.covering.cover(entry, step)
    if (news) this.#schedule(entry, step)
  }

  #sawOverlap({ spec, attempts }: TaskRecord, step: Step): void {
    this.#parts.counters.add('task_overlaps_seen')
    const nodes = attempts.map(({ node, number }) => `${node}:${number}`)
    step.log('warn', 'task-overlap-seen', { task: spec.id, key: spec.key, attempts: nodes })
  }

  /** One id, two contents: the submitter's mistake, or two sides of a partition. Both keys keep their own task. */
  #conflicts(known: Entry, record: TaskRecord, from: NodeId, step: Step): boolean {
    const { id: task, key } = known
    const otherKey = record.spec.key
    this.#parts.counters.add('task_conflicts')
    if (otherKey === key) step.log('warn', 'task-conflict', { task, key, otherKey, from })
    else this.#parts.conflicts.brought(known, record, from, step)
    return otherKey !== key
  }
}
