/**
 * Several `Tasks` machines on one virtual clock, joined by links that keep the order of frames but not that of peers,
 * with disks that take time and lose what was under way when their node is killed. Everything random comes from a seed.
 */
import assert from 'node:assert/strict'
import type { Failure } from '../../src/base/errors.ts'
import { asNodeId, asRequestId, asTaskId, type NodeId, type TaskId } from '../../src/base/ids.ts'
import { Random } from '../../src/base/random.ts'
import { instantOf, type Now, wallOf } from '../../src/base/time.ts'
import type { Ring } from '../../src/ring/ring.ts'
import { type TasksConfig, tasksDefaults } from '../../src/tasks/config.ts'
import type { AttemptOrder, TasksEffect } from '../../src/tasks/effects.ts'
import type { TaskLinkMessage, TaskReply, TaskRequest } from '../../src/tasks/messages.ts'
import type { Right } from '../../src/tasks/right.ts'
import type { SurveyQuestion, SurveyReply } from '../../src/tasks/survey.ts'
import type { Outcome, TaskRecord, TaskSpec } from '../../src/tasks/task.ts'
import { Tasks } from '../../src/tasks/tasks.ts'
import { type Execution, Host, metric } from './host.ts'
import { ringOf } from './samples.ts'
import { nextSlot } from './schedules/samples.ts'
import { Timeline } from './timeline.ts'

interface Options {
  readonly seed?: number
  readonly config?: Partial<TasksConfig>
  /** Time a frame takes, in ms. */
  readonly frameMs?: readonly [number, number]
  /** Time a commit takes, in ms. */
  readonly commitMs?: readonly [number, number]
  /** What the executors of a node say to a task; by default they take every one. */
  readonly check?: (node: NodeId, type: string) => Failure | undefined
  /** Who may act; available mode by default. */
  readonly right?: (node: NodeId) => Right
  /** Told of a node's ring and of the keys it keeps after every step, before it asks what it may act for. */
  readonly claims?: (host: Host, kept: readonly string[], now: number) => void
  /** What an attempt does: how long it takes, and how it ends. */
  readonly run?: (order: AttemptOrder, random: Random) => { readonly ms: number; readonly outcome: Outcome }
}

export class Cluster {
  readonly hosts = new Map<NodeId, Host>()
  readonly executions: Execution[] = []
  readonly replies = new Map<string, TaskReply[]>()
  readonly surveyed = new Map<string, SurveyReply[]>()
  readonly config: TasksConfig
  readonly random: Random
  frames = 0
  extensions = 0
  commitMs: readonly [number, number]
  readonly #run: NonNullable<Options['run']>
  readonly #check: NonNullable<Options['check']>
  readonly #right: Options['right']
  readonly #claims: Options['claims']
  readonly #frameMs: readonly [number, number]
  readonly #time = new Timeline()
  readonly #arrivals = new Map<string, number>()
  readonly #lists = new Map<string, readonly TaskSpec[]>()
  /** Pairs that do not hear each other. */
  readonly cut = new Set<string>()
  #requests = 0

  constructor(options: Options = {}) {
    this.random = new Random(options.seed ?? 1)
    this.config = { ...tasksDefaults(4), ...options.config }
    this.#frameMs = options.frameMs ?? [0.2, 3]
    this.commitMs = options.commitMs ?? [0.5, 4]
    this.#check = options.check ?? (() => undefined)
    this.#right = options.right
    this.#claims = options.claims
    this.#run =
      options.run ?? ((_, random) => ({ ms: random.between(1, 20), outcome: { ok: true, result: 'done' } }))
  }

  host(name: string): Host {
    const host = this.hosts.get(asNodeId(name))
    assert(host, `there is a host ${name}`)
    return host
  }

  get now(): number {
    return this.#time.now
  }

  get living(): Host[] {
    return [...this.hosts.values()].filter(host => host.alive)
  }

