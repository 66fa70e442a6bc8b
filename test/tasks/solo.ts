import assert from 'node:assert/strict'
import { asNodeId, asRequestId, asTaskId, type NodeId } from '../../src/base/ids.ts'
import { Random } from '../../src/base/random.ts'
import { instantOf, type Now, wallOf } from '../../src/base/time.ts'
import { type TasksConfig, tasksDefaults } from '../../src/tasks/config.ts'
import type { AttemptOrder, TasksEffect } from '../../src/tasks/effects.ts'
import type { TaskLinkMessage, TaskRequest } from '../../src/tasks/messages.ts'
import type { Right } from '../../src/tasks/right.ts'
import type { WorkStats } from '../../src/tasks/survey.ts'
import type { Outcome, TaskRecord, TaskSpec } from '../../src/tasks/task.ts'
import { Tasks, type TasksInit } from '../../src/tasks/tasks.ts'
import { ringOf } from './samples.ts'

type Kind<K extends TasksEffect['kind']> = Extract<TasksEffect, { kind: K }>

/** One `Tasks` machine, called by hand: all that it asks for is noted, and its disk takes no time unless told to. */
export class Solo {
  readonly tasks: Tasks
  readonly effects: TasksEffect[] = []
  /** Its disk holds back what waits for it. */
  diskHangs = false
  now = 0
  /** By so much its wall clock was set forward since; negative: back. */
  wallSetMs = 0
  readonly #held: Kind<'persist'>[] = []
  #requests = 0

  constructor(
    right: Right | undefined,
    config: Partial<TasksConfig> = {},
    seen: readonly string[] = ['n1'],
    more: Partial<TasksInit> = {},
  ) {
    this.tasks = new Tasks({
      self: asNodeId('n1'),
      config: { ...tasksDefaults(4), inventoryMs: 50, ...config },
      replicas: 3,
      records: [],
      check: () => undefined,
      random: new Random(1),
      now: this.at,
      ...(right && { right }),
      ...more,
    })
    this.see(seen)
    this.step(() => this.tasks.open(this.at))
  }

  get at(): Now {
    return { mono: instantOf(this.now), wall: wallOf(1_700_000_000_000 + this.now + this.wallSetMs) }
  }

  see(ids: readonly string[]): void {
    this.step(() => this.tasks.viewChanged(ringOf(ids), ids.map(asNodeId), this.at))
  }

  /** As the node does: what follows from the input, then the right. */
  step(call: () => readonly TasksEffect[]): void {
    this.#perform(call())
    this.#perform(this.tasks.fence(this.at))
  }

  tick(): void {
    this.step(() => this.tasks.tick(this.at))
  }

  /** Lets time pass in steps of 50 ms. */
  pass(ms: number, each: () => void = () => undefined): void {
    for (const end = this.now + ms; this.now < end; ) {
      this.now += 50
      each()
      this.tick()
    }
  }

  /** Returns the number of the request. */
  request(request: TaskRequest): string {
    const id = `r${++this.#requests}`
    this.step(() => this.tasks.request(asRequestId(id), request, this.at))
    return id
  }

  submit(spec: TaskSpec): string {
    return this.request({ kind: 'submit', spec })
  }

  end(task: string, attempt: number, outcome: Outcome): void {
    this.step(() => this.tasks.attemptEnded(asTaskId(task), attempt, outcome, this.at))
  }

  hear(from: string, message: TaskLinkMessage): void {
    this.step(() => this.tasks.message(asNodeId(from), message, this.at))
  }

  /** The disk takes no time again. */
  diskGoesOn(): void {
    this.diskHangs = false
    for (const { then } of this.#held.splice(0)) this.#perform(then)
  }

  of<K extends TasksEffect['kind']>(kind: K): Kind<K>[] {
    return this.effects.filter((effect): effect is Kind<K> => effect.kind === kind)
  }

  get orders(): AttemptOrder[] {
    return this.of('execute').map(({ attempt }) => attempt)
  }

  /** What it says of its work when another node asks all. */
  stats(): WorkStats {
    const id = asRequestId(`s${++this.#requests}`)
    this.hear('n2', { type: 'survey', id, question: { kind: 'stats' } })
    const { message } = this.of('send').findLast(({ to }) => to === 'n2') ?? {}
    assert.ok(message?.type === 'survey-reply' && message.id === id && message.answer.kind === 'stats')
    return message.answer.stats
  }

  logged(event: string): Kind<'log'>[] {
    return this.of('log').filter(line => line.event === event)
  }

  /** What was answered to a request; undefined while nothing was. */
  reply(id: string): Kind<'reply'>['reply'] | undefined {
    const replies = this.of('reply').filter(effect => effect.id === id)
    assert.ok(replies.length <= 1, 'a request is answered once')
    return replies[0]?.reply
  }

  record(task: string): TaskRecord {
    const record = this.tasks.get(asTaskId(task))
    assert.ok(record, `${task} is known`)
    return record
  }

  outcomes(task: string): readonly (readonly [NodeId, string | undefined])[] {
    return this.record(task).attempts.map(({ node, outcome }) => [node, outcome])
  }

  metric(name: string): number {
    const found = this.tasks.metrics().find(metric => metric.name === name)
    assert.ok(found, `there is a metric ${name}`)
    return found.samples.reduce((sum, { value }) => sum + value, 0)
  }

  #persist(effect: Kind<'persist'>): void {
    const { writes, then, restsOn, otherwise } = effect
    const unwritten = this.#held.some(held => held.writes.some(({ key }) => key === restsOn))
    if (unwritten && otherwise !== undefined) this.#perform(otherwise)
    else if (!this.diskHangs || (restsOn !== undefined && !unwritten)) this.#perform(then)
    else this.#held.push(effect)
    assert.ok(restsOn === undefined || writes.length === 0, 'what rests on a record writes none')
  }

  #perform(effects: readonly TasksEffect[]): void {
    for (const effect of effects) {
      this.effects.push(effect)
      if (effect.kind === 'persist') this.#persist(effect)
      else if (effect.kind === 'persisted') this.step(() => this.tasks.persisted(effect.mark, this.at))
    }
  }
}
