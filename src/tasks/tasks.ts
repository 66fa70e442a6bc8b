/**
 * What must run, where it stands, and who holds copies.
 *
 * Intuition: every node knows the ring, so every node knows which tasks are its own, and no one has to hand them out.
 * It runs its own, writes down each step before it takes it, and keeps the next nodes on the ring informed, so that
 * whoever inherits a key also inherits what is known about it.
 * Rule: this class is a machine. Each method takes one thing that happened and returns what must happen outside; it
 * reads no clock, waits for nothing, and given the same calls it says the same.
 * The parts: `View` whom we see; `Table` what we know; `Work` what we make of it; `Schedule` where unfinished tasks
 * wait; `Execution` what runs here, under which right; `Kept` lost keys we are not done with; `Covering` who is to hold
 * copies; `Replication` what is on its way to them; `Takeover` and `Inventories` what when keys change hands; `Desk`
 * requests. `compose` makes them; this file only carries calls to them.
 * Not taken: a leader that assigns tasks, or claims in a shared log. Both need a quorum for every start. Here the right to
 * act (`Right`) is asked for by key, not by task: in quorum mode one node at most starts tasks of a key; in available mode
 * two sides of a partition may both run a task, and the merge of their records shows it.
 */
import type { NodeId, RequestId, TaskId } from '../base/ids.ts'
import type { Instant, Now } from '../base/time.ts'
import type { Ring } from '../ring/ring.ts'
import type { TaskLoad } from './account.ts'
import { compose, type Parts, type Phase } from './composition.ts'
import type { Metric, TaskCounts, TaskQuery } from './counts.ts'
import type { Durability } from './durability.ts'
import { Step, type TasksEffect } from './effects.ts'
import type { TasksInit } from './init.ts'
import type { TaskLinkMessage, TaskRequest } from './messages.ts'
import { pageOf, type TaskPage } from './page.ts'
import type { Running } from './schedule.ts'
import type { HeldSchedules } from './schedules/held.ts'
import type { DiskSight } from './store-failure.ts'
import type { SurveyQuestion, Vitals } from './survey.ts'
import { type Entry, shownOf } from './table.ts'
import type { Outcome, TaskRecord, TaskSpec } from './task.ts'
import type { Waiting } from './waiting.ts'
import { LOOKS_MAX } from './work.ts'

/** Tasks of one key that are shown. */
const SHOWN_OF_KEY_MAX = 100
const NOTHING: readonly TasksEffect[] = []

export type { TasksInit } from './init.ts'

export class Tasks {
  readonly #parts: Parts
  readonly #disk: DiskSight | undefined
  /** Pauses have ended that this step could not get to. */
  #dueLeft = false
  /** There may be more settled records to drop than this step could. */
  #surplusLeft = false
  /** The right was looked at as of this version of it. */
  #rightVersion = 0
  /** There may be more ready tasks to look at, or keys to offer again, than this step could. */
  #startsLeft = false
  /** As of the latest step. */
  #now: Now
  /** Until the first view: what the process before this one left behind. */
  #inherited: readonly Entry[]
  #phase: Phase = 'closed'
  /** While several inputs are taken as one step. */
  #shared: Step | undefined

  constructor(init: TasksInit) {
    this.#now = init.now
    this.#disk = init.disk
    this.#parts = compose(init, { phase: () => this.#phase, wall: () => this.#now.wall })
    this.#inherited = this.#parts.inherited
  }

  get schedules(): HeldSchedules {
    return this.#parts.schedules
  }

