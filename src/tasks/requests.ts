import type { Failure } from '../base/errors.ts'
import type { NodeId, RequestId, TaskId } from '../base/ids.ts'
import type { TasksConfig } from './config.ts'
import { CONFIRMATIONS_MAX, type Confirmations } from './confirmations.ts'
import type { Counters } from './counts.ts'
import type { Step } from './effects.ts'
import { answer, type Forwarding, HOPS_MAX, type Origin, refuse, unknownTask } from './forwarding.ts'
import { isSettled } from './merge.ts'
import type { Forward, TaskReply, TaskRequest } from './messages.ts'
import { isLoan, type Leave, leaveNow, type Right } from './right.ts'
import type { HeldSchedules } from './schedules/held.ts'
import { isOrder } from './schedules/orders.ts'
import { refusalOfSpec, sameSpec } from './spec.ts'
import type { Entry, Table } from './table.ts'
import type { TaskSpec } from './task.ts'
import type { View } from './view.ts'
import type { Work } from './work.ts'

export interface RequestsParts {
  readonly view: View
  readonly table: Table
  readonly work: Work
  readonly forwarding: Forwarding
  readonly confirmations: Confirmations
  readonly right: Right
  readonly schedules: HeldSchedules
  readonly counters: Counters
  readonly config: TasksConfig
  readonly check: (type: string, payload: unknown) => Failure | undefined
  /** May this node take work? */
  readonly phase: () => 'closed' | 'open' | 'leaving'
}

/** Decides who answers a request: this node, or the owner, or whoever knows the task. */
export class Requests {
  readonly #parts: RequestsParts

  constructor(parts: RequestsParts) {
    this.#parts = parts
  }

  /** From a face of this node. */
  local(id: RequestId, request: TaskRequest, step: Step): void {
    const origin: Origin = { face: id }
    const phase = this.#parts.phase()
    if (request.kind === 'get') this.#get(origin, request.task, step)
    else if (phase === 'leaving') this.#refuse(origin, LEAVING, step)
    else if (phase === 'closed') this.#refuse(origin, NOT_READY, step)
    else this.#submit(origin, request.spec, 0, step)
  }

  /** From another node. A question is answered from what is here and goes no further. */
  forwarded(from: NodeId, { id, hops, request }: Forward, step: Step): void {
    const origin: Origin = { node: from, id }
    if (request.kind === 'submit') {
      this.#submit(origin, request.spec, hops, step)
      return
    }
    const entry = this.#parts.table.get(request.task)
    if (entry === undefined) refuse(origin, unknownTask(request.task), step)
    else answerWith(origin, entry, true, step)
  }

  /** Submissions whose addressee is gone go to the owner of now. */
  viewChanged(step: Step): void {
    const { forwarding, view } = this.#parts
    for (const submission of forwarding.viewChanged(step)) {
      const owner = view.owner(submission.spec.key)
      if (owner === view.self) {
        this.#own(forwarding.withdraw(submission), submission.spec, step)
      } else if (owner !== undefined) forwarding.redirect(submission, owner, step)
    }
  }

