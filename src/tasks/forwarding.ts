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
import { isDeniable } from './deniable.ts'
import type { Step } from './effects.ts'
import { Heap, type Slotted } from './heap.ts'
import { isSettled, mergeRecords } from './merge.ts'
import {
  keyOfRequest,
  type OwnerRequest,
  type TaskReply,
  type TaskRequest,
  taskOfRequest,
} from './messages.ts'
import { answer, type Origin, refuse, tell } from './origin.ts'
import { OWNERS_CHANGED, onward, unknownTask } from './refusals.ts'
import type { Epochs } from './right.ts'
import type { TaskRecord } from './task.ts'
import type { View } from './view.ts'

/** Requests in flight on a node; more are answered OVERLOADED. With 256 KiB payloads never more than the faces let in. */
export const FORWARDS_MAX = 10_000
/** Forwards of one submission at most. */
export const HOPS_MAX = 2

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
  /** Who said, asked by the id alone, that there is none. */
  readonly without: Set<NodeId>
  /** The owner of its key is asked, or has been, for the last word: is there none, although somebody has a copy? */
  lastWord: boolean
  /** As it was when the question was asked: who said "no" under another ring may have the task by now. */
  readonly epoch: number
  readonly denial: OwnWord['denial']
  /** What somebody, this node included, says who may know the task or own its key: then nobody can say that there is none. */
  refusal: Failure | undefined
}

/** What this node itself says to a question. */
export interface OwnWord {
  /** For when nobody knows better. */
  readonly known?: TaskRecord
  /** Why it cannot say that there is no such task. */
  readonly refusal?: Failure
  /** As the owner of this key: TASK_UNKNOWN, or why that cannot be said. */
  readonly denial?: (key: string, now: Instant) => Failure
}

export class Forwarding {
  readonly #view: View
  readonly #counters: Counters
  readonly #forwardMs: number
  readonly #pending = new Map<RequestId, Errand | Question>()
  readonly #deadlines = new Heap<Errand | Question>((a, b) => a.deadline < b.deadline)
  readonly #prefix: string
  readonly #epochs: Epochs | undefined
  #numbers = 0

  /** @param random makes ids that an answer to an earlier life of this node does not match */
  constructor(view: View, counters: Counters, forwardMs: number, random: Random, epochs?: Epochs) {
    this.#epochs = epochs
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
    { known, refusal, denial }: OwnWord,
    step: Step,
  ): void {
    const denier = known && this.#denierOf(known)
    const key = denier !== undefined && from.includes(denier) ? known?.spec.key : undefined
    const entry: Question = {
      ...this.#newPending(origin, waitMs, step),
      kind: 'get',
      task,
      waiting: new Set(from),
      best: known !== undefined && known.revision > 0 ? known : undefined,
      listed: known?.revision === 0 ? known : undefined,
      unreachable: false,
      without: new Set(),
      lastWord: key !== undefined,
      epoch: this.#view.epoch,
      denial,
      refusal,
    }
    if (!this.#admit(entry, step)) return
    const ring = this.#view.ring?.checksum
    const more = { ...(waitMs > 0 && { waitMs }), ...(key !== undefined && { key }), ...(ring && { ring }) }
    const request = { kind: 'get', task, ...more } as const
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
      this.#refused(entry, from, reply.failure, step)
      return
    }
    const fromOwner = this.#isOwners(entry, from, reply.record)
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

  /** Is it the owner's word? Who has come to own the key since it was asked may have told what a copy says of an end. */
  #isOwners({ epoch }: Question, from: NodeId, record: TaskRecord): boolean {
    const { key } = record.spec
    const isWord = epoch === this.#view.epoch || !isSettled(record) || !this.#isCounted(key)
    return isWord && from === this.#view.owner(key)
  }

  #refused(entry: Question, from: NodeId, failure: Failure, step: Step): void {
    if (failure.code !== 'TASK_UNKNOWN') entry.refusal ??= onward(failure, from)
    else if (entry.lastWord && entry.best !== undefined && from === this.#denierOf(entry.best)) {
      this.#finish(entry, { ok: false, failure }, step)
      return
    } else entry.without.add(from)
    this.#concludeWhenAll(entry, step)
  }

  /** What copies add to the owner's word. */
  #better(best: TaskRecord, owners: TaskRecord): TaskRecord {
    return this.#isCounted(owners.spec.key) ? owners : best
  }

  /** Of such keys only the owner says that a task has ended: copies may know before it counts. */
  #isCounted(key: string): boolean {
    return this.#epochs?.isQuorum(key) === true
  }

  /** Who knows whether a task of which there is a copy is over and dropped. */
  #denierOf(record: TaskRecord): NodeId | undefined {
    return isDeniable(record, this.#epochs) ? this.#view.owner(record.spec.key) : undefined
  }

  #concludeWhenAll(entry: Question, step: Step): void {
    if (this.#asksOwner(entry, step)) return
    if (entry.waiting.size === 0) this.#conclude(entry, step)
  }

  /**
   * Somebody has a copy of what its owner, asked by the id alone, does not know. It is asked once more, by the key, whoever else
   * is silent: a copy alone would else be neither told nor denied for as long as it is there. True when nothing is concluded yet.
   */
  #asksOwner(entry: Question, step: Step): boolean {
    const { best, lastWord, task, denial } = entry
    const owner = best && this.#denierOf(best)
    if (lastWord || best === undefined || owner === undefined) return false
    const { key } = best.spec
    if (owner !== this.#view.self) {
      if (!entry.without.has(owner) || !this.#view.live.has(owner)) return false
      entry.lastWord = true
      entry.waiting.add(owner)
      this.#ask(entry.id, owner, 1, { kind: 'get', task, key }, step)
      return true
    }
    entry.lastWord = true
    const failure = denial?.(key, step.now.mono)
    if (failure?.code !== 'TASK_UNKNOWN') entry.refusal ??= failure
    else this.#finish(entry, { ok: false, failure }, step)
    return failure?.code === 'TASK_UNKNOWN'
  }

  #conclude(entry: Question, step: Step): void {
    const { task, best, refusal, listed } = entry
    const unsure = best !== undefined && isSettled(best) && this.#isCounted(best.spec.key)
    const known =
      best !== undefined && !unsure ? best : entry.unreachable || unsure || refusal ? undefined : listed
    const changed = entry.epoch === this.#view.epoch ? undefined : OWNERS_CHANGED
    if (known !== undefined) {
      const durableCopies = known.revision > 0 ? 1 : 0
      this.#finish(entry, { ok: true, record: known, existed: true, durableCopies }, step)
    } else if (entry.unreachable || (unsure && refusal === undefined)) {
      const failure = { code: 'OWNER_UNREACHABLE', detail: unheard(entry, unsure), retryAfterS: 1 } as const
      this.#finish(entry, { ok: false, failure }, step)
    } else {
      this.#finish(entry, { ok: false, failure: refusal ?? changed ?? unknownTask(task) }, step)
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

/** Why nobody can say how it stands. */
function unheard({ task, waiting }: Question, ended: boolean): string {
  const silent = waiting.size > 0 ? ` (${[...waiting].slice(0, 8).join(', ')})` : ''
  if (ended) return `a copy of task ${task} says that it ended, but its owner does not say so yet${silent}`
  return `no node that answered knows task ${task}, but some did not answer${silent}`
}
