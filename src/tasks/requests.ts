import type { Failure } from '../base/errors.ts'
import type { NodeId, RequestId, TaskId } from '../base/ids.ts'
import { after } from '../base/time.ts'
import type { TasksConfig } from './config.ts'
import type { Conflicts } from './conflicts.ts'
import { Denials } from './denials.ts'
import type { DrainRate } from './drain-rate.ts'
import type { Step } from './effects.ts'
import { type Errand, type Forwarding, HOPS_MAX } from './forwarding.ts'
import { isSettled } from './merge.ts'
import {
  type Forward,
  keyOfRequest,
  type OwnerRequest,
  type TaskQuestion,
  type TaskRequest,
  WAIT_MS_MAX,
} from './messages.ts'
import { decideFor, isOther, isSame, knownAs } from './naming.ts'
import type { Orders } from './orders.ts'
import { type Origin, refuse } from './origin.ts'
import { promised } from './promised.ts'
import { queueFull } from './queue-full.ts'
import {
  conflict,
  GONE_MEANWHILE,
  LEAVING,
  NO_OWNER,
  NOT_ACTING,
  NOT_READY,
  refusalOfWork,
  rivalled,
  saidBy,
  unknownTask,
} from './refusals.ts'
import { leaveNow } from './right.ts'
import { runnerOf } from './runner-of.ts'
import { isOrder } from './schedules/orders.ts'
import { isSchedule } from './schedules/state.ts'
import { refusalOfSpec } from './spec.ts'
import type { DiskSight } from './store-failure.ts'
import { type Entry, shownOf, type Table } from './table.ts'
import type { TaskSpec } from './task.ts'
import { Telling, type TellingParts } from './telling.ts'
import type { Work } from './work.ts'

export interface RequestsParts extends TellingParts {
  readonly table: Table
  readonly work: Work
  readonly orders: Orders
  readonly drainRate: DrainRate
  readonly forwarding: Forwarding
  readonly conflicts: Conflicts
  readonly config: TasksConfig
  readonly check: (type: string, payload: unknown) => Failure | undefined
  /** Living nodes that have an executor for the type. */
  readonly serving: (type: string) => readonly NodeId[]
  readonly disk?: DiskSight | undefined
  /** May this node take work? */
  readonly phase: () => 'closed' | 'open' | 'leaving'
}

/** Decides who answers a request: this node, or the owner, or whoever knows the task. */
export class Requests {
  readonly #parts: RequestsParts
  readonly #denials: Denials
  readonly #telling: Telling

  constructor(parts: RequestsParts) {
    this.#parts = parts
    this.#denials = new Denials(parts)
    this.#telling = new Telling(parts)
  }

  /** From a face of this node. */
  local(id: RequestId, request: TaskRequest, step: Step): void {
    const origin: Origin = { face: id }
    const phase = this.#parts.phase()
    if (request.kind === 'get') this.#get(origin, request, step)
    else if (phase === 'leaving') this.#refuse(origin, LEAVING, step)
    else if (phase === 'closed') this.#refuse(origin, NOT_READY, step)
    else this.#route(origin, request, 0, step)
  }

  /** From another node. A question is answered from what is here and goes no further. */
  forwarded(from: NodeId, { id, hops, request }: Omit<Forward, 'type'>, step: Step): void {
    const origin: Origin = { node: from, id }
    if (request.kind !== 'get') {
      this.#route(origin, request, hops, step)
      return
    }
    const entry = this.#placed(request.task, step)
    const failure = this.#denials.to(from, request, entry, step.now.mono)
    if (failure !== undefined) refuse(origin, failure, step)
    else if (entry !== undefined) this.#tellOrWait(origin, entry, request.waitMs, step)
  }

  /** Errands whose addressee is gone go to the owner of now; who waits for what this node owned is answered. */
  viewChanged(step: Step): void {
    const { forwarding, view, records } = this.#parts
    for (const errand of forwarding.viewChanged(step))
      this.#again(errand, view.owner(keyOfRequest(errand.request)), step)
    records.waiters.releaseAll()
  }

