/** What is counted late: what is known no more is no record that lies on too few disks. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asTaskId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import type { TaskRecord } from '../../src/tasks/task.ts'
import { freshRecord } from '../../src/tasks/transition.ts'
import { own, ready, ring, THREE } from './scene.ts'

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
