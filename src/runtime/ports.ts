/**
 * The ports: everything the core needs of the world, on one screen. An adapter implements one of them; a test may
 * implement it in memory, and `test/contracts` holds one suite per port that both must pass.
 */
import type { Failure } from '../base/errors.ts'
import type { LinkId, NodeId, PeerId, TaskId } from '../base/ids.ts'
import type { Instant, Now } from '../base/time.ts'
import type { ControlReply, ControlRequest } from '../node/control.ts'
import type {
  AttemptOrder,
  DialResult,
  GossipMessage,
  LinkMessage,
  LogFields,
  LogLevel,
  ScheduleListReply,
  SingleInput,
  Write,
} from '../node/machine.ts'
import type {
  Explanation,
  LedgerEntry,
  MemberView,
  Metric,
  NodeStatus,
  OwnerAnswer,
  RingView,
  TaskPage,
  TaskQuery,
  WorkLeft,
} from '../node/status.ts'
import type { AttemptLook, LookAnswer, LookRequest, TaskReply, TaskRequest } from '../tasks/messages.ts'
import type { ProgressReport } from '../tasks/progress.ts'
import type { ScheduleQuery } from '../tasks/schedules/messages.ts'
import type { NextSlot } from '../tasks/schedules/timing.ts'
import type { Wish } from '../tasks/spec.ts'
import type { SurveyQuestion, SurveyReply } from '../tasks/survey.ts'
import type { Outcome } from '../tasks/task.ts'

export interface Clock {
  now(): Now
}

/**
 * What adapters push into the driver's queue. Never blocks, never throws; a full queue drops heartbeats first.
 * @param bytes of what a peer sent, as it came: the queue is bounded in them
 */
export type Enqueue = (input: SingleInput, bytes?: number) => void

export interface Transport {
  /** This node's authenticated name. */
  readonly peer: PeerId
  /** Starts listening. Resolves with the `host:port` addresses that others can dial. Throws ADDRESS_IN_USE and others. */
  start(enqueue: Enqueue): Promise<readonly string[]>
  /** @param order as in the effect `dial` */
  dial(order: {
    address: string
    peer?: PeerId
    forceNew: boolean
    besides?: readonly string[]
    timeoutMs: number
  }): Promise<DialResult>
  /** Queues a frame; frames to one link keep their order. */
  send(link: LinkId, message: LinkMessage): void
  publish(message: GossipMessage): void
  /** Flushes what was sent, then closes. */
  closeLink(link: LinkId, reason: string): void
  metrics(): readonly Metric[]
  /**
   * Flushes and closes all links; what a peer does not take in time is cut. Idempotent; may assume that no input is
   * wanted any more.
   * @param withinMs how long peers may take, in ms, when that is less than the second or two that they get at most
   */
  stop(withinMs?: number): Promise<void>
}

/** What a node is told of its disk. */
export type StoreCondition = Extract<SingleInput, { kind: 'store' }>['condition']

export interface Store {
  /** All rows of a table, in no certain order. Once, before the first commit. */
  load(table: Write['table']): Promise<readonly { key: string; value: unknown }[]>
  /**
   * Resolves when the writes are on disk (fsync). Commits are durable in the order of the calls; calls made while one is
   * under way share the next transaction. On a full or read-only disk it waits until that is over. Rejects only with
   * STORE_FAILED, after which the process must end.
   * @param urgent may overtake what is not urgent, and is never overtaken. Default false.
   */
  commit(writes: readonly Write[], urgent?: boolean): Promise<void>
  metrics(): readonly Metric[]
  close(): Promise<void>
}

export interface Executors {
  /** The types that this node can run. */
  readonly types: ReadonlySet<string>
  /** Is this payload one that its executor takes? Undefined when it is. */
  check(type: string, payload: unknown): Failure | undefined
  /** Runs one attempt. Never rejects: every end is an outcome. Aborting ends it as CANCELLED; from its `expiresAt` on it is not begun (EXPIRED). */
  execute(order: AttemptOrder, signal: AbortSignal): Promise<Outcome>
  /**
   * These attempts may run until then. What has an `until` is stopped in time to be dead by it, by the runner where the
   * runner has it, even if this process stands still; it ends as FENCED.
   */
  extend(attempts: readonly { readonly task: TaskId; readonly attempt: number }[], until: Instant): void
  /**
   * What is known of an attempt that runs here or has ended here lately: what it said last of its progress, and the end
   * of what it printed. Undefined when nothing is (any more). Never rejects.
   * @param logBytes of each output, at most; 0: none
   */
  look(task: TaskId, attempt: number, logBytes: number): Promise<AttemptLook | undefined>
  /** Progress from outside, for the attempt that was given this address (`http`). False when none that runs was. */
  report(address: string, report: ProgressReport): boolean
  metrics(): readonly Metric[]
  /** Kills what still runs. Idempotent. */
  stop(): Promise<void>
}

export interface Logger {
  log(level: LogLevel, event: string, fields?: LogFields): void
}

/** What the faces (HTTP, embedding) may ask of a running node. Reads are local and synchronous. */
export interface NodeFace {
  status(): NodeStatus
  members(): readonly MemberView[]
  member(id: string): (MemberView & { readonly ledger: readonly LedgerEntry[] }) | undefined
  ring(): RingView
  /** To be handed on at once: a key that is lost later is not given to another before this answer has run out. */
  owner(key: string): OwnerAnswer
  /** The same to compare with, not to be told to anybody: nothing waits for it. */
  lookAtOwner(key: string): OwnerAnswer
  /** Another text than before when an `owner` answer may be another one, but for a right that runs out by itself. */
  ownersVersion(): string
  explain(key: string): Explanation | undefined
  tasks(query: TaskQuery): TaskPage
  /** Answered by the owner of the task's key, wherever it is. */
  request(request: TaskRequest): Promise<TaskReply>
  /** How an attempt stands, from the node that runs or ran it. */
  look(request: LookRequest): Promise<LookAnswer>
  /** See `Executors.report`. */
  report(address: string, report: ProgressReport): boolean
  /** The same for many in one step: one write, few frames to each owner. Each answer comes as soon as it is known. */
  requestAll(requests: readonly TaskRequest[]): readonly Promise<TaskReply>[]
  /** Answered by every living node for itself. */
  survey(question: SurveyQuestion): Promise<SurveyReply>
  /** Schedules of the whole cluster, a page at a time, as their owners tell of them. */
  listSchedules(query: ScheduleQuery): Promise<ScheduleListReply>
  /** Reads cron expressions. */
  readonly nextSlot: NextSlot
  /** Answered by this node. */
  control(request: ControlRequest): Promise<ControlReply>
  /** What keeps this node from being drained. */
  work(): WorkLeft
  /** Starts the graceful leave; `done` when the node has left. */
  leave(deadlineMs?: number): Promise<void>
  /** A new task id that no other node makes, in the order of time; with a wish, of an owner that suits it. */
  newTaskId(wish?: Wish): string
  readonly nodeId: NodeId
  metrics(): readonly Metric[]
}