  /**
   * Membership has changed.
   *
   * @param ring the members that own keys
   * @param live the members one can talk to, this node and those who leave included
   * @param replaced those of them that came back with another disk. Of keys in quorum mode the voters know that better
   */
  viewChanged(
    ring: Ring,
    live: readonly NodeId[],
    now: Now,
    replaced: readonly NodeId[] = [],
  ): TasksEffect[] {
    const step = this.#begin(now)
    const before = this.#parts.view.ring
    const changed = this.#parts.view.change(ring, live)
    const others = this.#parts.view.others()
    this.#parts.replication.keepOnly(
      new Set([...others, ...ring.members.map(({ id }) => id)]),
      others.length === 0,
    )
    this.#parts.takeover.keepOnly(this.#parts.view.live)
    const lost = replaced.length > 0 && this.#parts.work.disksLost(replaced, step)
    if (changed) {
      this.#parts.replication.ringChanged()
      this.#parts.placing.newRing(before, ring, step)
    } else if (lost) this.#parts.placing.again(step)
    // Under the same ring nothing is placed anew, and a member may have begun anew, with nothing of what it ran.
    if (!changed) this.#parts.takeover.doubtAnswers()
    this.#parts.execution.viewChanged()
    this.#parts.work.loseOwn(this.#inherited, step)
    this.#inherited = []
    this.#parts.placing.scanSome(step)
    this.#parts.work.recheckElsewhere(node => !changed || !this.#parts.view.live.has(node), step)
    this.#parts.desk.viewChanged(step)
    return this.#finish(step)
  }

  /** The node has seen enough of the cluster to take part: seeds synced, view still, members there. */
  open(now: Now): TasksEffect[] {
    const step = this.#begin(now)
    if (this.#phase !== 'closed') return []
    this.#phase = 'open'
    // In quorum mode it begins with a term.
    if (this.#parts.takeover.quorum?.only !== true) this.#parts.placing.beginTakeover(step)
    return this.#finish(step)
  }

  /** A shared task list was read: these are all of its tasks. */
  taskList(name: string, specs: readonly TaskSpec[], now: Now): TasksEffect[] {
    const step = this.#begin(now)
    this.#parts.lists.load(name, specs, step)
    this.#parts.placing.rescan()
    this.#parts.placing.scanSome(step)
    return this.#finish(step)
  }

  /** From a face of this node; answered by exactly one `reply`, now or later. */
  request(id: RequestId, request: TaskRequest, now: Now): TasksEffect[] {
    return this.requestAll([{ id, request }], now)
  }

  /** The same for many, in one write and in few frames to each owner. */
  requestAll(
    requests: readonly { readonly id: RequestId; readonly request: TaskRequest }[],
    now: Now,
  ): TasksEffect[] {
    const step = this.#begin(now)
    for (const { id, request } of requests) this.#parts.desk.request(id, request, step)
    return this.#finish(step)
  }

  /** What is told between begin and end of `feed` is one step; its effects are those of this call. */
  together(now: Now, feed: () => void): TasksEffect[] {
    const step = this.#begin(now)
    this.#shared = step
    try {
      feed()
    } finally {
      this.#shared = undefined
    }
    return this.#finish(step)
  }

  measured(vitals: Vitals): void {
    this.#parts.desk.measured(vitals)
  }

  /** To all nodes; answered by exactly one `surveyed`. */
  survey(id: RequestId, question: SurveyQuestion, now: Now): TasksEffect[] {
    const step = this.#begin(now)
    this.#parts.desk.survey(id, question, step)
    return this.#finish(step)
  }

  message(from: NodeId, message: TaskLinkMessage, now: Now): TasksEffect[] {
    const step = this.#begin(now)
    // A node that stood still: what it ran has ended with its right, and that goes into its own record, not into the one that it hears of.
    if (this.#parts.execution.overdue(now.mono)) this.#parts.execution.fence(step)
    this.#parts.hearing.hear(from, message, step)
    return this.#finish(step)
  }

  /** The attempt, if it is under way here. */
  running(task: TaskId, attempt: number): Running | undefined {
    const running = this.#parts.schedule.here.get(task)
    return running?.attempt.number === attempt ? running : undefined
  }

  attemptEnded(task: TaskId, attempt: number, outcome: Outcome, now: Now): TasksEffect[] {
    const step = this.#begin(now)
    this.#parts.work.end(task, attempt, outcome, step)
    return this.#finish(step)
  }

  /** A client waits for tasks of these types: attempts of them may begin, one for each place. */
  offer(offer: number, types: readonly string[], places: number, now: Now): TasksEffect[] {
    const step = this.#begin(now)
    this.#parts.offers.add(offer, types, places)
    return this.#finish(step)
  }

  /** It waits no more; places that were taken of it stay taken. */
  withdrawOffer(offer: number): void {
    this.#parts.offers.withdraw(offer)
  }

  /** What was to be told under this mark is durable. */
  persisted(mark: number, now: Now): TasksEffect[] {
    const step = this.#begin(now)
    this.#parts.confirmations.persisted(mark, step)
    this.#parts.durability?.copies.persisted(mark, step)
    return this.#finish(step)
  }

  /**
   * Holds what runs against the right to act, and starts what may start by now. To be called at the end of every step of
   * the node, after `keptKeys` has been told to whoever gives the right; cheap when nothing has changed.
   */
  fence(now: Now): readonly TasksEffect[] {
    this.#parts.kept.expire(now.mono)
    const due = this.#parts.execution.fenceDue(now.mono)
    const renewed = this.#parts.right.version !== this.#rightVersion
    if (!due && !renewed) return NOTHING
    const step = this.#begin(now)
    if (due) this.#parts.execution.fence(step)
    return renewed || step.wrote ? this.#finish(step) : step.effects()
  }

  /**
   * Keys in quorum mode that this node does not own (any more) and is not done with. Distinct, and the same array until they
   * change. More than `KEPT_KEYS_MAX` only while attempts that were stopped for that have not ended: until then, to ask for
   * leave without all of them would be to say that this node does not act for them.
   */
  keptKeys(): readonly string[] {
    return this.#parts.kept.keys()
  }

  /** A connection to this node has closed; there may be others. */
  linkClosed(node: NodeId, now: Now): void {
    this.#parts.inventories.linkClosed(node, now.mono)
  }

  /** From now on nothing is started or accepted; what runs may end. */
  leave(_now: Now): TasksEffect[] {
    this.#phase = 'leaving'
    return []
  }

  /** Attempts that are this node's: executed, carried out by clients, or about to begin. */
  get underWay(): number {
    return this.#parts.schedule.occupied
  }

  /** Nothing runs here any more, and every change made here is on another disk, if there is another that would count. */
  drained(): boolean {
    const { durability, schedule, replication, placing } = this.#parts
    const handedOver = durability?.released(this.#now.mono) !== false
    const safe = replication.unsafe === 0 || durability?.countsNothing === true
    return schedule.running === 0 && safe && !placing.scanning && handedOver
  }

  /** Changed records that no other disk is known to have. */
  get unsafe(): number {
    return this.#parts.replication.unsafe
  }

  /** The time to drain is over: ends what still runs and gives it back. */
  abandon(now: Now): TasksEffect[] {
    const step = this.#begin(now)
    this.#parts.execution.abandon(step)
    return this.#finish(step)
  }

  tick(now: Now): TasksEffect[] {
    const step = this.#begin(now)
    this.#parts.placing.scanSome(step)
    this.#parts.schedules.tick(step)
    this.#parts.work.takeEnds(step)
    this.#dueLeft = this.#parts.work.wakeDue(step)
    this.#parts.work.trimming.tick()
    this.#parts.expiry.tick(step)
    this.#parts.execution.places.tick(step)
    this.#parts.missing.tell(step)
    this.#parts.replication.tick(now.mono)
    this.#parts.desk.tick(step)
    this.#parts.durability?.copies.tick(step)
    this.#parts.antiEntropy.tick(step)
    return this.#finish(step)
  }

  /** When `tick` is wanted at the latest; a past instant means at once. */
  nextWake(): Instant {
    if (this.#dueLeft || this.#surplusLeft || this.#startsLeft || this.#parts.placing.unfinished)
      return 0 as Instant
    return Math.min(
      this.#parts.schedule.nextDue,
      this.#parts.expiry.nextWake(),
      this.#parts.schedules.nextWake(),
      this.#parts.execution.nextWake(),
      this.#parts.kept.nextWake(),
      this.#parts.replication.nextWake(),
      this.#parts.takeover.nextWake(),
      this.#parts.inventories.nextWake(),
      this.#parts.antiEntropy.nextWake(),
      this.#parts.desk.nextWake(),
    ) as Instant
  }

  get(id: TaskId): TaskRecord | undefined {
    const entry = this.#parts.table.get(id)
    return entry && shownOf(entry)
  }

  /** The end of a task, where this node may tell it for good; in quorum mode only. */
  final(id: TaskId): TaskRecord | undefined {
    return this.#parts.table.get(id)?.final
  }

  /** What this node, as the owner of a key in quorum mode, knows of it; undefined in available mode. */
  takeoverOf(key: string): ReturnType<Durability['takeoverOf']> {
    return this.#parts.durability?.takeoverOf(key)
  }

  /** What the keys wait for that this node has come to own, in words. */
  get waitsFor(): string {
    return this.#parts.takeover.refusal().detail
  }

  /** In quorum mode: has this process not yet come to know all that was accepted for any of its keys? */
  get untried(): boolean {
    return this.#parts.durability?.completeness.untried === true
  }

  /** At most 100. */
  ofKey(key: string): readonly TaskRecord[] {
    return this.#parts.table.ofKey(key, SHOWN_OF_KEY_MAX).map(shownOf)
  }

  page(query: TaskQuery): TaskPage {
    return pageOf(this.#parts.table, this.#parts.view.self, query)
  }

  load(): TaskLoad {
    return this.#parts.account.load()
  }

  /** Why it does not run at this moment; undefined: it runs here, is settled, starts at once, or is not known. */
  waiting(id: TaskId): Waiting | undefined {
    const entry = this.#parts.table.get(id)
    return entry && this.#parts.account.waiting(entry, this.#now.mono)
  }

  counts(): TaskCounts {
    return this.#parts.account.counts()
  }

  metrics(): Metric[] {
    return [...this.#parts.account.metrics(), ...this.#parts.desk.metrics()]
  }

  #begin(now: Now): Step {
    this.#now = now
    return this.#shared ?? new Step(now, this.#disk)
  }

  /** This node may act for more keys than before: what waited for that is looked at again. */
  #renewed(step: Step): void {
    if (this.#parts.right.version === this.#rightVersion) return
    this.#rightVersion = this.#parts.right.version
    this.#parts.schedule.recall()
    this.#parts.work.recheckElsewhere(() => true, step)
  }

  /** What may follow from anything that happened. */
  #finish(step: Step): TasksEffect[] {
    if (step === this.#shared) return []
    this.#parts.takeover.ask(step)
    this.#parts.placing.advance(step)
    this.#renewed(step)
    const offersLeft = this.#parts.schedule.release(LOOKS_MAX)
    if (this.#phase === 'open') this.#parts.execution.places.fill(step)
    const looksLeft = this.#phase === 'open' && this.#parts.work.start(step)
    const countsLeft = this.#parts.durability?.follow(this.#parts.placing, step) === true
    this.#startsLeft = looksLeft || offersLeft || countsLeft
    // Before anything is dropped: who waits for an end would be told that there is no such task.
    this.#parts.desk.flush(step)
    // Not before its shared lists are read: what they contain is kept.
    this.#surplusLeft = this.#phase !== 'closed' && this.#parts.work.trimming.trim(step)
    this.#parts.inventories.flush(step)
    this.#parts.replication.flush(step)
    return step.effects()
  }
}