  #submit(origin: Origin, spec: TaskSpec, hops: number, step: Step): void {
    const { view, forwarding } = this.#parts
    const owner = view.owner(spec.key)
    const known = this.#parts.table.get(spec.id)
    if (owner === undefined)
      this.#refuse(origin, this.#parts.phase() === 'closed' ? NOT_READY : NO_OWNER, step)
    else if (known !== undefined && !isOrder(spec) && !sameSpec(known.record.spec, spec)) {
      this.#refuse(origin, conflict(spec, known), step)
    } else if (owner === view.self) this.#own(origin, spec, step)
    else if (hops >= HOPS_MAX) {
      const detail = `after ${hops} forwards ${view.self} was asked, and believes that ${owner} owns the key`
      this.#refuse(origin, { code: 'TOO_MANY_HOPS', detail, retryAfterS: 1 }, step)
    } else forwarding.submit(origin, spec, owner, hops, step)
  }

  /** The key is this node's own. */
  #own(origin: Origin, spec: TaskSpec, step: Step): void {
    if (isOrder(spec)) {
      this.#order(origin, spec, step)
      return
    }
    const { table, work, right, counters } = this.#parts
    const known = table.get(spec.id)
    if (known !== undefined && !sameSpec(known.record.spec, spec)) {
      this.#refuse(origin, conflict(spec, known), step)
      return
    }
    const leave = leaveNow(right, spec.key, step.now.mono)
    if (leave === undefined) {
      counters.add('submits_not_acting')
      this.#refuse(origin, NOT_ACTING, step)
      return
    }
    const unacceptable = known === undefined ? this.#unacceptable(spec, 'node' in origin) : undefined
    const failure = unacceptable ?? this.#unconfirmable(leave)
    if (failure !== undefined) this.#refuse(origin, failure, step)
    else this.#confirm(origin, known ?? work.accept(spec, step), known !== undefined, leave, step)
  }

  /** What travels as a submission is an order for a schedule. */
  #order(origin: Origin, spec: TaskSpec, step: Step): void {
    const { right, schedules, phase } = this.#parts
    const leave = leaveNow(right, spec.key, step.now.mono)
    const closed = phase() === 'leaving' ? LEAVING : phase() === 'closed' ? NOT_READY : undefined
    const failure = leave === undefined ? NOT_ACTING : (closed ?? this.#unconfirmable(leave))
    const done = failure ?? schedules.order(spec, step)
    if ('code' in done || leave === undefined) this.#refuse(origin, 'code' in done ? done : NOT_ACTING, step)
    else this.#confirm(origin, done.entry, done.existed, leave, step)
  }

  /** In quorum mode the right is looked at again when the task is durable. */
  #confirm(origin: Origin, entry: Entry, existed: boolean, leave: Leave, step: Step): void {
    if (!isLoan(leave)) answerWith(origin, entry, existed, step)
    else this.#parts.confirmations.add({ origin, key: entry.key, reply: replyOf(entry, existed) }, step)
  }

  #unconfirmable(leave: Leave): Failure | undefined {
    if (!isLoan(leave) || !this.#parts.confirmations.full) return undefined
    const detail = `${CONFIRMATIONS_MAX} submissions of this node wait for its disk`
    return { code: 'OVERLOADED', detail, retryAfterS: 1 }
  }

  /** @param passedOn by another node, which may have other limits, or none; what faces of this node say is checked there */
  #unacceptable(spec: TaskSpec, passedOn: boolean): Failure | undefined {
    const { view, table, config, check, phase } = this.#parts
    if (phase() === 'leaving') return LEAVING
    if (phase() === 'closed') return NOT_READY
    if (table.accepted >= config.queueMax) {
      return {
        code: 'QUEUE_FULL',
        detail: `${config.queueMax} tasks wait on the owner of the key`,
        retryAfterS: 2,
      }
    }
    const failure = (passedOn ? refusalOfSpec(spec, config) : undefined) ?? check(spec.type, spec.payload)
    if (failure === undefined) return undefined
    return { ...failure, detail: `${failure.detail} Said by node ${view.self}, which owns the key.` }
  }

  #get(origin: Origin, task: TaskId, step: Step): void {
    const { table, view, forwarding, phase } = this.#parts
    const entry = table.get(task)
    const others = view.others()
    if (entry !== undefined) {
      const owner = entry.owner
      const askOwner =
        owner !== undefined && owner !== view.self && !isSettled(entry.record) && view.live.has(owner)
      if (!askOwner) answerWith(origin, entry, true, step)
      else forwarding.get(origin, task, [owner], entry.record, step)
    } else if (phase() === 'closed') this.#refuse(origin, NOT_READY, step)
    else forwarding.get(origin, task, others, undefined, step)
  }

  #refuse(origin: Origin, failure: Failure, step: Step): void {
    this.#parts.counters.add('tasks_refused')
    refuse(origin, failure, step)
  }
}

const NOT_READY: Failure = {
  code: 'NOT_READY',
  detail: 'the node is still joining the cluster',
  retryAfterS: 1,
}
const NO_OWNER: Failure = {
  code: 'NO_OWNER',
  detail: 'uncordon one, or start another',
  retryAfterS: 1,
}
const LEAVING: Failure = { code: 'LEAVING', detail: 'its tasks go to other nodes', retryAfterS: 1 }

const NOT_ACTING: Failure = {
  code: 'NOT_ACTING',
  detail: 'the owner of the key waits for leave of a quorum of the voters',
  retryAfterS: 1,
}

const conflict = (spec: TaskSpec, known: Entry): Failure => ({
  code: 'TASK_CONFLICT',
  detail: `task ${spec.id} is there with another content, under key ${JSON.stringify(known.key)}`,
})

const replyOf = ({ record }: Entry, existed: boolean): TaskReply => ({
  ok: true,
  record,
  existed,
  durableCopies: record.revision > 0 ? 1 : 0,
})

const answerWith = (origin: Origin, entry: Entry, existed: boolean, step: Step): void =>
  answer(origin, replyOf(entry, existed), step)