  /** Boots a process on this host, with what its disk holds. It still has to be told of the others. */
  boot(name: string): Host {
    const id = asNodeId(name)
    const host = this.hosts.get(id) ?? new Host(id)
    this.hosts.set(id, host)
    host.life++
    host.alive = true
    const now = this.#now()
    const random = this.random.fork()
    const check = (type: string) => this.#check(id, type)
    const records = wire(host.stored())
    const right = this.#right?.(id)
    host.tasks = new Tasks({
      self: id,
      config: this.config,
      replicas: 3,
      records,
      check,
      random,
      now,
      disk: host.storeSight,
      nextSlot,
      ...(right && { right }),
    })
    for (const [list, specs] of this.#lists) this.#step(host, tasks => tasks.taskList(list, specs, now))
    this.#tick(host)
    return host
  }

  /** Boots all of them, lets them see each other and opens their gates. */
  start(names: readonly string[]): void {
    for (const name of names) this.boot(name)
    this.agree()
    for (const host of this.living) this.#step(host, tasks => tasks.open(this.#now()))
  }

  open(name: string): void {
    this.#step(this.host(name), tasks => tasks.open(this.#now()))
  }

  /** Everybody alive learns of everybody alive, each after its own delay. */
  agree(delayMs: readonly [number, number] = [0, 0], leaving: readonly string[] = []): void {
    const live = this.living.map(host => host.id)
    const ring = ringOf(live.filter(id => !leaving.includes(id)))
    for (const host of this.living) this.show(host.id, ring, live, this.random.between(...delayMs))
  }

  /** @param replaced those of them that came with another disk */
  show(
    name: string,
    ring: Ring,
    live: readonly NodeId[],
    delayMs = 0,
    replaced: readonly NodeId[] = [],
  ): void {
    const host = this.host(name)
    const tell = () => {
      host.ring = ring
      this.#step(host, tasks => tasks.viewChanged(ring, live, this.#now(), replaced))
    }
    // A later view never arrives before an earlier one.
    host.lastViewAt = Math.max(host.lastViewAt, this.now + delayMs)
    if (host.lastViewAt <= this.now) tell()
    else this.#later(host, host.lastViewAt - this.now, tell)
  }

  list(name: string, specs: readonly TaskSpec[]): void {
    this.#lists.set(name, specs)
    for (const host of this.living) this.listAt(host.id, name, specs)
  }

  /** On this node only, and not after its next boot. */
  listAt(host: string, name: string, specs: readonly TaskSpec[]): void {
    this.#step(this.host(host), tasks => tasks.taskList(name, specs, this.#now()))
  }

  /** kill -9: what was not on disk is gone; what ran is gone. */
  kill(name: string): Host {
    const host = this.host(name)
    host.alive = false
    host.life++
    host.tasks = undefined
    host.ring = undefined
    host.attempts.clear()
    return host
  }

  leave(name: string): void {
    this.#step(this.host(name), tasks => tasks.leave(this.#now()))
  }

  abandon(name: string): void {
    this.#step(this.host(name), tasks => tasks.abandon(this.#now()))
  }

  /** Nothing happened but that the right to act may have changed. */
  fence(name: string): void {
    this.#step(this.host(name), () => [])
  }

  /** Returns the id under which the reply will be found. */
  request(name: string, request: TaskRequest): string {
    const id = `r${++this.#requests}`
    this.replies.set(id, [])
    this.#step(this.host(name), tasks => tasks.request(asRequestId(id), request, this.#now()))
    return id
  }

  /** Sends the request and lets time pass until it is answered. */
  ask(name: string, request: TaskRequest): TaskReply {
    const id = this.request(name, request)
    this.until(() => this.reply(id) !== undefined)
    return this.reply(id) as TaskReply
  }

  requestAll(name: string, requests: readonly TaskRequest[]): readonly string[] {
    const numbered = requests.map(request => ({ id: asRequestId(`r${++this.#requests}`), request }))
    for (const { id } of numbered) this.replies.set(id, [])
    this.#step(this.host(name), tasks => tasks.requestAll(numbered, this.#now()))
    return numbered.map(({ id }) => id)
  }

  /** As `ask`, of all nodes. */
  survey(name: string, question: SurveyQuestion): SurveyReply {
    const id = `r${++this.#requests}`
    const replies: SurveyReply[] = []
    this.surveyed.set(id, replies)
    this.#step(this.host(name), tasks => tasks.survey(asRequestId(id), question, this.#now()))
    this.until(() => replies.length > 0)
    return replies[0] as SurveyReply
  }

  reply(id: string): TaskReply | undefined {
    const replies = this.replies.get(id) ?? []
    assert(replies.length <= 1, 'a request is answered once')
    return replies[0]
  }

  deliver(to: string, from: string, message: TaskLinkMessage): void {
    this.#step(this.host(to), tasks => tasks.message(asNodeId(from), message, this.#now()))
  }

  /** Lets time pass until the condition holds; fails when it does not within the virtual time. */
  until(condition: () => boolean, ms = 60_000): void {
    const deadline = this.now + ms
    while (!condition()) {
      assert(this.now <= deadline, `the condition holds within ${ms} virtual ms`)
      this.#time.next()
    }
  }

  pass(ms: number): void {
    this.#time.pass(ms)
  }

  runsOf(task: string): Execution[] {
    return this.executions.filter(execution => execution.order.task === task)
  }

  /** What the owner of the task says about it. */
  atOwner(
    task: string,
    key: string,
    ring = ringOf(this.living.map(host => host.id)),
  ): TaskRecord | undefined {
    const owner = ring.owner(key)
    return owner === undefined ? undefined : this.host(owner).machine.get(asTaskId(task))
  }

  allSettled(specs: readonly TaskSpec[]): boolean {
    const ring = ringOf(this.living.map(host => host.id))
    return specs.every(spec => {
      const state = this.atOwner(spec.id, spec.key, ring)?.state
      return state === 'succeeded' || state === 'dead'
    })
  }

  quiet(): boolean {
    return this.living.every(
      host => metric(host, 'replicas_pending') === 0 && metric(host, 'takeover_active') === 0,
    )
  }

  #now(): Now {
    return { mono: instantOf(this.now), wall: wallOf(1_700_000_000_000 + this.now) }
  }