  #again(errand: Errand, owner: NodeId | undefined, step: Step): void {
    const { forwarding, view } = this.#parts
    if (owner === view.self) this.#own(forwarding.withdraw(errand), errand.request, step)
    else if (owner !== undefined) forwarding.redirect(errand, owner, step)
  }

  /** Answers those whose task has come to its end, or whose time is up. */
  flush(step: Step): void {
    for (const { origin, task } of this.#parts.records.waiters.take(step.now.mono)) {
      const entry = this.#placed(task, step)
      // It was waited for as this node's own, and was dropped by what all others know.
      if (entry === undefined) refuse(origin, unknownTask(task), step)
      else this.#tellOrWait(origin, entry, 0, step)
    }
  }

  /** What has succeeded stays so; of anything else that is settled the owner may have ordered another try. */
  #isFinal(entry: Entry): boolean {
    return entry.record.state === 'succeeded' && !this.#telling.isCounted(entry)
  }

  /** To the owner of its key, wherever that is; to cancel it, to who runs it. */
  #route(origin: Origin, request: OwnerRequest, hops: number, step: Step): void {
    const { view, forwarding, table, phase } = this.#parts
    const owner = runnerOf(request, hops, this.#parts) ?? view.owner(keyOfRequest(request))
    const known = request.kind === 'submit' ? table.get(request.spec.id) : undefined
    if (owner === undefined) this.#refuse(origin, phase() === 'closed' ? NOT_READY : NO_OWNER, step)
    else if (request.kind === 'submit' && known !== undefined && isOther(known, request.spec)) {
      this.#refuse(origin, conflict(request.spec, known), step)
    } else if (owner === view.self) this.#own(origin, request, step)
    else if (hops >= HOPS_MAX) {
      const detail = `after ${hops} forwards ${view.self} was asked, and believes that ${owner} owns the key`
      this.#refuse(origin, { code: 'TOO_MANY_HOPS', detail, retryAfterS: 1 }, step)
    } else forwarding.send(origin, request, owner, hops, step)
  }

  /** The key is this node's own. */
  #own(origin: Origin, request: OwnerRequest, step: Step): void {
    if (request.kind !== 'submit') this.#order(origin, request, step)
    else if (isOrder(request.spec)) this.#schedule(origin, request.spec, step)
    else this.#take(origin, request.spec, step)
  }

  /** Cancel, or try again. */
  #order(origin: Origin, request: Exclude<OwnerRequest, { kind: 'submit' }>, step: Step): void {
    const { takeover, right, orders, leftovers } = this.#parts
    const entry = this.#placed(request.task, step)
    const before = entry?.record
    const leave = leaveNow(right, request.key, step.now.mono)
    const failure = takeover.gates(request.key)
      ? takeover.refusal(request.key)
      : leave === undefined
        ? NOT_ACTING
        : entry === undefined || entry.key !== request.key || isSchedule(entry.record)
          ? this.#unknown(request)
          : (leftovers.barring(entry, step) ??
            this.#telling.refusal(leave) ??
            this.#unwelcome(request, entry))
    if (failure !== undefined) {
      refuse(origin, failure, step)
      return
    }
    if (entry === undefined || before === undefined || leave === undefined) return
    const why = orders.obey(request.kind, entry, step)
    if (why !== undefined) this.#telling.decline(origin, entry, why, step)
    else this.#telling.confirm(origin, entry, true, leave, step, promised(request.kind, before, entry.record))
  }

  /** It may be one that could not be taken so far, since another has its id. */
  #unknown({ task, key }: Exclude<OwnerRequest, { kind: 'submit' }>): Failure {
    return this.#parts.conflicts.owes({ id: task, key }) ? GONE_MEANWHILE : unknownTask(task)
  }

  /** Another try is work like any other: there must be room for it. */
  #unwelcome({ kind }: OwnerRequest, { record }: Entry): Failure | undefined {
    if (kind !== 'retry' || !isSettled(record)) return undefined
    return this.#parts.phase() === 'leaving' ? LEAVING : queueFull(this.#parts)
  }

  /** A new task, or one that is known. */
  #take(origin: Origin, spec: TaskSpec, step: Step): void {
    const { work, right, counters, copies } = this.#parts
    const known = knownAs(spec, this.#parts, step)
    if (known !== undefined && !isSame(known, spec)) {
      this.#refuse(origin, conflict(spec, known), step)
      return
    }
    const leave = leaveNow(right, spec.key, step.now.mono)
    if (leave === undefined) {
      counters.add('submits_not_acting')
      this.#refuse(origin, NOT_ACTING, step)
      return
    }
    if (this.#parts.right.epochs?.isQuorum(spec.key) === true && this.#parts.takeover.gates(spec.key)) {
      counters.add('submits_not_acting')
      this.#refuse(origin, this.#parts.takeover.refusal(spec.key), step)
      return
    }
    const unacceptable = known === undefined ? this.#unacceptable(spec, 'node' in origin) : undefined
    const failure = unacceptable ?? this.#telling.refusal(leave)
    if (failure !== undefined) {
      this.#refuse(origin, failure, step)
      return
    }
    const rival = known && copies?.rivalOf(known)
    if (known !== undefined && rival !== undefined) {
      this.#refuse(origin, rivalled(known, rival), step)
      return
    }
    if (known !== undefined && known.id !== spec.id) counters.add('submits_deduped')
    if (known !== undefined) decideFor(known, leave, this.#parts, step)
    this.#telling.confirm(origin, known ?? work.accept(spec, step), known !== undefined, leave, step)
  }

  /** What travels as a submission is an order for a schedule. */
  #schedule(origin: Origin, spec: TaskSpec, step: Step): void {
    const { right, schedules, phase, takeover } = this.#parts
    const leave = leaveNow(right, spec.key, step.now.mono)
    const closed = phase() === 'leaving' ? LEAVING : phase() === 'closed' ? NOT_READY : undefined
    const gated = takeover.gates(spec.key) ? takeover.refusal(spec.key) : undefined
    const failure = leave === undefined ? NOT_ACTING : (closed ?? gated ?? this.#telling.refusal(leave))
    const done = failure ?? schedules.order(spec, step)
    if ('code' in done || leave === undefined) this.#refuse(origin, 'code' in done ? done : NOT_ACTING, step)
    else {
      const { entry, existed } = done
      this.#telling.confirm(
        origin,
        entry,
        existed,
        leave,
        step,
        promised('submit', entry.record, entry.record),
      )
    }
  }

  /** @param passedOn by another node, which may have other limits, or none; what faces of this node say is checked there */
  #unacceptable(spec: TaskSpec, passedOn: boolean): Failure | undefined {
    const { view, config, phase, takeover, disk, conflicts } = this.#parts
    if (phase() === 'leaving') return LEAVING
    if (phase() === 'closed') return NOT_READY
    if (disk?.failure !== undefined) return saidBy(disk.failure, view.self)
    // It was accepted before, and is about to come: taken for a new one it would be lost, whatever it was to do.
    if (conflicts.owes(spec)) return GONE_MEANWHILE
    const full = queueFull(this.#parts)
    if (full !== undefined) return full
    // Whoever had the key may hold the task that was first.
    if (spec.dedupe !== undefined && takeover.gates(spec.key)) return takeover.refusal(spec.key)
    const failure = (passedOn ? refusalOfSpec(spec, config) : undefined) ?? refusalOfWork(spec, this.#parts)
    return failure && saidBy(failure, view.self)
  }

  /**
   * Answers now, or when the task has come to its end, which only its owner is sure to see.
   * @param waitMs undefined: at once, however it stands. 0: it has been waited for
   */
  #tellOrWait(origin: Origin, entry: Entry, waitMs: number | undefined, step: Step): void {
    const { view, records } = this.#parts
    const own = entry.owner === view.self
    const ending = own && isSettled(entry.record) && !isSettled(shownOf(entry))
    if (waitMs !== undefined && ending && !this.#parts.takeover.gates(entry.key))
      this.#telling.confirmCounted(origin, entry, true, step)
    else if (!waitMs || !own || isSettled(entry.record) || records.waiters.full)
      this.#telling.tell(origin, entry, step)
    else records.waiters.add(origin, entry.id, after(step.now.mono, Math.min(waitMs, WAIT_MS_MAX)))
  }

  #get(origin: Origin, request: TaskQuestion, step: Step): void {
    const { task, waitMs } = request
    const { view, forwarding, phase } = this.#parts
    const entry = this.#placed(task, step)
    if (entry === undefined) {
      if (phase() === 'closed') this.#refuse(origin, NOT_READY, step)
      else forwarding.get(origin, request, view.others(), this.#denials.own(task), step)
      return
    }
    const { owner, record } = entry
    if (owner === view.self || this.#isFinal(entry)) this.#tellOrWait(origin, entry, waitMs, step)
    else if (owner !== undefined && view.live.has(owner))
      forwarding.get(origin, request, [owner], { known: record }, step)
    // A copy may know of an end before it counts, and who could say so is gone.
    else if (this.#telling.isCounted(entry) && isSettled(record))
      forwarding.get(origin, request, view.others(), { known: record }, step)
    else this.#tellOrWait(origin, entry, waitMs, step)
  }

  /** What is known of it, with its owner of now: after a change of the ring it takes a while until every task is placed. */
  #placed(task: TaskId, step: Step): Entry | undefined {
    const { table, view, work } = this.#parts
    const entry = table.get(task)
    if (entry === undefined || entry.epoch === view.epoch || view.ring === undefined) return entry
    work.place(entry, step)
    return table.get(task)
  }

  #refuse(origin: Origin, failure: Failure, step: Step): void {
    this.#parts.counters.add('tasks_refused')
    refuse(origin, failure, step)
  }
}
