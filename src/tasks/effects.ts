/**
 * What this room asks of the world outside, and `Step`, which collects it. One public call on `Tasks` is one step and
 * asks for at most one `persist`: every record that changed goes to disk in it, and everything that must not be said
 * or done before that (copies to other holders, the attempt itself, the reply) waits in its `then`, in that order. So
 * nobody hears of a thing that a crash could still undo.
 */
import type { Failure } from '../base/errors.ts'
import type { NodeId, RequestId, TaskId } from '../base/ids.ts'
import type { Instant, Now, WallMs } from '../base/time.ts'
import type { Fence } from './fences.ts'
import { grouped } from './grouping.ts'
import type { SurveyReplied, TaskLinkMessage, TaskReply } from './messages.ts'
import type { Token } from './right.ts'
import type { DiskSight } from './store-failure.ts'
import type { SurveyAnswer, SurveyReply } from './survey.ts'
import type { Json, TaskRecord } from './task.ts'

export type TasksEffect =
  | {
      readonly kind: 'persist'
      readonly writes: readonly TaskWrite[]
      readonly then: readonly TasksEffect[]
      /** The `then` rests on the record of this task alone, and on nothing else that was written before. Without writes only. */
      readonly restsOn?: TaskId
      /** Done in place of `then` where that record still waits for the disk, which takes nothing new. */
      readonly otherwise?: readonly TasksEffect[]
    }
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
  /** Not to be begun from this wall time on: the order may wait for the disk as long as that takes nothing. Absent: at any time. */
  readonly expiresAt?: WallMs
  readonly token: Token
  /** The right to run ends then unless an `extend` says otherwise; absent in available mode. */
  readonly until?: Instant
  /** The offer of which it takes a place, where it is carried out by a client that claims it. */
  readonly offer?: number
}

interface Telling {
  readonly task: TaskId
  readonly said: TasksEffect
  readonly refuse: (failure: Failure) => TasksEffect
}

const UNWRITTEN = 'How the task stands by now is told once it is on the disk.'

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
  readonly #tellings: Telling[] = []
  readonly #disk: DiskSight | undefined
  #mark: number | undefined

  /** @param disk what it takes; by default it takes everything */
  constructor(now: Now, disk?: DiskSight) {
    this.now = now
    this.#disk = disk
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

  /**
   * Says how a task stands, once what it rests on is durable: its record. A disk in trouble keeps nobody waiting who only
   * asks: where it has the record this is said at once, and where it has not, `refuse` says why.
   */
  tell(task: TaskId, said: TasksEffect, refuse: (failure: Failure) => TasksEffect): void {
    this.#tellings.push({ task, said, refuse })
  }

  /** To the face that asked all nodes. */
  surveyed(id: RequestId, reply: SurveyReply): void {
    const answers = reply.ok ? reply.answers.map(({ answer }) => answer) : []
    this.#seen(this.#replies, { kind: 'surveyed', id, reply }, answers)
  }

  /** To a node that asked all nodes. */
  answerSurvey(to: NodeId, message: SurveyReplied): void {
    this.#seen(this.#sends, { kind: 'send', to, message }, [message.answer])
  }

  /**
   * What a node sees of its tasks goes out once all of it is durable. While the disk is in trouble it goes out as it is in
   * memory: a look, from which nobody concludes that anything is stored, and in quorum mode an end is in it only once it
   * counts. Not what was done to the tasks.
   */
  #seen(lane: TasksEffect[], said: TasksEffect, answers: readonly SurveyAnswer[]): void {
    const isLook = answers.every(({ kind }) => kind !== 'purge')
    if (this.#disk?.failure === undefined || !isLook) lane.push(said)
    else this.#atOnce.push(said)
  }

  effects(): TasksEffect[] {
    const apart = this.#toldApart()
    const marks: TasksEffect[] = this.#mark === undefined ? [] : [{ kind: 'persisted', mark: this.#mark }]
    const then = [...this.#cancels, ...grouped(this.#sends), ...this.#orders, ...this.#replies, ...marks]
    const atOnce = [...grouped(this.#atOnce), ...apart]
    if (this.#writes.size === 0 && this.#fences.size === 0 && then.length === 0) return atOnce
    const writes: TaskWrite[] = []
    for (const [key, value] of this.#fences) writes.push({ table: 'grants', key, value })
    for (const [key, value] of this.#writes) writes.push({ table: 'tasks', key, value })
    return [...atOnce, { kind: 'persist', writes, then }]
  }

  /** In a step that writes, and while the disk is well, what is told goes with the rest: in few frames. */
  #toldApart(): TasksEffect[] {
    const failure = this.#disk?.failure
    const tellings = this.#tellings.splice(0)
    if (failure === undefined && (this.#writes.size > 0 || tellings.length > 1)) {
      for (const { said } of tellings) (said.kind === 'send' ? this.#sends : this.#replies).push(said)
      return []
    }
    return tellings.map(({ task, said, refuse }) => {
      const resting = { kind: 'persist', writes: [], then: [said], restsOn: task } as const
      if (failure === undefined) return resting
      const refused = refuse({ ...failure, detail: `${failure.detail} ${UNWRITTEN}` })
      return this.#writes.has(task) ? refused : { ...resting, otherwise: [refused] }
    })
  }

  /** Has a record changed so far? */
  get wrote(): boolean {
    return this.#writes.size > 0
  }
}
