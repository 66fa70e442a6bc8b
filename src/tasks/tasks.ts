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
 * copies; `Takeover` and `Inventories` what when keys change hands; `Desk` requests. This file only carries calls to them.
 * Not taken: a leader that assigns tasks, or claims in a shared log. Both need a quorum for every start. Here the right to
 * act (`Right`) is asked for by key, not by task: in quorum mode one node at most starts tasks of a key; in available mode
 * two sides of a partition may both run a task, and the merge of their records shows it.
 */
import type { NodeId, RequestId, TaskId } from '../base/ids.ts'
import type { Instant, Now, WallMs } from '../base/time.ts'
import type { Ring } from '../ring/ring.ts'
import { Account, type TaskLoad } from './account.ts'
import { Confirmations } from './confirmations.ts'
import { Counters, type Metric, type TaskCounts, type TaskQuery } from './counts.ts'
import { Desk } from './desk.ts'
import { Durability, stampsOf } from './durability.ts'
import { Step, type TasksEffect } from './effects.ts'
import { Execution } from './execution.ts'
import { Expiry } from './expiry.ts'
import { Forwarding } from './forwarding.ts'
import { Handoffs } from './handoffs.ts'
import { Hearing } from './hearing.ts'
import type { TasksInit } from './init.ts'
import { Inventories } from './inventory.ts'
import { Kept } from './kept.ts'
import { limitsOf } from './limits.ts'
import { Lists } from './lists.ts'
import { Losses } from './losses.ts'
import type { TaskLinkMessage, TaskRequest } from './messages.ts'
import { Missing } from './missing.ts'
import { Offers } from './offers.ts'
import { openRight } from './open-right.ts'
import { pageOf, type TaskPage } from './page.ts'
import { Placing } from './placing.ts'
import { Records } from './records.ts'
import { Replication } from './replication.ts'
import type { Right } from './right.ts'
import { Schedule } from './schedule.ts'
import type { SurveyQuestion, Vitals } from './survey.ts'
import { type Entry, shownOf, Table } from './table.ts'
import { Takeover } from './takeover.ts'
import type { Outcome, TaskRecord, TaskSpec } from './task.ts'
import { View } from './view.ts'
import type { Waiting } from './waiting.ts'
import { LOOKS_MAX, Work } from './work.ts'

/** Tasks of one key that are shown. */
const SHOWN_OF_KEY_MAX = 100
const NOTHING: readonly TasksEffect[] = []

export type { TasksInit } from './init.ts'

export class Tasks {
  readonly #view: View
  readonly #table: Table
  readonly #offers: Offers
  readonly #schedule: Schedule
  readonly #counters = new Counters()
  readonly #records: Records
  readonly #handoffs = new Handoffs()
  readonly #right: Right
  readonly #replication: Replication
  /** Absent where nothing is in quorum mode. */
  readonly #durability: Durability | undefined
  readonly #confirmations: Confirmations
  readonly #kept: Kept
  readonly #execution: Execution
  readonly #takeover: Takeover
  readonly #inventories: Inventories
  readonly #lists: Lists
  readonly #work: Work
  readonly #desk: Desk
  readonly #placing: Placing
  readonly #expiry: Expiry
  readonly #missing: Missing
  readonly #account: Account
  readonly #hearing: Hearing
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
  /** While several inputs are taken as one step. */
  #shared: Step | undefined

