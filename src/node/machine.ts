/**
 * The words that pass between the core and the shell. The core is a machine: `step(input, now)` takes one input and
 * says what must happen outside; it never does it itself. Given the same inputs at the same times it says the same.
 */
import type { Failure } from '../base/errors.ts'
import type { LinkId, NodeId, PeerId, RequestId, TaskId } from '../base/ids.ts'
import type { Instant, Now, WallMs } from '../base/time.ts'
import type { GrantsLinkMessage, StoredNotes, VoterList } from '../grants/messages.ts'
import type { MembershipGossip, MembershipLinkMessage } from '../membership/messages.ts'
import type { Fence } from '../tasks/fences.ts'
import type {
  AttemptLook,
  Look,
  LookAnswer,
  LookReply,
  LookRequest,
  TaskLinkMessage,
  TaskReply,
  TaskRequest,
} from '../tasks/messages.ts'
import type { Token } from '../tasks/right.ts'
import type { ScheduleLinkMessage, SchedulePage, ScheduleQuery } from '../tasks/schedules/messages.ts'
import type { ScheduleDefinition } from '../tasks/schedules/state.ts'
import type { StoreCondition } from '../tasks/store-failure.ts'
import type { SurveyQuestion, SurveyReply } from '../tasks/survey.ts'
import type { Json, Outcome, TaskRecord, TaskSpec } from '../tasks/task.ts'
import type { ControlReply, ControlRequest } from './control.ts'

export type { StoreCondition }
export type LinkMessage =
  | MembershipLinkMessage
  | TaskLinkMessage
  | ScheduleLinkMessage
  | Look
  | LookReply
  | GrantsLinkMessage
export type GossipMessage = MembershipGossip

/** Everything that can happen to a node. */
export type Input =
  | SingleInput
  /**
   * Those that waited together, in their order, as one step: one write, few frames, one look at what may start. Only for
   * what concerns the tasks (`weightOf` in `node/together.ts`).
   */
  | { readonly kind: 'several'; readonly inputs: readonly SingleInput[] }

export type SingleInput =
  | Tick
  /** A link to an authenticated peer works both ways. `dialled` is the address, when this side dialled. */
  | { readonly kind: 'link-up'; readonly link: LinkId; readonly peer: PeerId; readonly dialled?: string }
  | {
      readonly kind: 'link-down'
      readonly link: LinkId
      readonly peer: PeerId
      readonly cause: LinkDownCause
    }
  | { readonly kind: 'frame'; readonly link: LinkId; readonly peer: PeerId; readonly message: LinkMessage }
  /** `author` signed it; `via` is the peer whose connection brought it (the author itself, when direct). */
  | {
      readonly kind: 'gossip'
      readonly author: PeerId
      readonly via: PeerId
      readonly message: GossipMessage
    }
  | { readonly kind: 'dialled'; readonly dial: number; readonly address: string; readonly result: DialResult }
  /** A request from a face of this node (HTTP, embedding). */
  | { readonly kind: 'request'; readonly id: RequestId; readonly request: TaskRequest }
  /** A face of this node wants to know how an attempt of another node stands. */
  | { readonly kind: 'look'; readonly id: RequestId; readonly request: LookRequest }
  /** What an effect `look` asked for; without `look`: nothing is known of that attempt. */
  | {
      readonly kind: 'looked'
      readonly to: NodeId
      readonly id: RequestId
      readonly look?: AttemptLook
    }
  /** Several of these at once; each is answered by a reply of its own. */
  | {
      readonly kind: 'requests'
      readonly requests: readonly { readonly id: RequestId; readonly request: TaskRequest }[]
    }
  /** A question of a face to all living nodes; answered by one `surveyed`. */
  | { readonly kind: 'survey'; readonly id: RequestId; readonly question: SurveyQuestion }
  /** A shared task list was read: these are its tasks, all of them. */
  | { readonly kind: 'task-list'; readonly name: string; readonly specs: readonly TaskSpec[] }
  /** Schedules of the whole cluster; answered by one `reply`. */
  | { readonly kind: 'list-schedules'; readonly id: RequestId; readonly query: ScheduleQuery }
  /** These are all schedules of the configuration from now on. */
  | { readonly kind: 'schedules'; readonly definitions: readonly ScheduleDefinition[] }
  | {
      readonly kind: 'attempt-ended'
      readonly task: TaskId
      readonly attempt: number
      readonly outcome: Outcome
    }
  /** A client waits for tasks of these types, so many at most. `offer` is a number that no other offer of this life has. */
  | {
      readonly kind: 'offer'
      readonly offer: number
      readonly types: readonly string[]
      readonly places: number
    }
  /** It waits for no more. */
  | { readonly kind: 'offer-withdrawn'; readonly offer: number }
  /** What an effect of the same name asked to be told: everything persisted before it is on disk. */
  | { readonly kind: 'persisted'; readonly mark: number }
  /** From an operator; answered by one `reply`. */
  | { readonly kind: 'control'; readonly id: RequestId; readonly request: ControlRequest }
  /** These are the seeds from now on: the configuration was read again. */
  | { readonly kind: 'seeds'; readonly seeds: readonly string[] }
  /** Shares of CPU time and memory in use, 0 to 1, about once a second. */
  | { readonly kind: 'vitals'; readonly vitals: { readonly cpu: number; readonly memory: number } }
  /** What the disk of this node takes from now on. */
  | { readonly kind: 'store'; readonly condition: StoreCondition; readonly detail: string }
  /** Drain and go; `left` when done. */
  | { readonly kind: 'leave'; readonly deadlineMs: number }

