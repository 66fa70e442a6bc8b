/**
 * What must run, where it stands, and who holds copies.
 *
 * Intuition: every node knows the ring, so every node knows which tasks are its own, and no one has to hand them out.
 * It runs its own, writes down each step before it takes it, and keeps the next nodes on the ring informed, so that
 * whoever inherits a key also inherits what is known about it.
 * Rule: this class is a machine. Each method takes one thing that happened and returns what must happen outside; it
 * reads no clock, waits for nothing, and given the same calls it says the same.
 * The parts: `View` whom we see; `Table` what we know; `Work` what we make of it; `Schedule` where unfinished tasks
 * wait; `Replication` who gets copies; `Takeover` and `Inventories` asking and telling when keys change hands;
 * `Forwarding` requests for others. This file only carries calls to them.
 * Not taken: a leader that assigns tasks, or claims in a shared log. Both need a quorum for every start. This version is
 * always available: two sides of a partition may both run a task, and the merge of their records shows it.
 */
import { unreachable } from '../base/assert.ts'
import type { Failure } from '../base/errors.ts'
import type { NodeId, RequestId, TaskId } from '../base/ids.ts'
import type { Random } from '../base/random.ts'
import { elapsedMs, type Instant, type Now } from '../base/time.ts'
import type { Ring } from '../ring/ring.ts'
import type { TasksConfig } from './config.ts'
import { Counters, gauge, type Metric, type TaskCounts, type TaskQuery } from './counts.ts'
import { Step, type TasksEffect } from './effects.ts'
import { Forwarding } from './forwarding.ts'
import { Inventories } from './inventory.ts'
import { Lists } from './lists.ts'
import type { InventoryReply, TaskLinkMessage, TaskRequest } from './messages.ts'
import { pageOf, type TaskPage } from './page.ts'
import { Replication } from './replication.ts'
import { Requests } from './requests.ts'
import type { Right } from './right.ts'
import { Schedule } from './schedule.ts'
import { type Entry, Table } from './table.ts'
import { Takeover } from './takeover.ts'
import type { Outcome, TaskRecord, TaskSpec } from './task.ts'
import { View } from './view.ts'
import { Work } from './work.ts'

