import type { Failure } from '../base/errors.ts'
import type { NodeId, RequestId, TaskId } from '../base/ids.ts'
import type { TasksConfig } from './config.ts'
import { CONFIRMATIONS_MAX, type Confirmations, RIGHT_ENDED } from './confirmations.ts'
import type { Copies } from './copies.ts'
import type { Counters } from './counts.ts'
import type { Step } from './effects.ts'
import {
  answer,
  answerAtOnce,
  type Forwarding,
  HOPS_MAX,
  type Origin,
  refuse,
  unknownTask,
} from './forwarding.ts'
import { isSettled } from './merge.ts'
import type { Forward, TaskReply, TaskRequest } from './messages.ts'
import type { Records } from './records.ts'
import { isLoan, type Leave, leaveNow, type Right } from './right.ts'
import { refusalOfSpec, sameSpec } from './spec.ts'
import { type Entry, shownOf, type Table } from './table.ts'
import type { Takeover } from './takeover.ts'
import type { TaskSpec } from './task.ts'
import { revise } from './transition.ts'
import type { View } from './view.ts'
import type { Work } from './work.ts'

export interface RequestsParts {
  readonly view: View
  readonly table: Table
  readonly work: Work
  readonly forwarding: Forwarding
  readonly confirmations: Confirmations
  readonly right: Right
  readonly counters: Counters
  readonly config: TasksConfig
  readonly takeover: Takeover
  readonly records: Records
  /** Where copies are counted in quorum mode. */
  readonly copies?: Copies | undefined
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
    const { table, takeover, view } = this.#parts
    const entry = table.get(request.task)
    if (entry === undefined) {
      const incomplete = takeover.quorum?.active === true
      refuse(origin, incomplete ? INCOMPLETE : unknownTask(request.task), step)
    } else if (entry.owner === view.self && this.#isCounted(entry)) this.#show(origin, entry, step)
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
    else if (known !== undefined && !sameSpec(known.record.spec, spec)) {
      this.#refuse(origin, conflict(spec, known), step)
    } else if (owner === view.self) this.#own(origin, spec, step)
    else if (hops >= HOPS_MAX) {
      const detail = `after ${hops} forwards ${view.self} was asked, and believes that ${owner} owns the key`
      this.#refuse(origin, { code: 'TOO_MANY_HOPS', detail, retryAfterS: 1 }, step)
    } else forwarding.submit(origin, spec, owner, hops, step)
  }

