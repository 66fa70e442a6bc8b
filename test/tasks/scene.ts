/** One owner in quorum mode, whose holders and voters are played by the test. */
import assert from 'node:assert/strict'
import type { ErrorCode } from '../../src/base/errors.ts'
import { asNodeId, asRequestId, asTaskId } from '../../src/base/ids.ts'
import type { TasksConfig } from '../../src/tasks/config.ts'
import type {
  Inventory,
  Replicate,
  Replicated,
  TaskLinkMessage,
  TaskReply,
} from '../../src/tasks/messages.ts'
import type { DiskSight } from '../../src/tasks/store-failure.ts'
import type { TaskRecord, TaskSpec } from '../../src/tasks/task.ts'
import type { TasksInit } from '../../src/tasks/tasks.ts'
import { CountedRight } from './counted-right.ts'
import { ringOf, spec } from './samples.ts'
import { Solo } from './solo.ts'

export const THREE = ['n1', 'n2', 'n3']
export const ring = ringOf(THREE)
export const DONE = { ok: true, result: 'done' } as const

/** Of this node. */
export function own(id: string, changes: Partial<TaskSpec> = {}): TaskSpec {
  for (let i = 0; ; i++)
    if (ring.owner(`${id}-${i}`) === 'n1') return spec(id, { key: `${id}-${i}`, ...changes })
}

export class Scene {
  readonly right: CountedRight
  readonly disk: { failure: DiskSight['failure'] } = { failure: undefined }
  readonly solo: Solo

  constructor(config: Partial<TasksConfig> = {}, more: Partial<TasksInit> = {}, right = new CountedRight()) {
    this.right = right
    this.right.epochs.note(ring)
    this.right.epochs.members = THREE.map(asNodeId)
    this.solo = new Solo(this.right, config, THREE, { disk: this.disk, ...more })
  }

  /** What was sent to this node; each message is looked at once. */
  readonly #seen = new Set<TaskLinkMessage>()
  sent<T extends TaskLinkMessage['type']>(to: string, type: T): Extract<TaskLinkMessage, { type: T }>[] {
    const found = this.solo
      .of('send')
      .filter(effect => effect.to === to && effect.message.type === type && !this.#seen.has(effect.message))
      .map(({ message }) => message)
    for (const message of found) this.#seen.add(message)
    return found as Extract<TaskLinkMessage, { type: T }>[]
  }

  take(term = 5): void {
    this.solo.step(() => {
      this.right.take(term)
      return []
    })
  }

  #answers = 0
  /** Answers the latest question. */
  answer(from: string, records: readonly TaskRecord[] = []): void {
    const question = this.sent(from, 'inventory').at(-1) as Inventory
    assert.ok(question, `${from} was asked`)
    this.solo.hear(from, {
      type: 'inventory-reply',
      id: question.id,
      agreed: true,
      answer: ++this.#answers,
      page: 0,
      records,
      running: [],
      done: true,
      disk: `disk-${from}`,
    })
  }

  acknowledge(from: string, more: Partial<Omit<Replicated, 'type' | 'batch'>> = {}): Replicate[] {
    const batches = this.sent(from, 'replicate')
    for (const { batch } of batches)
      this.solo.hear(from, { type: 'replicated', batch, counted: true, ...more })
    return batches
  }

  /** Answers the latest question for a task. */
  tell(from: string, said: { readonly record: TaskRecord } | { readonly code: ErrorCode }): void {
    const question = this.sent(from, 'forward').at(-1)
    assert.ok(question?.request.kind === 'get', `${from} was asked`)
    const reply: TaskReply =
      'code' in said
        ? { ok: false, failure: { code: said.code, detail: 'said by the test' } }
        : { ok: true, record: said.record, existed: true, durableCopies: 1 }
    this.solo.hear(from, { type: 'forward-reply', id: question.id, reply })
  }

  code(id: string): string | undefined {
    const reply = this.solo.reply(id)
    return reply === undefined ? undefined : reply.ok ? 'ok' : reply.failure.code
  }

  get(task: string): string {
    const id = `get-${this.solo.effects.length}`
    this.solo.step(() =>
      this.solo.tasks.request(asRequestId(id), { kind: 'get', task: asTaskId(task) }, this.solo.at),
    )
    return id
  }
}

/** Its keys are complete. */
export function ready(config: Partial<TasksConfig> = {}, more: Partial<TasksInit> = {}): Scene {
  const scene = new Scene(config, more)
  scene.take()
  scene.answer('n2')
  scene.answer('n3')
  return scene
}
