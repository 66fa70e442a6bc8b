/**
 * Drives the machine: one bounded queue of inputs, one step at a time, then its effects in order.
 *
 * Adapters never call the core; they enqueue, and the loop runs at its own pace. What must be durable first is written
 * into the effects themselves (`persist` with its `then`), so the loop never waits for the disk and probes are answered
 * while a transaction is under way. A failed write ends the process: to go on would be to promise what is not there.
 */
import { unreachable } from '../base/assert.ts'
import type { Failure } from '../base/errors.ts'
import { asRequestId, type NodeId, type RequestId } from '../base/ids.ts'
import { after, elapsedMs, type Instant } from '../base/time.ts'
import type { ControlReply, ControlRequest } from '../node/control.ts'
import {
  type AttemptOrder,
  type Effect,
  type Input,
  type Machine,
  type ScheduleListReply,
  type SingleInput,
  TICK_MS,
  type Tick,
} from '../node/machine.ts'
import type { Metric } from '../node/status.ts'
import type { Look, LookAnswer, LookRequest, TaskReply, TaskRequest } from '../tasks/messages.ts'
import type { ScheduleQuery } from '../tasks/schedules/messages.ts'
import type { SurveyQuestion, SurveyReply } from '../tasks/survey.ts'
import { cutOf } from './cut.ts'
import { InputQueue } from './input-queue.ts'
import type { Clock, Executors, Logger, Store, Transport } from './ports.ts'
import { Unwritten } from './unwritten.ts'

/** The loop gives way to sockets and timers after this many milliseconds of steps. */
const SLICE_MS = 8
/** Requests of this node's faces in flight; more are answered OVERLOADED. */
export const REQUESTS_MAX = 10_000
type Reply = Extract<Effect, { kind: 'reply' | 'surveyed' }>['reply'] | LookAnswer

/** A step that takes longer blocks probes noticeably and is counted. */
const SLOW_STEP_MS = 20

export interface DriverParts {
  readonly machine: Machine
  readonly clock: Clock
  readonly transport: Transport
  readonly store: Store
  readonly executors: Executors
  readonly logger: Logger
  /** Called once, with whatever makes going on impossible. */
  readonly fatal: (error: unknown) => void
  /** Sees every input with its time before the step (recording). */
  readonly trace?: (input: Input, now: ReturnType<Clock['now']>) => void
}

interface Waiting {
  readonly resolve: (reply: Reply) => void
  /** What it is answered when this node stops first. */
  readonly cut: Failure
}

export class Driver {
  readonly #parts: DriverParts
  readonly #queue = new InputQueue()
  readonly #requests = new Map<RequestId, Waiting>()
  readonly #attempts = new Map<string, AbortController>()
  readonly #unwritten = new Unwritten()
  readonly #left = Promise.withResolvers<void>()
  #numbers = 0
  #looping = false
  #stopped = false
  #timer: NodeJS.Timeout | undefined
  #timerDue = Number.POSITIVE_INFINITY
  #nextTick: Instant
  #steps = 0
  #slowSteps = 0
  #worstStepMs = 0
  /** Of what peers sent but heartbeats, when the last tick was made. */
  #dropped = 0

  constructor(parts: DriverParts) {
    this.#parts = parts
    this.#nextTick = parts.clock.now().mono
  }

  /** Resolves when the machine says that it has left. */
  get left(): Promise<void> {
    return this.#left.promise
  }

  start(): void {
    this.enqueue({ kind: 'tick' })
  }

