/**
 * Requests that other nodes must answer: submissions on their way to the owner, and questions for a task.
 *
 * Each has a time limit of its own, because a frame may find no link and a node may die with the question. Whoever asked
 * is answered exactly once, whatever happens: the entry is removed before the answer is said.
 */
import type { Failure } from '../base/errors.ts'
import { asRequestId, type NodeId, type RequestId, type TaskId } from '../base/ids.ts'
import type { Random } from '../base/random.ts'
import { after, type Instant, NEVER } from '../base/time.ts'
import type { Counters } from './counts.ts'
import type { Step, TasksEffect } from './effects.ts'
import { Heap, type Slotted } from './heap.ts'
import { isSettled, mergeRecords } from './merge.ts'
import {
  keyOfRequest,
  type OwnerRequest,
  type TaskReply,
  type TaskRequest,
  taskOfRequest,
} from './messages.ts'
import { unknownTask } from './refusals.ts'
import type { TaskRecord } from './task.ts'
import type { View } from './view.ts'

/** Requests in flight on a node; more are answered OVERLOADED. With 256 KiB payloads never more than the faces let in. */
export const FORWARDS_MAX = 10_000
/** Forwards of one submission at most. */
export const HOPS_MAX = 2

/** Who asked: a face of this node, or a node that forwards. */
export type Origin = ({ readonly face: RequestId } | { readonly node: NodeId; readonly id: RequestId }) & {
  /** An owner that was asked and is gone since: it may have stored what another refuses now. */
  readonly lost?: NodeId
}

interface Pending extends Slotted {
  readonly id: RequestId
  origin: Origin
  readonly deadline: Instant
}

/** A submission, or an order about a task, under way to the node that owns its key. */
export interface Errand extends Pending {
  readonly kind: 'errand'
  readonly request: OwnerRequest
  readonly hops: number
  to: NodeId
}

interface Question extends Pending {
  readonly kind: 'get'
  readonly task: TaskId
  readonly waiting: Set<NodeId>
  best: TaskRecord | undefined
  /**
   * As a list has it, from others than the owner. Only the owner knows that nobody started the task, so this is said
   * only when everybody answered and nobody knows more: then the owner has read another version of the list.
   */
  listed: TaskRecord | undefined
  /** Some did not answer. */
  unreachable: boolean
  /** What somebody, this node included, says who may know the task or own its key: then nobody can say that there is none. */
  refusal: Failure | undefined
}

/** What this node itself says to a question. */
export interface OwnWord {
  /** For when nobody knows better. */
  readonly known?: TaskRecord
  /** Why it cannot say that there is no such task. */
  readonly refusal?: Failure
}

export class Forwarding {
  readonly #view: View
  readonly #counters: Counters
  readonly #forwardMs: number
  readonly #pending = new Map<RequestId, Errand | Question>()
  readonly #deadlines = new Heap<Errand | Question>((a, b) => a.deadline < b.deadline)
  readonly #prefix: string
  /** Of keys in quorum mode only the owner says that a task has ended: copies may know before it counts. */
  readonly #isCounted: (key: string) => boolean
  #numbers = 0

  /** @param random makes ids that an answer to an earlier life of this node does not match */
  constructor(
    view: View,
    counters: Counters,
    forwardMs: number,
    random: Random,
    isCounted: (key: string) => boolean = () => false,
  ) {
    this.#isCounted = isCounted
    this.#view = view
    this.#counters = counters
    this.#forwardMs = forwardMs
    this.#prefix = random.uint32().toString(36)
  }

  get size(): number {
    return this.#pending.size
  }

