/**
 * Copies of tasks that have ended and were dropped everywhere, in the hands of a node that did not hear of it: it was away for
 * long, or what was sent to it came late.
 *
 * The intuition: who knows all that counts (`completeness.ts`) need not remember what has ended. What turns up and is not
 * known was dropped after its end, or never counted, and nobody was told that it was accepted.
 * The rules: a complete owner does not take it, and says so; whoever has it drops it. A new owner that finds it among what
 * others hold drops it when, for every noted ring, so many holders answered without it that one of those on which it had to
 * be has dropped it; where those who live and have not answered may still show that, it waits for them, for a while. Else it
 * is taken for a task that must run. Neither age nor silence makes anybody drop anything. An owner that had lost its right for
 * a while is a new owner to itself: others may have ended, under the same ring, what still waits in its queue. Schedules go by
 * the same rules: one that is deleted ends, and is dropped, as a task does.
 * The task of a slot that is not decided yet has not ended, whoever has it: it is taken for one that must run. That of a slot that a
 * later owner has listed as missed never counted, since that one knew of all that had, and does not run any more.
 * An owner remembers what it has dropped lately, for as long as the key is its own (`dropped-ends.ts`): after a change of the
 * voter list, or where a holder is gone, it may not be sure that it knows all that counts.
 * What stays: an old copy found by a new owner while another holder is gone is run again, if its task had ended and was
 * dropped by that one too.
 *
 * Not taken: to keep the end of a task until every node that may have an older copy has heard of it. What is away for good
 * would keep all of it for good.
 */
import type { Failure } from '../base/errors.ts'
import type { NodeId } from '../base/ids.ts'
import { after } from '../base/time.ts'
import type { Belief } from './completeness.ts'
import type { TasksConfig } from './config.ts'
import type { Counters } from './counts.ts'
import type { Step } from './effects.ts'
import { isSettled } from './merge.ts'
import type { Records } from './records.ts'
import { INCOMPLETE, unknownTask } from './refusals.ts'
import type { Right } from './right.ts'
import type { Schedule } from './schedule.ts'
import { isOfMissedSlot, isOfOpenSlot, isSchedule, scheduleIdOf } from './schedules/state.ts'
import type { Entry, Table } from './table.ts'
import type { Takeover } from './takeover.ts'
import type { TaskRecord } from './task.ts'
import type { View } from './view.ts'

/** Lists of nodes that are shared by tasks, at most. Eight members have 336 of up to three. */
const LISTS_MAX = 4_096

/** May a copy leave this node? `later`: not yet. `never`: it is dropped, or goes when its key does. */
export type Leaving = 'now' | 'later' | 'never'

export interface LeftoversParts {
  readonly view: View
  readonly table: Table
  readonly takeover: Takeover
  readonly records: Records
  readonly counters: Counters
  readonly config: TasksConfig
  readonly right: Right
  readonly schedule: Schedule
}

export class Leftovers {
  readonly #parts: LeftoversParts
  /** Many tasks are with the same few nodes: one list for all of them. Of the term that is asked about. */
  readonly #lists = new Map<string, readonly NodeId[]>()
  #listsOf = 0

  constructor(parts: LeftoversParts) {
    this.#parts = parts
  }