/** Time passes. Comes every `TICK_MS`, and when `nextWake()` says so; it does not wait behind other inputs. */
export interface Tick {
  readonly kind: 'tick'
  /** So long, in ms, the first of the inputs that wait for their step has waited; absent: none waits. */
  readonly behindMs?: number
  /** Since the tick before, what peers sent was dropped, and not just heartbeats, for too much waited. */
  readonly dropped?: true
}

/** The disk that this node's store lies on. */
export interface Disk {
  /** Random, made with the store: another id is another disk, and says that what the one before held is not here. */
  readonly id: string
  /** The boot of the node in which the store was made; 0 when not known. */
  readonly bornBoot: number
  /** The store was made in this life of a node that had lived before: what it held is gone, or was set aside as damaged. */
  readonly lost: boolean
}

/**
 * `remote`: the other end closed or reset it. `local`: this side closed it (connection limit, refusal, replaced).
 * `error`: anything else that says nothing of the remote process (timeout, protocol error, unreachable).
 */
export type LinkDownCause = 'remote' | 'local' | 'error'

export type DialResult =
  /** `several`: the address is a name that led to more places than one. */
  | { readonly ok: true; readonly peer: PeerId; readonly link: LinkId; readonly several?: true }
  /** `refused`: ECONNREFUSED and nothing else. `self`: the address is this node's own. */
  | {
      readonly ok: false
      readonly reason:
        | 'refused'
        | 'timeout'
        | 'unreachable'
        | 'unresolvable'
        | 'self'
        | 'other-cluster'
        | 'wrong-key'
        | 'failed'
      readonly detail: string
    }