  /** @param hops forwards so far */
  send(origin: Origin, request: OwnerRequest, to: NodeId, hops: number, step: Step): void {
    const entry: Errand = { ...this.#newPending(origin, 0, step), kind: 'errand', request, hops, to }
    if (!this.#admit(entry, step)) return
    this.#send(entry, step)
  }

  get(
    origin: Origin,
    { task, waitMs = 0 }: { readonly task: TaskId; readonly waitMs?: number },
    from: readonly NodeId[],
    { known, refusal }: OwnWord,
    step: Step,
  ): void {
    const entry: Question = {
      ...this.#newPending(origin, waitMs, step),
      kind: 'get',
      task,
      waiting: new Set(from),
      best: known !== undefined && known.revision > 0 ? known : undefined,
      listed: known?.revision === 0 ? known : undefined,
      unreachable: false,
      refusal,
    }
    if (!this.#admit(entry, step)) return
    const request = { kind: 'get', task, ...(waitMs > 0 && { waitMs }) } as const
    for (const node of from) this.#ask(entry.id, node, 1, request, step)
    this.#concludeWhenAll(entry, step)
  }

  /** An answer from another node. */
  replied(from: NodeId, id: RequestId, reply: TaskReply, step: Step): void {
    const entry = this.#pending.get(id)
    if (entry === undefined) this.#counters.add('replies_unknown')
    else if (entry.kind === 'get') this.#gotAnswer(entry, from, reply, step)
    else if (entry.to !== from) this.#counters.add('replies_unknown')
    else this.#finish(entry, reply.ok ? reply : { ok: false, failure: onward(reply.failure, from) }, step)
  }

  /** The view has changed. Returns errands whose addressee is gone while another owns the key now. */
  viewChanged(step: Step): readonly Errand[] {
    const lost: Errand[] = []
    for (const entry of this.#pending.values()) {
      if (entry.kind === 'errand') {
        const owner = this.#view.owner(keyOfRequest(entry.request))
        if (!this.#view.live.has(entry.to) && owner !== entry.to && owner !== undefined) lost.push(entry)
        continue
      }
      for (const node of entry.waiting) {
        if (this.#view.live.has(node)) continue
        entry.waiting.delete(node)
        entry.unreachable = true
      }
      this.#concludeWhenAll(entry, step)
    }
    return lost
  }

  /** To the owner of now, within the time limit of before. */
  redirect(entry: Errand, to: NodeId, step: Step): void {
    entry.origin = { ...entry.origin, lost: entry.to }
    entry.to = to
    this.#send(entry, step)
  }

  /** Takes an errand back, because this node itself is the owner now. Returns who is to be answered. */
  withdraw(entry: Errand): Origin {
    this.#forget(entry)
    return { ...entry.origin, lost: entry.to }
  }

  tick(step: Step): void {
    for (;;) {
      const entry = this.#deadlines.first()
      if (entry === undefined || entry.deadline > step.now.mono) return
      if (entry.kind === 'get') {
        entry.unreachable = true
        this.#conclude(entry, step)
        continue
      }
      const detail = `${entry.to}, the owner of the key, did not answer within ${this.#forwardMs} ms`
      this.#finish(entry, { ok: false, failure: { code: 'OWNER_UNREACHABLE', detail, retryAfterS: 1 } }, step)
    }
  }

  nextWake(): Instant {
    return this.#deadlines.first()?.deadline ?? NEVER
  }

  /** @param waitMs how long whoever answers may wait before */
  #newPending(origin: Origin, waitMs: number, step: Step): Pending {
    const id = asRequestId(`${this.#prefix}-${++this.#numbers}`)
    return { id, origin, deadline: after(step.now.mono, this.#forwardMs + waitMs), slot: -1 }
  }

  #admit(entry: Errand | Question, step: Step): boolean {
    if (this.#pending.size >= FORWARDS_MAX) {
      const detail = `${FORWARDS_MAX} requests of this node wait for other nodes`
      refuse(entry.origin, { code: 'OVERLOADED', detail, retryAfterS: 1 }, step)
      return false
    }
    this.#pending.set(entry.id, entry)
    this.#deadlines.add(entry)
    return true
  }

  #send(entry: Errand, step: Step): void {
    const { request, to, hops } = entry
    const [task, key] = [taskOfRequest(request), keyOfRequest(request)]
    step.log('debug', 'task-forwarded', { task, key, to, hops: hops + 1 })
    this.#ask(entry.id, to, hops + 1, request, step)
  }

  #ask(id: RequestId, to: NodeId, hops: number, request: TaskRequest, step: Step): void {
    this.#counters.add('requests_forwarded')
    step.sendAtOnce(to, { type: 'forward', id, hops, request })
  }

  #gotAnswer(entry: Question, from: NodeId, reply: TaskReply, step: Step): void {
    if (!entry.waiting.delete(from)) return
    if (!reply.ok) {
      if (reply.failure.code !== 'TASK_UNKNOWN') entry.refusal ??= onward(reply.failure, from)
      this.#concludeWhenAll(entry, step)
      return
    }
    const fromOwner = from === this.#view.owner(reply.record.spec.key)
    if (reply.record.revision === 0 && !fromOwner) {
      entry.listed ??= reply.record
      this.#concludeWhenAll(entry, step)
      return
    }
    entry.best = entry.best === undefined ? reply.record : mergeRecords(entry.best, reply.record)
    // A holder may be a moment behind; the owner is not, and what is settled stays so.
    const ended = isSettled(entry.best) && !this.#isCounted(entry.best.spec.key)
    if (fromOwner) this.#finish(entry, { ...reply, record: this.#better(entry.best, reply.record) }, step)
    else if (ended) this.#conclude(entry, step)
    else this.#concludeWhenAll(entry, step)
  }

  /** What copies add to the owner's word. */
  #better(best: TaskRecord, owners: TaskRecord): TaskRecord {
    return this.#isCounted(owners.spec.key) ? owners : best
  }

  #concludeWhenAll(entry: Question, step: Step): void {
    if (entry.waiting.size === 0) this.#conclude(entry, step)
  }