  /** The node says that it has it. @param first nobody else said so before, and this node did not have it either */
  told(entry: Entry, by: NodeId, first = false): void {
    const had = first ? [] : this.#had(entry)
    if (entry.toldOf === this.#asking && had.includes(by)) return
    entry.told = this.#listOf(had.includes(by) ? had : [...had, by])
    entry.toldOf = this.#asking
  }

  /**
   * Somebody has just been told, or is about to be, that it is there. Who was asked before may have got it since, so answers of
   * before say nothing of it.
   */
  vouched(entry: Entry): void {
    entry.judgedOf = this.#asking
  }

  /** Its key may go on, but not yet this task: those who live are heard first, for as long as a takeover is patient. */
  isUnsure(entry: Entry, { now }: Step): boolean {
    const { takeover, config } = this.#parts
    return this.#belief(entry) === 'unsure' && now.mono < after(takeover.startedAt, config.inventoryMs)
  }

  /** Its key may go on, but not this task. What may is not looked at again before the next term. */
  isOver(entry: Entry): boolean {
    if (this.#belief(entry) === 'no') return true
    entry.judgedOf = this.#asking
    return false
  }

  /**
   * Before anything is decided about what waits here, for whatever reason: does it go on? Another owner may have ended it, and
   * told so, while this one had no right. What does not go on is dropped.
   */
  judge(entry: Entry, step: Step): 'goes-on' | 'unsure' | 'dropped' {
    if (this.isUnsure(entry, step)) return 'unsure'
    if (!this.isOver(entry)) return 'goes-on'
    this.#parts.schedule.clear(entry)
    this.drop(entry, step)
    return 'dropped'
  }

  /** Why an order for the task may not be obeyed: it may be over. */
  barring(entry: Entry, step: Step): Failure | undefined {
    if (entry.place === 'here') return undefined
    const verdict = this.judge(entry, step)
    if (verdict === 'unsure') return INCOMPLETE
    return verdict === 'dropped' ? unknownTask(entry.id) : undefined
  }

  /** Was it looked at since others may have had its key? */
  isJudged({ key, judgedOf }: Entry): boolean {
    const { quorum } = this.#parts.takeover
    if (quorum === undefined || !quorum.isQuorum(key) || judgedOf === this.#asking) return true
    return quorum.hasHad(key, judgedOf)
  }

  /**
   * An owner that has lost its right sends nothing of what has not ended before it has judged it: with others it would pass for
   * something that they had, and speak for itself when they are asked.
   */
  leaving(entry: Entry, step: Step): Leaving {
    const { takeover, view, right } = this.#parts
    const { quorum } = takeover
    if (quorum?.isQuorum(entry.key) !== true || isSettled(entry.record)) return 'now'
    const owner = entry.epoch === view.epoch ? entry.owner : view.owner(entry.key)
    if (owner !== view.self) return 'now'
    const later = entry.place === 'gated' ? 'never' : 'later'
    if (right.leaveFor(entry.key) === undefined || takeover.gates(entry.key)) return later
    if (entry.place === 'here' || this.isJudged(entry)) return 'now'
    const verdict = this.judge(entry, step)
    return verdict === 'goes-on' ? 'now' : verdict === 'unsure' ? later : 'never'
  }

  /** It waits nowhere any more. */
  drop(entry: Entry, step: Step): void {
    this.#drop(entry, this.#had(entry), step)
  }

  /** Does a term that is held have the key, without a break? Its owner of now may be another one, for as long as it is kept. */
  isKept({ key }: Entry): boolean {
    const { epochs } = this.#parts.right
    return epochs?.isQuorum(key) === true && epochs.hasUnder(key, new Set(epochs.held))
  }

  /** The owner of these knows that they are over. What is another copy by now, or in use here, stays. */
  ended(from: NodeId, records: readonly TaskRecord[], step: Step): void {
    const { view, table } = this.#parts
    for (const record of records) {
      const { spec, revision, term } = record
      const entry = table.get(spec.id)
      if (entry === undefined || entry.epoch !== view.epoch || entry.owner !== from) continue
      if (entry.place !== 'nowhere' || entry.lists.length > 0) continue
      // Accepted anew under one id, it begins with the same revision.
      const sameLife = isSchedule(record) || entry.record.acceptedAt === record.acceptedAt
      if (!sameLife || entry.record.revision !== revision || entry.record.term !== term) continue
      this.#drop(entry, [from], step)
    }
  }

  get #asking(): number {
    return this.#parts.takeover.quorum?.asking ?? 0
  }

  #belief(entry: Entry): Belief {
    const { quorum } = this.#parts.takeover
    if (quorum === undefined || this.isJudged(entry) || isSettled(entry.record)) return 'yes'
    if (isOfMissedSlot(entry.record, id => this.#parts.table.get(id)?.record)) return 'no'
    const belief = quorum.mustRun(entry.record, this.#had(entry))
    const schedule = belief === 'yes' ? undefined : this.#openScheduleOf(entry)
    const ofSchedule = schedule === undefined ? 'no' : this.#belief(schedule)
    return ofSchedule === 'no' ? belief : ofSchedule
  }

  /**
   * The end of a slot's task is not dropped before the slot is decided. So a copy of which the slot is open has not ended; at most it
   * never counted. Without it the slot would be listed as missed, and another copy, with somebody who is away, could run later.
   */
  #openScheduleOf({ key, record }: Entry): Entry | undefined {
    const { table } = this.#parts
    if (!isOfOpenSlot(record, id => table.get(id)?.record)) return undefined
    const schedule = table.get(scheduleIdOf(key))
    return schedule?.record.schedule?.ordered.deleted === false ? schedule : undefined
  }

  /** Nothing was said of it since the term is asked about: it was here before. */
  #had({ told, toldOf }: Entry): readonly NodeId[] {
    return toldOf === this.#asking ? told : [this.#parts.view.self]
  }

  #listOf(nodes: readonly NodeId[]): readonly NodeId[] {
    if (this.#listsOf !== this.#asking) this.#lists.clear()
    this.#listsOf = this.#asking
    const name = nodes.join(' ')
    const known = this.#lists.get(name) ?? nodes
    if (this.#lists.size < LISTS_MAX) this.#lists.set(name, known)
    return known
  }

  #drop(entry: Entry, by: readonly NodeId[], step: Step): void {
    const { counters, records } = this.#parts
    const { id: task, key, record } = entry
    counters.add('ended_copies_dropped')
    step.log('info', 'ended-copy-dropped', { task, key, state: record.state, term: record.term ?? 0, by })
    records.erase(entry, step)
  }
}
