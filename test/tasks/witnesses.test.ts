/** What a node has and does not own counts as safe when as many others have it as must, however many that are. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import type { TaskRecord } from '../../src/tasks/task.ts'
import { freshRecord } from '../../src/tasks/transition.ts'
import { ringOf, spec } from './samples.ts'
import { DONE, own, ready, ring, Scene, THREE } from './scene.ts'

const keyOfOther =
  Array.from({ length: 100 }, (_, i) => `key-${i}`).find(key => ring.owner(key) === 'n2') ?? ''

/** An end that the store of n1 holds for n2. */
function held(): TaskRecord {
  const record = freshRecord(spec('a', { key: keyOfOther }), 'api', wallOf(0), THREE.map(asNodeId), 1)
  return { ...record, state: 'cancelled', settledAt: wallOf(1), revision: 2, term: 4, copies: 3 }
}

test('where all three must have it, what a holder begins with is safe, and goes in its turn, when the two others have it', () => {
  const scene = new Scene({ durability: 3, settledMax: 0 }, { records: [held()] })
  scene.solo.pass(500, () => scene.acknowledge('n2'))
  assert.equal(scene.solo.tasks.unsafe, 1, 'n3 is still to say so')
  scene.solo.pass(500, () => scene.acknowledge('n3'))
  assert.equal(scene.solo.tasks.unsafe, 0)
  assert.equal(scene.solo.tasks.get(held().spec.id), undefined)
})

/** A node that leaves has changed it, and may not act for its key any more. Returns who is to hold it by then. */
function left() {
  const scene = ready()
  scene.solo.submit(own('a'))
  scene.acknowledge('n2')
  scene.solo.end('a', 1, DONE)
  assert.equal(scene.solo.tasks.unsafe, 1)
  const others = ['n4', 'n5', 'n6']
  const next = ringOf(others)
  scene.right.epochs.note(next)
  scene.solo.tasks.leave(scene.solo.at)
  scene.solo.see(others)
  const [owner = '', second = ''] = next.preferenceList(own('a').key, 3)
  scene.solo.pass(500, () => scene.acknowledge(owner))
  assert.equal(scene.solo.tasks.unsafe, 1)
  return { scene, second }
}

test('what a node that leaves has changed is safe when two of those have it that are to hold it by then', () => {
  const { scene, second } = left()
  scene.solo.pass(500, () => scene.acknowledge(second))
  assert.equal(scene.solo.tasks.unsafe, 0)
})

test('so it is when one of them has what its owner wrote after that', () => {
  const { scene, second } = left()
  scene.right.end()
  assert.ok(scene.acknowledge(second, { refused: [[0, 0]] }).length > 0)
  assert.equal(scene.solo.tasks.unsafe, 0)
})

test('what one of them did not take under the term of then is handed on under none', () => {
  const { scene, second } = left()
  scene.right.end()
  assert.ok(scene.acknowledge(second, { refused: [[0, 9]] }).length > 0)
  assert.equal(scene.solo.tasks.unsafe, 1, 'a higher term says nothing of what is there')
  scene.solo.pass(1_500)
  const again = scene.acknowledge(second)
  assert.deepEqual(
    again.map(({ terms }) => terms),
    [[0]],
  )
  assert.equal(scene.solo.tasks.unsafe, 0)
})

test('so it is when that term ends its own', () => {
  const { scene, second } = left()
  assert.ok(scene.acknowledge(second, { refused: [[0, 9]] }).length > 0)
  assert.deepEqual(scene.right.epochs.outrankedBy, [9])
  scene.right.end()
  scene.solo.pass(1_500)
  scene.acknowledge(second)
  assert.equal(scene.solo.tasks.unsafe, 0)
})