  /** @param bytes of what a peer sent, as it came */
  readonly enqueue = (input: SingleInput, bytes = 0): void => {
    if (this.#stopped) return
    this.#queue.push(input, this.#parts.clock.now().mono, bytes)
    if (this.#looping) return
    this.#looping = true
    setImmediate(this.#loop)
  }

  /** Hands a request to the machine; resolves with its one reply. */
  async request(request: TaskRequest): Promise<TaskReply> {
    return (await this.#ask(id => ({ kind: 'request', id, request }))) as TaskReply
  }

  /** The same for a question about an attempt of another node. */
  async look(request: LookRequest): Promise<LookAnswer> {
    return (await this.#ask(id => ({ kind: 'look', id, request }))) as LookAnswer
  }

  /** Many at once, taken in one step; each answer is there as soon as it is known. */
  requestAll(requests: readonly TaskRequest[]): Promise<TaskReply>[] {
    const refusal = this.#refusal(requests.length)
    if (refusal !== undefined) return requests.map(() => Promise.resolve(refusal as TaskReply))
    const numbered = requests.map(request => ({ id: this.#newId(), request }))
    const replies = numbered.map(
      ({ id, request }) => this.#replyTo(id, { kind: 'request', id, request }) as Promise<TaskReply>,
    )
    this.enqueue({ kind: 'requests', requests: numbered })
    return replies
  }

  /** Asks all living nodes. */
  async survey(question: SurveyQuestion): Promise<SurveyReply> {
    return (await this.#ask(id => ({ kind: 'survey', id, question }))) as SurveyReply
  }

  /** Schedules of the whole cluster, as their owners tell of them. */
  async listSchedules(query: ScheduleQuery): Promise<ScheduleListReply> {
    return (await this.#ask(id => ({ kind: 'list-schedules', id, query }))) as ScheduleListReply
  }

  /** The same for what an operator asks. */
  async control(request: ControlRequest): Promise<ControlReply> {
    return (await this.#ask(id => ({ kind: 'control', id, request }))) as ControlReply
  }

  #ask(inputOf: (id: RequestId) => SingleInput): Promise<Reply> {
    const refusal = this.#refusal(1)
    if (refusal !== undefined) return Promise.resolve(refusal)
    const id = this.#newId()
    const input = inputOf(id)
    const reply = this.#replyTo(id, input)
    this.enqueue(input)
    return reply
  }

  /** Why so many more requests may not be made now. */
  #refusal(count: number): Reply | undefined {
    if (!this.#stopped && this.#requests.size + count <= REQUESTS_MAX) return undefined
    const detail = this.#stopped ? 'the daemon stops' : `${REQUESTS_MAX} requests are in flight`
    const code = this.#stopped ? 'LEAVING' : 'OVERLOADED'
    return { ok: false, failure: { code, detail, retryAfterS: 1 } }
  }

  #newId(): RequestId {
    return asRequestId(`local-${++this.#numbers}`)
  }

  #replyTo(id: RequestId, input: SingleInput): Promise<Reply> {
    const cut = cutOf(input)
    return new Promise(resolve => this.#requests.set(id, { resolve, cut }))
  }

  /** No step is taken any more; what waits for a reply is told so. Idempotent. */
  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    clearTimeout(this.#timer)
    for (const { resolve, cut } of this.#requests.values()) resolve({ ok: false, failure: cut })
    this.#requests.clear()
    for (const attempt of this.#attempts.values()) attempt.abort()
    this.#left.resolve()
  }

  metrics(): Metric[] {
    const gauge = (name: string, help: string, value: number): Metric => ({
      name,
      help,
      type: 'gauge',
      samples: [{ value }],
    })
    const counter = (name: string, help: string, value: number): Metric => ({
      ...gauge(name, help, value),
      type: 'counter',
    })
    return [
      counter('steps_total', 'Steps of the core.', this.#steps),
      counter('slow_steps_total', `Steps longer than ${SLOW_STEP_MS} ms.`, this.#slowSteps),
      gauge('step_worst_ms', 'Longest step since start, in ms.', this.#worstStepMs),
      gauge('inputs_waiting', 'Inputs waiting for the core.', this.#queue.length),
      counter(
        'heartbeats_dropped_total',
        'Heartbeats dropped by a full queue.',
        this.#queue.heartbeatsDropped,
      ),
      counter(
        'peer_inputs_dropped_total',
        'Frames and gossip dropped by a full queue.',
        this.#queue.peerInputsDropped,
      ),
      gauge('inputs_waiting_bytes', 'Bytes of what peers sent of them.', this.#queue.bytes),
      gauge('inputs_waiting_ms', 'How long the first of them has waited, in ms.', this.#behindMs()),
      gauge('requests_in_flight', 'Requests of this node that wait for a reply.', this.#requests.size),
    ]
  }

  readonly #loop = (): void => {
    this.#looping = false
    const sliceEnd = after(this.#parts.clock.now().mono, SLICE_MS)
    for (let input = this.#queue.next(); input !== undefined; input = this.#queue.next()) {
      if (this.#stopped) return
      const ended = this.#step(input)
      if (ended >= sliceEnd) break
    }
    if (this.#queue.length > 0 && !this.#looping) {
      this.#looping = true
      setImmediate(this.#loop)
    }
    this.#arm()
  }

  #step(input: Input): Instant {
    const { machine, clock, trace } = this.#parts
    const now = clock.now()
    if (input.kind === 'tick') this.#nextTick = after(now.mono, TICK_MS)
    trace?.(input, now)
    try {
      this.#run(machine.step(input, now))
    } catch (error) {
      this.#fail(error)
      return now.mono
    }
    const ended = clock.now().mono
    const tookMs = elapsedMs(now.mono, ended)
    this.#steps++
    this.#worstStepMs = Math.max(this.#worstStepMs, tookMs)
    if (tookMs > SLOW_STEP_MS) this.#slowSteps++
    return ended
  }

  /**
   * A tick does not wait behind what else came: the right to act ends in time whatever waits. So it says what it has
   * overtaken, or live members would be accused of a silence that is this node's own.
   */
  #tick(): Tick {
    // Not heartbeats: whoever is linked says in frames that it lives, and where many requests wait they go all the time.
    const { peerInputsDropped: dropped } = this.#queue
    const isDropping = dropped > this.#dropped
    this.#dropped = dropped
    const behindMs = this.#behindMs()
    return { kind: 'tick', ...(behindMs > 0 && { behindMs }), ...(isDropping && { dropped: true }) }
  }

  /** How long the first input that waits has waited, in ms. */
  #behindMs(): number {
    const { since } = this.#queue
    return since === undefined ? 0 : elapsedMs(since, this.#parts.clock.now().mono)
  }

  /** One timer for the next tick: the regular one, or sooner when the machine asks for it. */
  #arm(): void {
    if (this.#stopped) return
    const { machine, clock } = this.#parts
    const due = Math.min(this.#nextTick, machine.nextWake())
    if (this.#timer !== undefined && this.#timerDue <= due) return
    clearTimeout(this.#timer)
    this.#timerDue = due
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined
        this.#timerDue = Number.POSITIVE_INFINITY
        this.#step(this.#tick())
        this.#arm()
      },
      Math.max(0, due - clock.now().mono),
    )
  }

  #run(effects: readonly Effect[]): void {
    for (const effect of effects) this.#perform(effect)
  }

  #perform(effect: Effect): void {
    const { transport, logger } = this.#parts
    switch (effect.kind) {
      case 'send':
        transport.send(effect.link, effect.message)
        break
      case 'publish':
        transport.publish(effect.message)
        break
      case 'dial':
        this.#dial(effect)
        break
      case 'close-link':
        transport.closeLink(effect.link, effect.reason)
        break
      case 'persist':
        this.#persist(effect)
        break
      case 'execute':
        this.#execute(effect.attempt)
        break
      case 'cancel-attempt':
        this.#attempts.get(attemptName(effect.task, effect.attempt))?.abort()
        break
      case 'persisted':
        this.enqueue({ kind: 'persisted', mark: effect.mark })
        break
      case 'extend':
        this.#parts.executors.extend(effect.attempts, effect.until)
        break
      case 'look':
        this.#look(effect.from, effect.look)
        break
      case 'answer':
        this.#reply(effect.id, effect.answer)
        break
      case 'reply':
      case 'surveyed':
        this.#reply(effect.id, effect.reply)
        break
      case 'log':
        logger.log(effect.level, effect.event, effect.fields)
        break
      case 'left':
        this.#left.resolve()
        break
      default:
        unreachable(effect)
    }
  }

  #dial(effect: Extract<Effect, { kind: 'dial' }>): void {
    const { dial, address } = effect
    void this.#parts.transport.dial(effect).then(
      result => this.enqueue({ kind: 'dialled', dial, address, result }),
      error => this.#fail(error),
    )
  }

  #persist({ writes, then, urgent, restsOn, otherwise }: Extract<Effect, { kind: 'persist' }>): void {
    const unwritten = restsOn !== undefined && this.#unwritten.has('tasks', restsOn)
    if (restsOn !== undefined && (!unwritten || otherwise !== undefined)) {
      this.#run(unwritten ? (otherwise ?? []) : then)
      return
    }
    this.#unwritten.add(writes)
    void this.#parts.store
      .commit(writes, urgent === true)
      .then(() => {
        this.#unwritten.remove(writes)
        if (!this.#stopped) this.#run(then)
      })
      .catch(error => this.#fail(error))
  }

  #execute(order: AttemptOrder): void {
    const abort = new AbortController()
    const name = attemptName(order.task, order.attempt)
    this.#attempts.set(name, abort)
    void this.#parts.executors.execute(order, abort.signal).then(
      outcome => {
        this.#attempts.delete(name)
        this.enqueue({ kind: 'attempt-ended', task: order.task, attempt: order.attempt, outcome })
      },
      error => this.#fail(error),
    )
  }

  #look(to: NodeId, { id, task, attempt, logBytes }: Look): void {
    void this.#parts.executors.look(task, attempt, logBytes).then(
      look => this.enqueue({ kind: 'looked', to, id, ...(look && { look }) }),
      error => this.#fail(error),
    )
  }

  #reply(id: RequestId, reply: Reply): void {
    const waiting = this.#requests.get(id)
    this.#requests.delete(id)
    waiting?.resolve(reply)
  }

  #fail(error: unknown): void {
    if (this.#stopped) return
    // First the reason, then the end: whoever waits for either must see why.
    this.#parts.fatal(error)
    this.stop()
  }
}

const attemptName = (task: string, attempt: number): string => `${attempt} ${task}`
