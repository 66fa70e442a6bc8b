/**
 * What this room asks of the world outside, and `Step`, which collects it. One public call on `Tasks` is one step and
 * asks for at most one `persist`: every record that changed goes to disk in it, and everything that must not be said
 * or done before that (copies to other holders, the attempt itself, the reply) waits in its `then`, in that order. So
 * nobody hears of a thing that a crash could still undo.
 */
import type { NodeId, RequestId, TaskId } from '../base/ids.ts'
import type { Instant, Now } from '../base/time.ts'
import type { Fence } from './fences.ts'
import { grouped } from './grouping.ts'
import type { TaskLinkMessage, TaskReply } from './messages.ts'
import type { Token } from './right.ts'
import type { SurveyReply } from './survey.ts'
import type { Json, TaskRecord } from './task.ts'

export type TasksEffect =
  | { readonly kind: 'persist'; readonly writes: readonly TaskWrite[]; readonly then: readonly TasksEffect[] }
  | { readonly kind: 'execute'; readonly attempt: AttemptOrder }
  | { readonly kind: 'cancel-attempt'; readonly task: TaskId; readonly attempt: number }
  | { readonly kind: 'reply'; readonly id: RequestId; readonly reply: TaskReply }
  /** To the face that asked all nodes. */
  | { readonly kind: 'surveyed'; readonly id: RequestId; readonly reply: SurveyReply }
  /** Comes back by `Tasks.persisted`; always in the `then` of a persist. Below 0, so that no other room's mark is one. */
  | { readonly kind: 'persisted'; readonly mark: number }
  /** The right to run these attempts holds until then. */
  | {
      readonly kind: 'extend'
      readonly until: Instant
      readonly attempts: readonly { readonly task: TaskId; readonly attempt: number }[]
    }
  | { readonly kind: 'log'; readonly level: Level; readonly event: string; readonly fields: Fields }
  /** To a member; dropped when no link leads there, so whoever sends also keeps a time limit. */
  | { readonly kind: 'send'; readonly to: NodeId; readonly message: TaskLinkMessage }

export type TaskWrite =
  | { readonly table: 'tasks'; readonly key: string; readonly value: TaskRecord | undefined }
  /** Beside the notes of the voter, which it rests on. */
  | { readonly table: 'grants'; readonly key: string; readonly value: Fence | undefined }

export interface AttemptOrder {
  readonly task: TaskId
  readonly key: string
  readonly type: string
  readonly payload: Json
  readonly attempt: number
  readonly node: NodeId
  readonly timeoutMs: number
  readonly token: Token
  /** The right to run ends then unless an `extend` says otherwise; absent in available mode. */
  readonly until?: Instant
  /** The offer of which it takes a place, where it is carried out by a client that claims it. */
  readonly offer?: number
}

type Level = 'debug' | 'info' | 'warn' | 'error'
type Fields = Readonly<Record<string, Json | undefined>>

/** Everything one call asks for. */
export class Step {
  readonly now: Now
  readonly #atOnce: TasksEffect[] = []
  readonly #writes = new Map<TaskId, TaskRecord | undefined>()
  readonly #fences = new Map<string, Fence | undefined>()
  readonly #cancels: TasksEffect[] = []
  readonly #sends: TasksEffect[] = []
  readonly #orders: TasksEffect[] = []
  readonly #replies: TasksEffect[] = []
  #mark: number | undefined

  constructor(now: Now) {
    this.now = now
  }

  /** The record goes to disk; within a step only its last version does. */
  write(record: TaskRecord): void {
    this.#writes.set(record.spec.id, record)
  }

  erase(task: TaskId): void {
    this.#writes.set(task, undefined)
  }

  writeFence(row: string, fence: Fence | undefined): void {
    this.#fences.set(row, fence)
  }

  log(level: Level, event: string, fields: Fields): void {
    this.#atOnce.push({ kind: 'log', level, event, fields })
  }

  /** Says nothing of a record, so it need not wait for the disk. */
  sendAtOnce(to: NodeId, message: TaskLinkMessage): void {
    this.#atOnce.push({ kind: 'send', to, message })
  }

  /** Behind the disk as well: the order to start it may still wait there. */
  cancel(task: TaskId, attempt: number): void {
    this.#cancels.push({ kind: 'cancel-attempt', task, attempt })
  }

  /** Now, as far as it has been started, and behind the disk too, where the order to start it may still wait. */
  cancelNow(task: TaskId, attempt: number): void {
    this.#atOnce.push({ kind: 'cancel-attempt', task, attempt })
    this.cancel(task, attempt)
  }

  /** Not behind the disk: a slow one must not end what may go on. */
  extend(until: Instant, attempts: readonly { readonly task: TaskId; readonly attempt: number }[]): void {
    this.#atOnce.push({ kind: 'extend', until, attempts })
  }

  /** The step is to be told of when it is durable, under this number. */
  mark(mark: number): void {
    this.#mark = mark
  }

  /** Sent once this step and all before it are durable. */
  send(to: NodeId, message: TaskLinkMessage): void {
    this.#sends.push({ kind: 'send', to, message })
  }

  execute(attempt: AttemptOrder): void {
    this.#orders.push({ kind: 'execute', attempt })
  }

  /** Of an attempt that is durable already. */
  executeAtOnce(attempt: AttemptOrder): void {
    this.#atOnce.push({ kind: 'execute', attempt })
  }

  reply(id: RequestId, reply: TaskReply): void {
    this.#replies.push({ kind: 'reply', id, reply })
  }

  /** For refusals, which say nothing of a record, and for what is durable already. */
  replyAtOnce(id: RequestId, reply: TaskReply): void {
    this.#atOnce.push({ kind: 'reply', id, reply })
  }

  surveyed(id: RequestId, reply: SurveyReply): void {
    this.#replies.push({ kind: 'surveyed', id, reply })
  }

  effects(): TasksEffect[] {
    const marks: TasksEffect[] = this.#mark === undefined ? [] : [{ kind: 'persisted', mark: this.#mark }]
    const then = [...this.#cancels, ...grouped(this.#sends), ...this.#orders, ...this.#replies, ...marks]
    const atOnce = grouped(this.#atOnce)
    if (this.#writes.size === 0 && this.#fences.size === 0 && then.length === 0) return atOnce
    const writes: TaskWrite[] = []
    for (const [key, value] of this.#fences) writes.push({ table: 'grants', key, value })
    for (const [key, value] of this.#writes) writes.push({ table: 'tasks', key, value })
    return [...atOnce, { kind: 'persist', writes, then }]
  }

  /** Has a record changed so far? */
  get wrote(): boolean {
    return this.#writes.size > 0
  }
}
