/**
 * What must run, where it stands, and who holds copies.
 *
 * Intuition: every node knows the ring, so every node knows which tasks are its own, and no one has to hand them out.
 * It runs its own, writes down each step before it takes it, and keeps the next nodes on the ring informed, so that
 * whoever inherits a key also inherits what is known about it.
 * Rule: this class is a machine. Each method takes one thing that happened and returns what must happen outside; it
 * reads no clock, waits for nothing, and given the same calls it says the same.
 * The parts: `View` whom we see; `Table` what we know; `Work` what we make of it; `Schedule` where unfinished tasks
 * wait; `Execution` what runs here, under which right; `Kept` lost keys we are not done with; `Replication` who gets
 * copies; `Takeover` and `Inventories` asking and telling when keys change hands; `Forwarding` requests for others.
 * This file only carries calls to them.
 * Not taken: a leader that assigns tasks, or claims in a shared log. Both need a quorum for every start. Here the right to
 * act (`Right`) is asked for by key, not by task: in quorum mode one node at most starts tasks of a key; in available mode
 * two sides of a partition may both run a task, and the merge of their records shows it.
 */
import { unreachable } from '../base/assert.ts'
import type { Failure } from '../base/errors.ts'
import type { NodeId, RequestId, TaskId } from '../base/ids.ts'
import type { Random } from '../base/random.ts'
import type { Instant, Now, WallMs } from '../base/time.ts'
import type { Ring } from '../ring/ring.ts'
import type { TasksConfig } from './config.ts'
import { Confirmations } from './confirmations.ts'
import { Counters, type Metric, type TaskCounts, type TaskQuery } from './counts.ts'
import { Step, type TasksEffect } from './effects.ts'
import { Execution } from './execution.ts'
import { Forwarding } from './forwarding.ts'
import { Handoffs } from './handoffs.ts'
import { Inventories } from './inventory.ts'
import { Kept } from './kept.ts'
import { Lists } from './lists.ts'
import type { InventoryReply, TaskLinkMessage, TaskRequest } from './messages.ts'
import { taskMetrics } from './metrics.ts'
import { openRight } from './open-right.ts'
import { pageOf, type TaskPage } from './page.ts'
import { Placing } from './placing.ts'
import { Records } from './records.ts'
import { Replication } from './replication.ts'
import { Requests } from './requests.ts'
import type { Right } from './right.ts'
import { type Running, Schedule } from './schedule.ts'
import { type Entry, Table } from './table.ts'
import { Takeover } from './takeover.ts'
import type { Outcome, TaskRecord, TaskSpec } from './task.ts'
import { View } from './view.ts'
import { LOOKS_MAX, Work } from './work.ts'

/** Tasks of one key that are shown. */
const SHOWN_OF_KEY_MAX = 100
const NOTHING: readonly TasksEffect[] = []

export interface TasksInit {
  readonly self: NodeId
  readonly config: TasksConfig
  /** Length of a preference list: nodes that hold a key's records, the owner included. */
  readonly replicas: number
  /** What the store held at boot. */
  readonly records: readonly TaskRecord[]
  /** Would this node's executors take such a task? Undefined when they would. */
  readonly check: (type: string, payload: unknown) => Failure | undefined
  readonly random: Random
  readonly now: Now
  /** Who may act for which key. Default: available mode, everybody for every key. */
  readonly right?: Right
}

export class Tasks {
  readonly #view: View
  readonly #table: Table
  readonly #schedule = new Schedule()
  readonly #counters = new Counters()
  readonly #records: Records
  readonly #handoffs = new Handoffs()
  readonly #right: Right
  readonly #replication: Replication
  readonly #confirmations: Confirmations
  readonly #kept: Kept
  readonly #execution: Execution
  readonly #takeover: Takeover
  readonly #inventories: Inventories
  readonly #forwarding: Forwarding
  readonly #lists: Lists
  readonly #work: Work
  readonly #requests: Requests
  readonly #placing: Placing
  /** Pauses have ended that this step could not get to. */
  #dueLeft = false
  /** There may be more settled records to drop than this step could. */
  #surplusLeft = false
  /** The right was looked at as of this version of it. */
  #rightVersion = 0
  /** There may be more ready tasks to look at, or keys to offer again, than this step could. */
  #startsLeft = false
  #wall: WallMs
  /** Until the first view: what the process before this one left behind. */
  #inherited: readonly Entry[]
  #phase: 'closed' | 'open' | 'leaving' = 'closed'