  /** Unless the host's process of now is gone by then. */
  #later(host: Host, ms: number, run: () => void): void {
    const { life } = host
    this.#time.at(this.now + ms, () => {
      if (host.life === life) run()
    })
  }

  #tick(host: Host): void {
    this.#step(host, tasks => tasks.tick(this.#now()))
    const wake = Math.max(0, host.machine.nextWake() - this.now)
    this.#later(host, Math.min(100, Math.max(0.01, wake)), () => this.#tick(host))
  }

  #step(host: Host, call: (tasks: Tasks) => readonly TasksEffect[]): void {
    this.#perform(host, call(host.machine))
    this.#claims?.(host, host.machine.keptKeys(), this.now)
    this.#perform(host, host.machine.fence(this.#now()))
  }

  #perform(host: Host, effects: readonly TasksEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'persist') this.#persist(host, effect)
      else if (effect.kind === 'send') this.#send(host, effect.to, effect.message)
      else if (effect.kind === 'execute') this.#execute(host, effect.attempt)
      else if (effect.kind === 'cancel-attempt') this.#cancel(host, effect.task, effect.attempt)
      else if (effect.kind === 'extend') this.#extend(host, effect)
      else if (effect.kind === 'persisted')
        this.#step(host, tasks => tasks.persisted(effect.mark, this.#now()))
      else if (effect.kind === 'log') host.log.push(effect)
      else if (effect.kind === 'surveyed') this.surveyed.get(effect.id)?.push(effect.reply)
      else this.replies.get(effect.id)?.push(effect.reply)
    }
  }

  #persist(host: Host, { writes, then }: Extract<TasksEffect, { kind: 'persist' }>): void {
    host.lastCommitAt = Math.max(host.lastCommitAt, this.now + this.random.between(...this.commitMs))
    this.#later(host, host.lastCommitAt - this.now, () => {
      for (const { table, key, value } of writes) {
        if (table !== 'tasks') continue
        if (value === undefined) host.disk.delete(key)
        else host.disk.set(key, wire(value))
      }
      this.#perform(host, then)
    })
  }

  #send(host: Host, to: NodeId, message: TaskLinkMessage): void {
    const target = this.hosts.get(to)
    if (target === undefined || this.cut.has(`${host.id} ${to}`)) return
    this.frames++
    const link = `${host.id} ${to}`
    const at = Math.max(this.#arrivals.get(link) ?? 0, this.now + this.random.between(...this.#frameMs))
    this.#arrivals.set(link, at)
    const copy = wire(message)
    const { life } = target
    this.#time.at(at, () => {
      if (target.alive && target.life === life) {
        this.#step(target, tasks => tasks.message(host.id, copy, this.#now()))
      }
    })
  }

  #execute(host: Host, order: AttemptOrder): void {
    const { ms, outcome } = this.#run(order, this.random)
    const until = order.until ?? Number.POSITIVE_INFINITY
    const execution: Execution = { order, until, startedAt: this.now, endedAt: undefined, outcome: undefined }
    this.executions.push(execution)
    host.attempts.set(`${order.attempt} ${order.task}`, execution)
    this.#later(host, ms, () => this.#end(host, execution, outcome))
    this.#watch(host, execution)
  }

  /** Ends what still runs when its right does, as an executor must. */
  #watch(host: Host, execution: Execution): void {
    if (execution.until === Number.POSITIVE_INFINITY) return
    this.#later(host, Math.max(0, execution.until - this.now), () => {
      const error = { code: 'FENCED', message: 'the right ended' } as const
      if (this.now >= execution.until) this.#end(host, execution, { ok: false, retryable: true, error })
    })
  }

  #extend(host: Host, { attempts, until }: Extract<TasksEffect, { kind: 'extend' }>): void {
    this.extensions++
    for (const { task, attempt } of attempts) {
      const execution = host.attempts.get(`${attempt} ${task}`)
      if (execution === undefined) continue
      assert(until > execution.until, 'a right is only ever extended')
      execution.until = until
      this.#watch(host, execution)
    }
  }

  #cancel(host: Host, task: TaskId, attempt: number): void {
    const execution = host.attempts.get(`${attempt} ${task}`)
    const error = { code: 'CANCELLED', message: 'cancelled' } as const
    if (execution !== undefined) this.#end(host, execution, { ok: false, retryable: true, error })
  }

  #end(host: Host, execution: Execution, outcome: Outcome): void {
    if (execution.endedAt !== undefined) return
    const { task, attempt } = execution.order
    execution.endedAt = this.now
    execution.outcome = outcome
    host.attempts.delete(`${attempt} ${task}`)
    this.#step(host, tasks => tasks.attemptEnded(task, attempt, outcome, this.#now()))
  }
}

/** As a copy looks on the other side of a wire or disk. */
const wire = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T
