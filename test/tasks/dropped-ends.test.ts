/** Old copies of tasks that their owner itself has ended and dropped, where it is not sure that it knows all that counts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asRequestId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
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

/** An operator drops its dead letter, everywhere. */
function purge(scene: Scene): void {
  const copies = [{ task: own('old').id, revision: scene.solo.record('old').revision }]
  scene.solo.hear('n2', { type: 'survey', id: asRequestId('purge'), question: { kind: 'purge', copies } })
}

const knows = (scene: Scene): boolean => scene.solo.tasks.get(own('old').id) !== undefined

/** The voters know no rings; the copy comes from one that had not answered; the task runs, ends, and its end is dropped. */
function ranAndDropped(outcome: Outcome = DONE): Scene {
  const scene = new Scene({ settledMax: 0 })
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
  if (!outcome.ok) purge(scene)
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
  const scene = ranAndDropped({ ok: false, error: { code: 'THREW', message: 'no' }, retryable: false })
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