  /** The key is this node's own. */
  #own(origin: Origin, spec: TaskSpec, step: Step): void {
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
    if (this.#parts.right.epochs?.isQuorum(spec.key) === true && this.#parts.takeover.gates(spec.key)) {
      counters.add('submits_not_acting')
      this.#refuse(origin, INCOMPLETE, step)
      return
    }
    const unacceptable = known === undefined ? this.#unacceptable(spec, 'node' in origin) : undefined
    const failure = unacceptable ?? this.#unconfirmable(leave)
    if (failure !== undefined) this.#refuse(origin, failure, step)
    else this.#confirm(origin, known ?? work.accept(spec, step), known !== undefined, leave, step)
  }

  /** In quorum mode the right is looked at again when the task is durable. */
  #confirm(origin: Origin, entry: Entry, existed: boolean, leave: Leave, step: Step): void {
    if (!isLoan(leave)) answerWith(origin, entry, existed, step)
    else if (this.#parts.copies !== undefined && this.#isCounted(entry)) {
      this.#confirmCounted(origin, entry, existed, step)
    } else this.#parts.confirmations.add({ origin, key: entry.key, reply: replyOf(entry, existed) }, step)
  }

  #isCounted({ key }: Entry): boolean {
    return this.#parts.right.epochs?.isQuorum(key) === true
  }

  /** Once enough holders have it, and this node may still act then. */
  #confirmCounted(origin: Origin, entry: Entry, existed: boolean, step: Step): void {
    const { copies, counters, right } = this.#parts
    // Of a shared list, and on every node; nobody has begun it.
    if (entry.record.revision === 0) {
      answerWith(origin, entry, existed, step)
      return
    }
    this.#ownWords(entry, step)
    const durable = (count: number, later: Step): void => {
      if (leaveNow(right, entry.key, later.now.mono) === undefined) {
        counters.add('submits_unconfirmed')
        refuse(origin, RIGHT_ENDED, later)
      } else answerAtOnce(origin, replyOf(entry, existed, count), later)
    }
    const failed = (later: Step): void => {
      counters.add('submits_short')
      refuse(origin, TOO_FEW_COPIES, later)
    }
    copies?.when(entry, { durable, failed }, step)
  }

  /** What another owner wrote last is written again under a term of this one before it is told that it ended. */
  #ownWords(entry: Entry, step: Step): void {
    const { records, right } = this.#parts
    const { record } = entry
    if (!isSettled(record) || record.revision === 0 || entry.final === record) return
    if (record.term !== undefined && right.epochs?.held.includes(record.term) === true) return
    if (leaveNow(right, entry.key, step.now.mono) === undefined) return
    records.change(entry, revise(record, { holders: records.holders(entry.key) }), step)
  }

  /** As its owner, where copies are counted. */
  #show(origin: Origin, entry: Entry, step: Step): void {
    const { takeover, right } = this.#parts
    const acting = leaveNow(right, entry.key, step.now.mono) !== undefined
    const ended = isSettled(shownOf(entry))
    if (ended && entry.final === entry.record) answerWith(origin, entry, true, step)
    else if (!acting) refuse(origin, NOT_ACTING, step)
    else if (takeover.gates(entry.key)) refuse(origin, INCOMPLETE, step)
    else if (!ended) answerWith(origin, entry, true, step)
    else this.#confirmCounted(origin, entry, true, step)
  }

  #unconfirmable(leave: Leave): Failure | undefined {
    const { confirmations, copies } = this.#parts
    const full = confirmations.full || (copies?.waiting ?? 0) >= CONFIRMATIONS_MAX
    if (!isLoan(leave) || !full) return undefined
    const detail = `${CONFIRMATIONS_MAX} submissions of this node wait for disks`
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
    if (entry !== undefined && entry.owner === view.self && this.#isCounted(entry)) {
      this.#show(origin, entry, step)
    } else if (entry !== undefined) {
      const owner = entry.owner
      const ended = isSettled(entry.record) && !this.#isCounted(entry)
      const askOwner = owner !== undefined && owner !== view.self && !ended && view.live.has(owner)
      if (!askOwner) answerWith(origin, entry, true, step)
      else forwarding.get(origin, task, [owner], entry.record, step)
    } else if (phase() === 'closed') this.#refuse(origin, NOT_READY, step)
    else if (this.#parts.takeover.quorum?.active === true) this.#refuse(origin, INCOMPLETE, step)
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

const INCOMPLETE: Failure = {
  code: 'TAKEOVER_INCOMPLETE',
  detail:
    'its new owner asks the nodes that may hold its records; one that is down must come back, or be forgotten',
  retryAfterS: 1,
}

const TOO_FEW_COPIES: Failure = {
  code: 'TOO_FEW_COPIES',
  detail: 'the task may be known or not; it runs once however often it is sent',
  retryAfterS: 1,
}

const conflict = (spec: TaskSpec, known: Entry): Failure => ({
  code: 'TASK_CONFLICT',
  detail: `task ${spec.id} is there with another content, under key ${JSON.stringify(known.key)}`,
})

const replyOf = (
  entry: Entry,
  existed: boolean,
  durableCopies = entry.record.revision > 0 ? 1 : 0,
): TaskReply => ({ ok: true, record: shownOf(entry), existed, durableCopies })

const answerWith = (origin: Origin, entry: Entry, existed: boolean, step: Step): void =>
  answer(origin, replyOf(entry, existed), step)