  #conclude(entry: Question, step: Step): void {
    const { task, waiting } = entry
    const unsure = entry.best !== undefined && isSettled(entry.best) && this.#isCounted(entry.best.spec.key)
    const unreachable = entry.unreachable || (unsure && entry.refusal === undefined)
    const known = unsure ? undefined : entry.best
    const best = known ?? (unreachable || entry.refusal !== undefined ? undefined : entry.listed)
    if (best !== undefined) {
      this.#finish(
        entry,
        { ok: true, record: best, existed: true, durableCopies: best.revision > 0 ? 1 : 0 },
        step,
      )
    } else if (unreachable) {
      const silent = waiting.size > 0 ? ` (${[...waiting].slice(0, 8).join(', ')})` : ''
      const detail = `no node that answered knows task ${task}, but some did not answer${silent}`
      this.#finish(entry, { ok: false, failure: { code: 'OWNER_UNREACHABLE', detail, retryAfterS: 1 } }, step)
    } else {
      this.#finish(entry, { ok: false, failure: entry.refusal ?? unknownTask(task) }, step)
    }
  }

  #finish(entry: Errand | Question, reply: TaskReply, step: Step): void {
    this.#forget(entry)
    if (entry.kind === 'get' && reply.ok) tell(entry.origin, reply, step)
    else answer(entry.origin, reply, step)
  }

  #forget(entry: Errand | Question): void {
    this.#pending.delete(entry.id)
    this.#deadlines.remove(entry)
  }
}

/** Answers once everything that the answer rests on is durable. */
export function answer(origin: Origin, reply: TaskReply, step: Step): void {
  if (!reply.ok) refuse(origin, reply.failure, step)
  else if ('face' in origin) step.reply(origin.face, reply)
  else step.send(origin.node, { type: 'forward-reply', id: origin.id, reply })
}

/** Says how a task stands; what this rests on is its record, see `Step.tell`. */
export function tell(origin: Origin, reply: Extract<TaskReply, { ok: true }>, step: Step): void {
  const task = reply.record.spec.id
  step.tell(task, spoken(origin, reply), failure => spoken(origin, refusal(origin, failure)))
}

export function refuse(origin: Origin, failure: Failure, step: Step): void {
  answerAtOnce(origin, refusal(origin, failure), step)
}

function refusal({ lost }: Origin, failure: Failure): TaskReply {
  return { ok: false, failure: lost === undefined ? failure : afterLoss(lost, failure) }
}

function spoken(origin: Origin, reply: TaskReply): TasksEffect {
  if ('face' in origin) return { kind: 'reply', id: origin.face, reply }
  return { kind: 'send', to: origin.node, message: { type: 'forward-reply', id: origin.id, reply } }
}

/** For what rests on nothing, or is durable already. */
export function answerAtOnce(origin: Origin, reply: TaskReply, step: Step): void {
  if ('face' in origin) step.replyAtOnce(origin.face, reply)
  else step.sendAtOnce(origin.node, { type: 'forward-reply', id: origin.id, reply })
}

/** Refusals that do not say that nothing was stored, or that say what is there. */
const SAY_NOTHING_OF_THE_STATE: ReadonlySet<string> = new Set([
  'TASK_CONFLICT',
  'DEDUPE_CONFLICT',
  'OWNER_UNREACHABLE',
  'RIGHT_ENDED',
])

/** Who is told "refused" may think that the task is nowhere; the owner that is gone may have it, and bring it back. */
function afterLoss(lost: NodeId, failure: Failure): Failure {
  if (SAY_NOTHING_OF_THE_STATE.has(failure.code)) return failure
  const detail = `${lost} owned the key, was asked, and is gone; its successor says ${failure.code}: ${failure.detail}`
  return { code: 'OWNER_UNREACHABLE', detail, retryAfterS: failure.retryAfterS ?? 1 }
}

/** A refusal as it concerns whoever asked here: that another node leaves is not their business, only that it passes. */
function onward(failure: Failure, from: NodeId): Failure {
  if (failure.code !== 'LEAVING') return failure
  return {
    code: 'NOT_READY',
    detail: `${from}, the owner of the key, is leaving; another takes over`,
    retryAfterS: 1,
  }
}
