/** A copy that comes while the task that has its id under another key is found to be over, and is dropped. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import { SCAN_MAX } from '../../src/tasks/placing.ts'
import type { TaskRecord } from '../../src/tasks/task.ts'
import { freshRecord } from '../../src/tasks/transition.ts'
import { ringOf, spec } from './samples.ts'
import { ring, Scene, THREE } from './scene.ts'

const FOUR = [...THREE, 'n4']
const larger = ringOf(FOUR)

/** Of this node, with the others of three as holders, whether the fourth is there or not. */
function ownKey(name: string): string {
  for (let i = 0; ; i++) {
    const key = `${name} ${i}`
    const holds = larger.preferenceList(key, 3)
    if (ring.owner(key) === 'n1' && holds[0] === 'n1' && !holds.includes(asNodeId('n4'))) return key
  }
}

const copyOf = (id: string, key: string): TaskRecord => ({
  ...freshRecord(spec(id, { key }), 'api', wallOf(0), THREE.map(asNodeId), 1),
  term: 3,
  copies: 2,
})

test('what has its id is over and goes as the copy comes: the copy is taken, and is not said to have ended', () => {
  const many = ownKey('many')
  const before = Array.from({ length: 3 * SCAN_MAX }, (_, i) => copyOf(`before ${i}`, many))
  const inTheWay = copyOf('both', ownKey('in the way'))
  const copy = copyOf('both', ownKey('other'))
  const scene = new Scene({}, { records: [...before, inTheWay] })
  scene.take()
  scene.answer('n2', [copy])
  scene.answer('n3', before)
  assert.equal(scene.solo.record('both').spec.key, inTheWay.spec.key, 'its turn has not come')
  scene.solo.see(FOUR)
  const batch = { batch: 1, records: [copy], ring: larger.checksum, terms: [0] }
  scene.solo.hear('n2', { type: 'replicate', ...batch })
  assert.equal(scene.solo.tasks.get(inTheWay.spec.id)?.spec.key, copy.spec.key)
  const said = scene.sent('n2', 'replicated')
  assert.deepEqual(
    said.flatMap(({ ended = [] }) => ended),
    [],
  )
})