  constructor(init: TasksInit) {
    const { self, config, replicas, records, check, random, now } = init
    const view = new View(self, replicas)
    const table = new Table(self)
    const schedule = this.#schedule
    const counters = this.#counters
    this.#wall = now.wall
    const right = init.right ?? openRight(() => this.#wall)
    const replication = new Replication(table, counters, random.uint32())
    const takeover = new Takeover(view, random.fork(), config.inventoryMs)
    const forwarding = new Forwarding(view, counters, config.forwardMs, random)
    const confirmations = new Confirmations(right, counters)
    const kept = new Kept(view, schedule, replication)
    const shared = { view, table, schedule, replication, counters, config, right }
    this.#records = new Records(view, table, replication, this.#handoffs)
    const changes = { records: this.#records, kept, handoffs: this.#handoffs }
    const execution = new Execution({ ...shared, ...changes, random: random.fork() })
    const work = new Work({ ...shared, ...changes, takeover, execution })
    this.#view = view
    this.#table = table
    this.#right = right
    this.#replication = replication
    this.#takeover = takeover
    this.#forwarding = forwarding
    this.#confirmations = confirmations
    this.#kept = kept
    this.#execution = execution
    this.#work = work
    this.#inventories = new Inventories(view, table, schedule)
    this.#lists = new Lists(table, schedule, counters, this.#handoffs)
    const phase = () => this.#phase
    this.#placing = new Placing({ ...shared, takeover, work, phase })
    this.#requests = new Requests({ ...shared, work, forwarding, confirmations, check, phase })
    this.#inherited = records.map(record => table.add(record))
  }

  /**
   * Membership has changed.
   *
   * @param ring the members that own keys
   * @param live the members one can talk to, this node and those who leave included
   */
  viewChanged(ring: Ring, live: readonly NodeId[], now: Now): TasksEffect[] {
    const step = this.#begin(now)
    const before = this.#view.ring
    const changed = this.#view.change(ring, live)
    const others = this.#view.others()
    this.#replication.keepOnly(new Set([...others, ...ring.members.map(({ id }) => id)]), others.length === 0)
    this.#takeover.keepOnly(this.#view.live)
    if (changed) this.#placing.newRing(before, ring, step)
    this.#execution.viewChanged()
    this.#work.loseOwn(this.#inherited, step)
    this.#inherited = []
    this.#placing.scanSome(step)
    this.#work.recheckElsewhere(node => !this.#view.live.has(node), step)
    this.#requests.viewChanged(step)
    return this.#finish(step)
  }

  /** The node has seen enough of the cluster to take part: seeds synced, view still, members there. */
  open(now: Now): TasksEffect[] {
    const step = this.#begin(now)
    if (this.#phase !== 'closed') return []
    this.#phase = 'open'
    this.#placing.beginTakeover(step)
    return this.#finish(step)
  }

  /** A shared task list was read: these are all of its tasks. */
  taskList(name: string, specs: readonly TaskSpec[], now: Now): TasksEffect[] {
    const step = this.#begin(now)
    this.#lists.load(name, specs, step)
    this.#placing.rescan()
    this.#placing.scanSome(step)
    return this.#finish(step)
  }

  /** From a face of this node; answered by exactly one `reply`, now or later. */
  request(id: RequestId, request: TaskRequest, now: Now): TasksEffect[] {
    const step = this.#begin(now)
    this.#requests.local(id, request, step)
    return this.#finish(step)
  }

  message(from: NodeId, message: TaskLinkMessage, now: Now): TasksEffect[] {
    const step = this.#begin(now)
    this.#hear(from, message, step)
    return this.#finish(step)
  }

  /** The attempt, if it is under way here. */
  running(task: TaskId, attempt: number): Running | undefined {
    const running = this.#schedule.here.get(task)
    return running?.attempt.number === attempt ? running : undefined
  }

  attemptEnded(task: TaskId, attempt: number, outcome: Outcome, now: Now): TasksEffect[] {
    const step = this.#begin(now)
    this.#work.end(task, attempt, outcome, step)
    return this.#finish(step)
  }

  /** What was to be told under this mark is durable. */
  persisted(mark: number, now: Now): TasksEffect[] {
    const step = this.#begin(now)
    this.#confirmations.persisted(mark, step)
    return this.#finish(step)
  }

  /**
   * Holds what runs against the right to act, and starts what may start by now. To be called at the end of every step of
   * the node, after `keptKeys` has been told to whoever gives the right; cheap when nothing has changed.
   */
  fence(now: Now): readonly TasksEffect[] {
    this.#kept.expire(now.mono)
    const due = this.#execution.fenceDue(now.mono)
    const renewed = this.#right.version !== this.#rightVersion
    if (!due && !renewed) return NOTHING
    const step = this.#begin(now)
    if (due) this.#execution.fence(step)
    return renewed || step.wrote ? this.#finish(step) : step.effects()
  }

  /**
   * Keys in quorum mode that this node does not own (any more) and is not done with: attempts run, or have just ended and
   * the new owner does not know how. Distinct, and the same array until they change. More than `KEPT_KEYS_MAX` only while
   * attempts that were stopped for that have not ended: until then, to ask for leave without all of them would be to say
   * that this node does not act for them.
   */
  keptKeys(): readonly string[] {
    return this.#kept.keys()
  }

  /** From now on nothing is started or accepted; what runs may end. */
  leave(_now: Now): TasksEffect[] {
    this.#phase = 'leaving'
    return []
  }

  /** Nothing runs here any more, and every change made here is on another disk, if there is another. */
  drained(): boolean {
    return this.#schedule.running === 0 && this.#replication.unsafe === 0 && !this.#placing.scanning
  }

  /** Changed records that no other disk is known to have. */
  get unsafe(): number {
    return this.#replication.unsafe
  }

  /** The time to drain is over: ends what still runs and gives it back. */
  abandon(now: Now): TasksEffect[] {
    const step = this.#begin(now)
    this.#execution.abandon(step)
    return this.#finish(step)
  }

  tick(now: Now): TasksEffect[] {
    const step = this.#begin(now)
    this.#placing.scanSome(step)
    this.#dueLeft = this.#work.wakeDue(step)
    this.#replication.tick(now.mono)
    this.#forwarding.tick(step)
    return this.#finish(step)
  }

  /** When `tick` is wanted at the latest; a past instant means at once. */
  nextWake(): Instant {
    if (this.#dueLeft || this.#surplusLeft || this.#startsLeft || this.#placing.unfinished)
      return 0 as Instant
    return Math.min(
      this.#schedule.nextDue,
      this.#execution.nextWake(),
      this.#kept.nextWake(),
      this.#replication.nextWake(),
      this.#takeover.nextWake(),
      this.#inventories.nextWake(),
      this.#forwarding.nextWake(),
    ) as Instant
  }

  get(id: TaskId): TaskRecord | undefined {
    return this.#table.get(id)?.record
  }

  /** At most 100. */
  ofKey(key: string): readonly TaskRecord[] {
    return this.#table.ofKey(key, SHOWN_OF_KEY_MAX).map(entry => entry.record)
  }

  page(query: TaskQuery): TaskPage {
    return pageOf(this.#table, this.#view.self, query)
  }

  load(): { readonly running: number; readonly queued: number } {
    const { ready, retrying, scheduled } = this.#table.owned
    return { running: this.#schedule.occupied, queued: ready + retrying + scheduled }
  }

  counts(): TaskCounts {
    const counters = this.#counters
    return {
      owned: this.#table.owned,
      held: this.#table.held,
      started: counters.of('attempts_started'),
      succeeded: counters.of('tasks_succeeded'),
      failedAttempts: counters.of('attempts_failed') + counters.of('attempts_lost'),
      retried: counters.of('tasks_retried'),
      forwarded: counters.of('requests_forwarded'),
      takingOver: this.#phase !== 'closed' && this.#takeover.active,
    }
  }

  metrics(): Metric[] {
    return taskMetrics({
      table: this.#table,
      records: this.#records,
      schedule: this.#schedule,
      replication: this.#replication,
      forwarding: this.#forwarding,
      takeover: this.#takeover,
      confirmations: this.#confirmations,
      kept: this.#kept,
      handoffs: this.#handoffs,
      counters: this.#counters,
    })
  }

  #begin(now: Now): Step {
    this.#wall = now.wall
    return new Step(now)
  }

  #hear(from: NodeId, message: TaskLinkMessage, step: Step): void {
    switch (message.type) {
      case 'forward':
        this.#requests.forwarded(from, message, step)
        break
      case 'forward-reply':
        this.#forwarding.replied(from, message.id, message.reply, step)
        break
      case 'replicate':
        for (const record of message.records) this.#work.learn(record, from, step)
        step.send(from, { type: 'replicated', batch: message.batch })
        break
      case 'replicated':
        this.#acknowledged(from, message.batch, step)
        break
      case 'inventory':
        this.#inventories.asked(from, message, !this.#placing.scanning, step)
        break
      case 'inventory-reply':
        this.#inventoryReplied(from, message, step)
        break
      default:
        unreachable(message)
    }
  }

  #acknowledged(from: NodeId, batch: number, step: Step): void {
    const copies = this.#replication.acknowledged(from, batch)
    if (copies === undefined) this.#counters.add('replies_unknown')
    else {
      this.#work.acknowledged(from, copies, step)
      this.#kept.acknowledged(from, copies)
    }
  }

  #inventoryReplied(from: NodeId, reply: InventoryReply, step: Step): void {
    const kind = this.#takeover.answer(from, reply, step.now.mono)
    if (kind === 'stale') this.#counters.add('replies_unknown')
    // Also a late page tells the truth; only what runs is a matter of the moment.
    for (const record of reply.records) this.#work.learn(record, from, step)
    if (kind !== 'answered' || this.#takeover.active) return
    this.#work.recheckElsewhere(node => node === from, step)
    if (!this.#placing.releasing) this.#takeover.forgetAnswers()
  }

  /** This node may act for more keys than before: what waited for that is looked at again. */
  #renewed(step: Step): void {
    if (this.#right.version === this.#rightVersion) return
    this.#rightVersion = this.#right.version
    this.#schedule.recall()
    this.#work.recheckElsewhere(() => true, step)
  }

  /** What may follow from anything that happened. */
  #finish(step: Step): TasksEffect[] {
    this.#takeover.ask(step)
    this.#placing.advance(step)
    this.#renewed(step)
    const offersLeft = this.#schedule.release(LOOKS_MAX)
    const looksLeft = this.#phase === 'open' && this.#work.start(step)
    this.#startsLeft = looksLeft || offersLeft
    this.#surplusLeft = this.#work.trim(step)
    this.#inventories.flush(step)
    this.#replication.flush(step)
    return step.effects()
  }
}