/** Everything a node can ask of the world outside. */
export type Effect =
  /**
   * Dial `host:port`, `dns+srv:name` or a multiaddr. `forceNew`: do not reuse an open connection. `besides`: of the places behind a
   * name these are not tried; that there is no other is the failure `self`. Answered by `dialled`.
   */
  | {
      readonly kind: 'dial'
      readonly dial: number
      readonly address: string
      /** When the peer behind the address is known, anyone else answering there is a failure. */
      readonly peer?: PeerId
      readonly forceNew: boolean
      readonly besides?: readonly string[]
      readonly timeoutMs: number
    }
  /** Frames to one link keep their order. Sending to a link that is gone is not an error: `link-down` tells. */
  | { readonly kind: 'send'; readonly link: LinkId; readonly message: LinkMessage }
  | { readonly kind: 'publish'; readonly message: GossipMessage }
  /** After what was sent before has been flushed. Answered by `link-down` with cause `local`. */
  | { readonly kind: 'close-link'; readonly link: LinkId; readonly reason: string }
  /**
   * Write, and only once all of it is on disk run `then`, in order. Persists are committed in the order they are asked
   * for, so an empty one is a barrier: its `then` runs after every earlier write is durable. One that is urgent may
   * overtake those that are not. One that rests on the record of one task alone waits for that record only, and where
   * that record waits too, `otherwise` is done at once in its place, if there is one.
   */
  | {
      readonly kind: 'persist'
      readonly writes: readonly Write[]
      readonly then: readonly Effect[]
      readonly urgent?: true
      readonly restsOn?: TaskId
      readonly otherwise?: readonly Effect[]
    }
  | { readonly kind: 'execute'; readonly attempt: AttemptOrder }
  /** Stop an attempt; answered by `attempt-ended` with `CANCELLED` unless it ended before. */
  | { readonly kind: 'cancel-attempt'; readonly task: TaskId; readonly attempt: number }
  /** Comes back as an input: stands in the `then` of a persist. */
  | { readonly kind: 'persisted'; readonly mark: number }
  /**
   * These attempts may run until then; before it, they must have ended, whether this node is awake or not. Never earlier
   * than what was said of them before.
   */
  | {
      readonly kind: 'extend'
      readonly until: Instant
      readonly attempts: readonly { readonly task: TaskId; readonly attempt: number }[]
    }
  | {
      readonly kind: 'reply'
      readonly id: RequestId
      readonly reply: TaskReply | ControlReply | ScheduleListReply
    }
  /** Answers an input `look`. */
  | { readonly kind: 'answer'; readonly id: RequestId; readonly answer: LookAnswer }
  /** How does this attempt, of this node, stand? Answered by `looked`. */
  | { readonly kind: 'look'; readonly from: NodeId; readonly look: Look }
  | { readonly kind: 'surveyed'; readonly id: RequestId; readonly reply: SurveyReply }
  | { readonly kind: 'log'; readonly level: LogLevel; readonly event: string; readonly fields: LogFields }
  /** The leave is complete; the shell may stop everything. */
  | { readonly kind: 'left' }

/** An answer to `list-schedules`. */
export type ScheduleListReply =
  | { readonly ok: true; readonly page: SchedulePage }
  | { readonly ok: false; readonly failure: Failure }

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type LogFields = Readonly<Record<string, Json | undefined>>

/** One row of the durable store; `value` undefined deletes it. */
export interface Write {
  readonly table: 'tasks' | 'grants'
  readonly key: string
  readonly value: Json | TaskRecord | VoterList | StoredNotes | Fence | undefined
}

/** What an executor gets to run one attempt. */
export interface AttemptOrder {
  readonly task: TaskId
  readonly key: string
  readonly type: string
  readonly payload: Json
  readonly attempt: number
  readonly node: NodeId
  readonly timeoutMs: number
  /** It is not begun from this wall time on, and has no more time than is left; undefined: its task has no such time. */
  readonly expiresAt?: WallMs
  /** Orders this attempt against those of other owners of the key. `safe` is false in available mode. */
  readonly token: Token
  /** The right to run ends then unless an `extend` says otherwise; undefined in available mode. */
  readonly until?: Instant
  /** The offer of which it takes a place, where it is carried out by a client that claims it. */
  readonly offer?: number
}

/** The longest time between two ticks of a healthy driver, in ms. */
export const TICK_MS = 100

/** What the driver needs of the core. */
export interface Machine {
  step(input: Input, now: Now): readonly Effect[]
  /** When the machine wants its next `tick` at the latest; the driver ticks at least every `TICK_MS` anyway. */
  nextWake(): Now['mono']
}
