/** Old copies of tasks that their owner itself has ended and dropped, where it is not sure that it knows all that counts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asRequestId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import type { TasksConfig } from '../../src/tasks/config.ts'
import type { Outcome, TaskRecord } from '../../src/tasks/task.ts'
import { freshRecord } from '../../src/tasks/transition.ts'
import { DONE, own, ring, Scene, THREE } from './scene.ts'

/** A record of an owner before this one, that nobody has begun. */
function old(changes: Partial<TaskRecord> = {}): TaskRecord {
  const record = freshRecord(own('old'), 'api', wallOf(0), THREE.map(asNodeId), 1)
  return { ...record, term: 4, copies: 2, ...changes }
}

/** A copy from one that may not write it. Returns which of the batch are over. */
function copied(scene: Scene, record: TaskRecord): readonly number[] | undefined {
  const message = { type: 'replicate', batch: 1, records: [record], ring: ring.checksum, terms: [0] } as const
  scene.solo.hear('n4', message)
  return scene.sent('n4', 'replicated').at(-1)?.ended
}

const knows = (scene: Scene): boolean => scene.solo.tasks.get(own('old').id) !== undefined

/** The voters know no rings; the copy comes from one that had not answered; the task runs, and ends. */
function ran(outcome: Outcome, config: Partial<TasksConfig> = {}): Scene {
  const scene = new Scene(config)
  scene.right.epochs.rings = 'lost'
  scene.take()
  for (const node of ['n2', 'n3']) scene.answer(node)
  const acknowledge = (): void => {
    for (const node of ['n2', 'n3']) scene.acknowledge(node)
  }
  assert.equal(copied(scene, old()), undefined)
  scene.solo.pass(2_000, acknowledge)
  assert.equal(scene.solo.orders.length, 1)
  scene.solo.end('old', 1, outcome)
  scene.solo.pass(2_000, acknowledge)
  return scene
}

/** Its end is dropped in its turn. */
function ranAndDropped(): Scene {
  const scene = ran(DONE, { settledMax: 0 })
  assert.equal(knows(scene), false)
  return scene
}

test('what an owner has ended and dropped is not run again, whoever brings an older copy', () => {
  const scene = ranAndDropped()
  assert.deepEqual(copied(scene, old()), [0])
  assert.deepEqual(copied(scene, old({ revision: 3, state: 'running' })), [0])
  assert.equal(knows(scene), false)
  assert.equal(copied(scene, old({ acceptedAt: wallOf(60_000_000) })), undefined)
  assert.equal(knows(scene), true, 'another life of the id')
})

test('nor is a dead letter that was purged', () => {
  const scene = ran({ ok: false, retryable: false, error: { code: 'THREW', message: 'no' } })
  const { state, revision } = scene.solo.record('old')
  assert.equal(state, 'dead')
  const question = { kind: 'purge', copies: [{ task: own('old').id, revision }] } as const
  scene.solo.hear('n2', { type: 'survey', id: asRequestId('purge'), question })
  assert.equal(knows(scene), false)
  assert.deepEqual(copied(scene, old()), [0])
  assert.equal(knows(scene), false)
})

test('it is so for as long as the key stays: another owner may have ordered the task to run again', () => {
  const scene = ranAndDropped()
  scene.right.epochs.notUnder.set(5, new Set([old().spec.key]))
  assert.equal(copied(scene, old()), undefined)
  assert.equal(knows(scene), true)
})

test('nothing is known by it of a task that another key has under the same id', () => {
  const scene = ranAndDropped()
  const other = old()
  assert.equal(copied(scene, { ...other, spec: { ...other.spec, key: own('other').key } }), undefined)
  assert.equal(knows(scene), true)
})

/** It failed for good under term 5; then its owner lost its right, and another one ordered another try under term 6. */
function failed() {
  const scene = new Scene({ deadMs: 60_000 })
  const both = ['n2', 'n3']
  scene.take()
  for (const node of both) scene.answer(node)
  scene.solo.submit(own('old', { maxAttempts: 1 }))
  const acknowledge = (): void => {
    for (const node of both) scene.acknowledge(node)
  }
  scene.solo.pass(500, acknowledge)
  scene.solo.end('old', 1, { ok: false, retryable: false, error: { code: 'THREW', message: 'no' } })
  scene.solo.pass(500, acknowledge)
  const { error: _, settledAt: __, ...dead } = scene.solo.record('old')
  assert.equal(dead.state, 'dead')
  scene.right.end()
  scene.solo.pass(1_000)
  const redriven = { times: 1, after: 1, at: wallOf(dead.acceptedAt + 1_500) }
  const again: TaskRecord = { ...dead, state: 'ready', redriven, revision: dead.revision + 1, term: 6 }
  scene.right.held = true
  return { scene, again, acknowledge }
}

test('nor of another try that was ordered while its owner had no right, and was not heard of when the end was dropped', () => {
  const { scene, again, acknowledge } = failed()
  scene.take(7)
  scene.solo.pass(60_000)
  assert.equal(knows(scene), false, 'its turn has come')
  scene.answer('n2', [again])
  scene.answer('n3')
  scene.solo.pass(500, acknowledge)
  assert.equal(knows(scene), true)
})

test('nor of one that only members had that were forgotten, one of which is back', () => {
  const { scene, again } = failed()
  for (const node of ['n2', 'n3']) scene.right.epochs.gone.add(node)
  scene.take(7)
  scene.solo.pass(60_000)
  assert.equal(scene.right.epochs.gap, 7)
  assert.equal(knows(scene), false, 'its turn has come')
  scene.right.epochs.gone.delete('n2')
  assert.equal(copied(scene, again), undefined)
  assert.equal(knows(scene), true)
})