/** Tasks whose owner is found anew in one step after a change of the ring: about 5 ms of work. */
export const SCAN_MAX = 2_000
/** Tasks of one key that are shown. */
const SHOWN_OF_KEY_MAX = 100

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
  readonly #replication: Replication
  readonly #takeover: Takeover
  readonly #inventories: Inventories
  readonly #forwarding: Forwarding
  readonly #lists: Lists
  readonly #work: Work
  readonly #requests: Requests
  /** Entries whose owner under the current ring is still to be found. */
  #scan: MapIterator<Entry> | undefined
  /** The takeover is over, and this many gained tasks have gone on so far. */
  #releasing: { readonly gained: number; readonly unanswered: readonly NodeId[] } | undefined
  /** Pauses have ended that this step could not get to. */
  #dueLeft = false
  /** There may be more settled records to drop than this step could. */
  #surplusLeft = false
  /** Until the first view: what the process before this one left behind. */
  #inherited: readonly Entry[]
  #phase: 'closed' | 'open' | 'leaving' = 'closed'

  constructor({ self, config, replicas, records, check, random }: TasksInit) {
    const view = new View(self, replicas)
    const table = new Table(self)
    const schedule = this.#schedule
    const counters = this.#counters
    const replication = new Replication(table, counters, random.uint32())
    const takeover = new Takeover(view, random.fork(), config.inventoryMs)
    const forwarding = new Forwarding(view, counters, config.forwardMs, random)
    const work = new Work({
      view,
      table,
      schedule,
      replication,
      takeover,
      counters,
      config,
      random: random.fork(),
    })
    this.#view = view
    this.#table = table
    this.#replication = replication
    this.#takeover = takeover
    this.#forwarding = forwarding
    this.#work = work
    this.#inventories = new Inventories(view, table, schedule)
    this.#lists = new Lists(table, schedule, counters)
    const phase = () => this.#phase
    this.#requests = new Requests({ view, table, work, forwarding, counters, config, check, phase })
    this.#inherited = records.map(record => table.add(record))
  }

  /**
   * Membership has changed.
   *
   * @param ring the members that own keys
   * @param live the members one can talk to, this node and those who leave included
   */
  viewChanged(ring: Ring, live: readonly NodeId[], now: Now): TasksEffect[] {
    const step = new Step(now)
    const before = this.#view.ring
    const changed = this.#view.change(ring, live)
    const others = this.#view.others()
    this.#replication.keepOnly(new Set([...others, ...ring.members.map(({ id }) => id)]), others.length === 0)
    this.#takeover.keepOnly(this.#view.live)
    if (changed) this.#newRing(before, ring, step)
    this.#work.loseOwn(this.#inherited, step)
    this.#inherited = []
    this.#scanSome(step)
    this.#work.recheckElsewhere(node => !this.#view.live.has(node), step)
    this.#requests.viewChanged(step)
    return this.#finish(step)
  }

  /** The node has seen enough of the cluster to take part: seeds synced, view still, members there. */
  open(now: Now): TasksEffect[] {
    const step = new Step(now)
    if (this.#phase !== 'closed') return []
    this.#phase = 'open'
    this.#beginTakeover(step)
    return this.#finish(step)
  }

  /** A shared task list was read: these are all of its tasks. */
  taskList(name: string, specs: readonly TaskSpec[], now: Now): TasksEffect[] {
    const step = new Step(now)
    this.#lists.load(name, specs, step)
    this.#rescan()
    this.#scanSome(step)
    return this.#finish(step)
  }

  /** From a face of this node; answered by exactly one `reply`, now or later. */
  request(id: RequestId, request: TaskRequest, now: Now): TasksEffect[] {
    const step = new Step(now)
    this.#requests.local(id, request, step)
    return this.#finish(step)
  }

  message(from: NodeId, message: TaskLinkMessage, now: Now): TasksEffect[] {
    const step = new Step(now)
    this.#hear(from, message, step)
    return this.#finish(step)
  }

  attemptEnded(task: TaskId, attempt: number, outcome: Outcome, now: Now): TasksEffect[] {
    const step = new Step(now)
    this.#work.end(task, attempt, outcome, step)
    return this.#finish(step)
  }

  /** From now on nothing is started or accepted; what runs may end. */
  leave(_now: Now): TasksEffect[] {
    this.#phase = 'leaving'
    return []
  }

  /** Nothing runs here any more, and every change made here is on another disk, if there is another. */
  drained(): boolean {
    return this.#schedule.running === 0 && this.#replication.unsafe === 0 && this.#scan === undefined
  }

  /** Changed records that no other disk is known to have. */
  get unsafe(): number {
    return this.#replication.unsafe
  }

  /** The time to drain is over: ends what still runs and gives it back. */
  abandon(now: Now): TasksEffect[] {
    const step = new Step(now)
    this.#work.abandon(step)
    return this.#finish(step)
  }

  tick(now: Now): TasksEffect[] {
    const step = new Step(now)
    this.#scanSome(step)
    this.#dueLeft = this.#work.wakeDue(step)
    this.#replication.tick(now.mono)
    this.#forwarding.tick(step)
    return this.#finish(step)
  }

  /** When `tick` is wanted at the latest; a past instant means at once. */
  nextWake(): Instant {
    const scanning = this.#scan !== undefined && this.#view.ring !== undefined
    const left = this.#dueLeft || this.#surplusLeft || this.#releasing !== undefined
    if (scanning || left) return 0 as Instant
    return Math.min(
      this.#schedule.nextDue,
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
    const owned = Object.entries(this.#table.owned)
    const samples = owned.map(([state, value]) => ({ labels: { state }, value }))
    return [
      { name: 'tasks_owned', help: 'Tasks that this node owns, by state.', type: 'gauge', samples },
      gauge('tasks_held', 'Records held for other owners.', this.#table.held),
      gauge('tasks_listed', 'Tasks of loaded shared lists.', this.#table.listed),
      gauge('tasks_queued', 'Tasks ready to start.', this.#schedule.queued),
      gauge('tasks_gated', 'Gained tasks that wait for the takeover.', this.#schedule.gated.size),
      gauge('tasks_elsewhere', 'Own tasks that another node still runs.', this.#schedule.elsewhere.size),
      gauge('tasks_running', 'Attempts that run here.', this.#schedule.occupied),
      gauge(
        'replicas_pending',
        'Record copies waiting or under way to other holders.',
        this.#replication.pending,
      ),
      gauge(
        'records_unsafe',
        'Changed records that no other disk is known to have.',
        this.#replication.unsafe,
      ),
      gauge('requests_in_flight_to_peers', 'Requests that wait for another node.', this.#forwarding.size),
      gauge('takeover_active', '1 while gained keys wait.', Number(this.#takeover.active)),
      ...this.#counters.metrics(),
    ]
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
        this.#inventories.asked(from, message, this.#scan === undefined, step)
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
    else this.#work.acknowledged(from, copies, step)
  }

  #inventoryReplied(from: NodeId, reply: InventoryReply, step: Step): void {
    const kind = this.#takeover.answer(from, reply, step.now.mono)
    if (kind === 'stale') this.#counters.add('replies_unknown')
    // Also a late page tells the truth; only what runs is a matter of the moment.
    for (const record of reply.records) this.#work.learn(record, from, step)
    if (kind !== 'answered' || this.#takeover.active) return
    this.#work.recheckElsewhere(node => node === from, step)
    if (this.#releasing === undefined) this.#takeover.forgetAnswers()
  }

  #newRing(before: Ring | undefined, ring: Ring, step: Step): void {
    this.#rescan()
    if (this.#takeover.ringChanged(before, ring) && this.#phase !== 'closed') this.#beginTakeover(step)
  }

  #beginTakeover(step: Step): void {
    this.#releasing = undefined
    this.#takeover.begin(step.now.mono)
    if (this.#takeover.unanswered.length === 0) return
    this.#counters.add('takeovers')
    step.log('info', 'takeover-started', {
      ring: this.#view.ring?.checksum,
      asked: this.#takeover.unanswered.length,
    })
  }

  /** Once everybody has answered and every task knows its owner, gained keys go on. */
  #endTakeover(step: Step): void {
    const takeover = this.#takeover
    if (this.#phase === 'closed' || this.#scan !== undefined || this.#view.ring === undefined) return
    if (!takeover.complete(step.now.mono)) return
    const { unanswered } = takeover
    if (unanswered.length > 0) this.#counters.add('takeovers_timed_out')
    takeover.release()
    this.#releasing = { gained: 0, unanswered }
  }

  /** What waited goes on, a slice in each step. */
  #releaseSome(step: Step): void {
    if (this.#releasing === undefined) return
    const gained = this.#releasing.gained + this.#work.release(SCAN_MAX, step)
    const { unanswered } = this.#releasing
    this.#releasing = { gained, unanswered }
    if (this.#schedule.gated.size > 0) return
    this.#releasing = undefined
    this.#takeover.forgetAnswers()
    const ms = elapsedMs(this.#takeover.startedAt, step.now.mono)
    step.log(unanswered.length > 0 ? 'warn' : 'info', 'takeover-complete', { gained, ms, unanswered })
  }

  #rescan(): void {
    this.#scan = this.#table.entries()
  }

  #scanSome(step: Step): void {
    if (this.#view.ring === undefined) return
    for (let placed = 0; this.#scan !== undefined && placed < SCAN_MAX; ) {
      const next = this.#scan.next()
      if (next.done) this.#scan = undefined
      else if (next.value.epoch !== this.#view.epoch) {
        this.#work.place(next.value, step)
        placed++
      }
    }
  }

  /** What may follow from anything that happened. */
  #finish(step: Step): TasksEffect[] {
    this.#takeover.ask(step)
    this.#endTakeover(step)
    this.#releaseSome(step)
    if (this.#phase === 'open') this.#work.start(step)
    this.#surplusLeft = this.#work.trim(step)
    this.#inventories.flush(step)
    this.#replication.flush(step)
    return step.effects()
  }
}