  constructor(init: TasksInit) {
    const { self, config, replicas, records, check, random, now, types, sawEnd = () => false } = init
    const { serving = () => [], disk } = init
    const view = new View(self, replicas)
    const table = new Table(self)
    const limits = limitsOf(config, types)
    const offers = new Offers(init.claimTypes)
    const schedule = new Schedule(limits, offers)
    this.#offers = offers
    const counters = this.#counters
    this.#wall = now.wall
    const right = init.right ?? openRight(() => this.#wall)
    const replication = new Replication(table, counters, random.uint32(), stampsOf(view, right))
    const { epochs } = right
    const counting = { view, table, replication, counters, config, right, fences: init.fences ?? [] }
    const durability = epochs && new Durability({ ...counting, epochs })
    const takeover = new Takeover(view, random.fork(), config.inventoryMs, durability?.completeness)
    const isCounted = (key: string) => epochs?.isQuorum(key) === true
    const forwarding = new Forwarding(view, counters, config.forwardMs, random, isCounted)
    const confirmations = new Confirmations(right, counters)
    const kept = new Kept(view, schedule, replication)
    const copies = durability?.copies
    const shared = { view, table, schedule, replication, counters, config, right, copies, offers }
    this.#records = new Records(view, table, replication, this.#handoffs, durability)
    const changes = { records: this.#records, kept, handoffs: this.#handoffs }
    const execution = new Execution({ ...shared, ...changes, random: random.fork() })
    const expiry = new Expiry({ ...shared, ...changes, takeover })
    const losses = new Losses({ ...shared, ...changes, takeover, sawEnd })
    const work = new Work({ ...shared, ...changes, takeover, execution, expiry, losses })
    this.#view = view
    this.#table = table
    this.#schedule = schedule
    this.#expiry = expiry
    this.#missing = new Missing(schedule, limits, serving)
    this.#right = right
    this.#replication = replication
    this.#durability = durability
    this.#takeover = takeover
    this.#confirmations = confirmations
    this.#kept = kept
    this.#execution = execution
    this.#work = work
    const noting = epochs && durability && { epochs, fences: durability.fences }
    this.#inventories = new Inventories(view, table, schedule, noting)
    this.#lists = new Lists(table, schedule, counters, this.#handoffs)
    const phase = () => this.#phase
    this.#placing = new Placing({ ...shared, takeover, work, phase })
    const accept = { check, serving, phase, limits, disk }
    const serve = { ...accept, takeover, records: this.#records, work, forwarding, confirmations }
    this.#desk = new Desk({ ...shared, ...serve, execution, placing: this.#placing, random })
    const asked = { takeover, inventories: this.#inventories, placing: this.#placing, durability }
    this.#hearing = new Hearing({ ...shared, ...asked, work, kept, desk: this.#desk })
    const told = { confirmations, takeover, durability, expiry, limits, types, serving, phase }
    this.#account = new Account({ ...shared, ...changes, ...told })
    this.#inherited = records.map(record => inherit(record, table, self, isCounted(record.spec.key)))
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
    this.#desk.viewChanged(step)
    return this.#finish(step)
  }

  /** The node has seen enough of the cluster to take part: seeds synced, view still, members there. */
  open(now: Now): TasksEffect[] {
    const step = this.#begin(now)
    if (this.#phase !== 'closed') return []
    this.#phase = 'open'
    // In quorum mode it begins with a term.
    if (this.#takeover.quorum?.only !== true) this.#placing.beginTakeover(step)
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
    return this.requestAll([{ id, request }], now)
  }

  /** The same for many, in one write and in few frames to each owner. */
  requestAll(
    requests: readonly { readonly id: RequestId; readonly request: TaskRequest }[],
    now: Now,
  ): TasksEffect[] {
    const step = this.#begin(now)
    for (const { id, request } of requests) this.#desk.request(id, request, step)
    return this.#finish(step)
  }

  /** What is told between begin and end of `feed` is one step; its effects are those of this call. */
  together(now: Now, feed: () => void): TasksEffect[] {
    const step = new Step(now)
    this.#shared = step
    try {
      feed()
    } finally {
      this.#shared = undefined
    }
    return this.#finish(step)
  }

  measured(vitals: Vitals): void {
    this.#desk.measured(vitals)
  }

  /** To all nodes; answered by exactly one `surveyed`. */
  survey(id: RequestId, question: SurveyQuestion, now: Now): TasksEffect[] {
    const step = this.#begin(now)
    this.#desk.survey(id, question, step)
    return this.#finish(step)
  }

  message(from: NodeId, message: TaskLinkMessage, now: Now): TasksEffect[] {
    const step = this.#begin(now)
    this.#hearing.hear(from, message, step)
    return this.#finish(step)
  }

  attemptEnded(task: TaskId, attempt: number, outcome: Outcome, now: Now): TasksEffect[] {
    const step = this.#begin(now)
    this.#work.end(task, attempt, outcome, step)
    return this.#finish(step)
  }

  /** A client waits for tasks of these types: attempts of them may begin, one for each place. */
  offer(offer: number, types: readonly string[], places: number, now: Now): TasksEffect[] {
    const step = this.#begin(now)
    this.#offers.add(offer, types, places)
    return this.#finish(step)
  }

  /** It waits no more; places that were taken of it stay taken. */
  withdrawOffer(offer: number): void {
    this.#offers.withdraw(offer)
  }

  /** What was to be told under this mark is durable. */
  persisted(mark: number, now: Now): TasksEffect[] {
    const step = this.#begin(now)
    this.#confirmations.persisted(mark, step)
    this.#durability?.copies.persisted(mark, step)
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
   * Keys in quorum mode that this node does not own (any more) and is not done with. Distinct, and the same array until they
   * change. More than `KEPT_KEYS_MAX` only while attempts that were stopped for that have not ended: until then, to ask for
   * leave without all of them would be to say that this node does not act for them.
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
    const handedOver = this.#durability?.released !== false
    return (
      this.#schedule.running === 0 && this.#replication.unsafe === 0 && !this.#placing.scanning && handedOver
    )
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
    this.#expiry.tick(step)
    this.#execution.tick(step)
    this.#missing.tell(step)
    this.#replication.tick(now.mono)
    this.#desk.tick(step)
    this.#durability?.copies.tick(step)
    return this.#finish(step)
  }

  /** When `tick` is wanted at the latest; a past instant means at once. */
  nextWake(): Instant {
    if (this.#dueLeft || this.#surplusLeft || this.#startsLeft || this.#placing.unfinished)
      return 0 as Instant
    return Math.min(
      this.#schedule.nextDue,
      this.#expiry.nextWake(),
      this.#execution.nextWake(),
      this.#kept.nextWake(),
      this.#replication.nextWake(),
      this.#takeover.nextWake(),
      this.#inventories.nextWake(),
      this.#desk.nextWake(),
    ) as Instant
  }

  get(id: TaskId): TaskRecord | undefined {
    const entry = this.#table.get(id)
    return entry && shownOf(entry)
  }

  /** The end of a task, where this node may tell it for good; in quorum mode only. */
  final(id: TaskId): TaskRecord | undefined {
    return this.#table.get(id)?.final
  }

  /** What this node, as the owner of a key in quorum mode, knows of it; undefined in available mode. */
  takeoverOf(key: string): ReturnType<Durability['takeoverOf']> {
    return this.#durability?.takeoverOf(key)
  }

  /** In quorum mode: has this process not yet come to know all that was accepted for any of its keys? */
  get untried(): boolean {
    return this.#durability?.completeness.untried === true
  }

  /** At most 100. */
  ofKey(key: string): readonly TaskRecord[] {
    return this.#table.ofKey(key, SHOWN_OF_KEY_MAX).map(shownOf)
  }

  page(query: TaskQuery): TaskPage {
    return pageOf(this.#table, this.#view.self, query)
  }

  load(): TaskLoad {
    return this.#account.load()
  }

  /** Why it does not run at this moment; undefined: it runs here, is settled, or is not known. */
  waiting(id: TaskId): Waiting | undefined {
    const entry = this.#table.get(id)
    return entry && this.#account.waiting(entry)
  }

  counts(): TaskCounts {
    return this.#account.counts()
  }

  metrics(): Metric[] {
    return [...this.#account.metrics(), ...this.#desk.metrics()]
  }

  #begin(now: Now): Step {
    this.#wall = now.wall
    return this.#shared ?? new Step(now)
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
    if (step === this.#shared) return []
    this.#takeover.ask(step)
    this.#placing.advance(step)
    this.#renewed(step)
    const offersLeft = this.#schedule.release(LOOKS_MAX)
    const looksLeft = this.#phase === 'open' && this.#work.start(step)
    const countsLeft = this.#durability?.follow(this.#placing, step) === true
    this.#startsLeft = looksLeft || offersLeft || countsLeft
    this.#surplusLeft = this.#work.trim(step)
    this.#desk.flush(step)
    this.#inventories.flush(step)
    this.#replication.flush(step)
    return step.effects()
  }
}

/** @param counted in quorum mode: that others have it is known when they say so */
function inherit(record: TaskRecord, table: Table, self: NodeId, counted: boolean): Entry {
  const entry = table.add(record)
  if (!counted) return entry
  entry.safe = [self]
  entry.copies = []
  return entry
}
