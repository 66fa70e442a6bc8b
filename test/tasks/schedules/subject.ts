/** The schedules of one node, with a host that stores at once and may decide or not as the test says. */
import assert from 'node:assert/strict'
import { asNodeId, type TaskId } from '../../../src/base/ids.ts'
import { instantOf, type Now, wallOf } from '../../../src/base/time.ts'
import { tasksDefaults } from '../../../src/tasks/config.ts'
import { Step } from '../../../src/tasks/effects.ts'
import type { ScheduleOrder } from '../../../src/tasks/schedules/orders.ts'
import { type ScheduleHost, Schedules } from '../../../src/tasks/schedules/schedules.ts'
import {
  recordOf,
  type ScheduleDefinition,
  type ScheduleRecord,
  type ScheduleState,
} from '../../../src/tasks/schedules/state.ts'
import type { TaskSpec } from '../../../src/tasks/task.ts'
import { nextSlot } from './samples.ts'

export const START = 1_700_000_000_000

class MemoryHost implements ScheduleHost {
  readonly records = new Map<string, ScheduleRecord>()
  readonly tasks = new Map<TaskId, TaskSpec>()
  readonly unfinished = new Set<TaskId>()
  decides = true
  full = false
  term: number | undefined
  /** Are disks slow? Then what waits for them waits here. */
  slow = false
  readonly waiting: ((durable: boolean, step: Step) => void)[] = []

  mayDecide(): boolean {
    return this.decides
  }

  get all(): readonly ScheduleRecord[] {
    return [...this.records.values()].filter(({ schedule }) => !schedule.ordered.deleted)
  }

  judge(): void {}

  of(name: string): ScheduleRecord | undefined {
    return this.records.get(name)
  }

  store(state: ScheduleState): ScheduleRecord {
    const { name } = state.ordered.definition
    const before = this.records.get(name)
    if (before !== undefined) {
      const begins = (state.decided.anew ?? 0) > (before.schedule.decided.anew ?? 0)
      assert.ok(begins || state.decided.to >= before.schedule.decided.to, 'the last slot only rises')
      assert.ok(state.ordered.version >= before.schedule.ordered.version)
    }
    const record = recordOf(state, [asNodeId('n1')], (before?.revision ?? 0) + 1)
    this.records.set(name, record)
    return record
  }

  make(spec: TaskSpec): boolean {
    if (this.tasks.has(spec.id)) return false
    this.tasks.set(spec.id, spec)
    this.unfinished.add(spec.id)
    return true
  }

  isKnown(task: TaskId): boolean {
    return this.tasks.has(task)
  }

  termOf(): number | undefined {
    return this.term
  }

  madeAfter(name: string, after: number): number | undefined {
    const slots = [...this.tasks.keys()]
      .filter(id => id.startsWith(`${name}@`))
      .map(id => Date.parse(id.slice(name.length + 1)))
    return slots.sort((a, b) => a - b).find(slot => slot > after)
  }

  whenDurable(
    _key: string,
    _tasks: readonly TaskId[],
    said: (durable: boolean, step: Step) => void,
    step: Step,
  ): void {
    if (this.slow) this.waiting.push(said)
    else said(true, step)
  }

  isUnfinished(task: TaskId): boolean {
    return this.unfinished.has(task)
  }
}

export class Subject {
  readonly host = new MemoryHost()
  readonly schedules: Schedules
  readonly events: { readonly event: string; readonly fields: Readonly<Record<string, unknown>> }[] = []
  mono = 0
  wall = START

  constructor(config: Partial<ReturnType<typeof tasksDefaults>> = {}) {
    this.schedules = new Schedules({ host: this.host, config: { ...tasksDefaults(4), ...config }, nextSlot })
  }

  /** Time passes; as long as there is more to do at once, it is done. */
  pass(ms: number, wallMs = ms): void {
    this.mono += ms
    this.wall += wallMs
    for (let i = 0; i < 10_000; i++) {
      this.#do(step => this.schedules.tick(step))
      if (this.schedules.nextWake() > this.mono) return
    }
    assert.fail('it never rests')
  }

  get now(): Now {
    return { mono: instantOf(this.mono), wall: wallOf(this.wall) }
  }

  order(name: string, order: ScheduleOrder) {
    return this.#do(step => this.schedules.order(name, order, step))
  }

  put(one: ScheduleDefinition): void {
    const done = this.order(one.name, { op: 'put', definition: one })
    assert.ok(!('code' in done), JSON.stringify(done))
  }

  /** The disks have, or will never have, what was waited for longest. */
  disks(durable: boolean): void {
    const said = this.host.waiting.shift()
    assert.ok(said, 'something waits for disks')
    this.#do(step => said(durable, step))
  }

  decidedOf(name: string) {
    const record = this.host.of(name)
    assert.ok(record)
    return record.schedule.decided
  }

  made(name: string): string[] {
    return [...this.host.tasks.keys()].filter(id => id.startsWith(`${name}@`))
  }

  #do<T>(call: (step: Step) => T): T {
    const step = new Step(this.now)
    const result = call(step)
    for (const effect of step.effects()) {
      if (effect.kind === 'log') this.events.push({ event: effect.event, fields: effect.fields })
    }
    return result
  }
}
