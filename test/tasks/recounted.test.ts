/** What is counted again, or late: no end is left out, and what is known no more is no record that lies on too few disks. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asTaskId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import type { TaskRecord } from '../../src/tasks/task.ts'
import { freshRecord } from '../../src/tasks/transition.ts'
import { DONE, own, ready, ring, type Scene, THREE } from './scene.ts'

/** More than are looked at again in one step. */
const MANY = 1_500

/** Something that voters told has changed, and nothing else happens. */
function told(scene: Scene): void {
  scene.right.epochs.changes++
  scene.solo.step(() => [])
}

function acknowledgeAll(scene: Scene): void {
  for (let i = 0; i < 100; i++) {
    const batches = ['n2', 'n3'].flatMap(node => scene.acknowledge(node))
    if (batches.length === 0) return
  }
  assert.fail('something is sent again and again')
}

test('ends that counted nowhere are all told once their ring is noted, however soon voters tell more', () => {
  const scene = ready({ concurrency: MANY })
  const tasks = Array.from({ length: MANY }, (_, i) => own(`t${i}`))
  for (const task of tasks) scene.solo.submit(task)
  for (let i = 0; i < 40 && scene.solo.orders.length < MANY; i++) {
    acknowledgeAll(scene)
    scene.solo.pass(50)
  }
  assert.equal(scene.solo.orders.length, MANY)
  scene.right.epochs.isNoted = false
  told(scene)
  for (const { id } of tasks) scene.solo.end(id, 1, DONE)
  scene.solo.pass(500, () => acknowledgeAll(scene))
  const ended = () => tasks.filter(({ id }) => scene.solo.record(id).state === 'succeeded').length
  assert.equal(ended(), 0, 'nobody has noted the ring')
  scene.right.epochs.isNoted = true
  told(scene)
  told(scene)
  scene.solo.pass(2_000, () => acknowledgeAll(scene))
  assert.equal(ended(), MANY)
})

test('what is dropped in the step in which it came is not counted when the disk has that step', () => {
  const scene = ready({ durability: 3 })
  assert.equal(scene.right.epochs.done, ring.checksum)
  // Written where two copies counted: that it is unknown here says nothing, but two holders answered without it.
  const record: TaskRecord = {
    ...freshRecord(own('old'), 'api', wallOf(0), THREE.map(asNodeId), 1),
    ...{ term: 4, copies: 2 },
  }
  scene.solo.hear('n2', { type: 'replicate', batch: 1, records: [record], ring: ring.checksum, terms: [0] })
  assert.deepEqual(scene.sent('n2', 'replicated').at(-1)?.ended, [0])
  assert.equal(scene.solo.tasks.get(asTaskId('old')), undefined)
  scene.solo.pass(1_000)
  assert.equal(scene.solo.metric('records_short'), 0)
  assert.equal(scene.right.epochs.done, ring.checksum)
})
