/**
 * What has ended and was dropped by its owner is submitted anew under the same term, while holders still have the end; also by a clock
 * that was set back in between.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { wallOf } from '../../src/base/time.ts'
import { mergeRecords } from '../../src/tasks/merge.ts'
import { orderSpec } from '../../src/tasks/schedules/orders.ts'
import { scheduleIdOf } from '../../src/tasks/schedules/state.ts'
import type { TaskRecord } from '../../src/tasks/task.ts'
import { freshRecord } from '../../src/tasks/transition.ts'
import { spec } from './samples.ts'
import { own, ready, ring, Scene } from './scene.ts'
import { definition, nextSlot } from './schedules/samples.ts'

const LATER = wallOf(1_700_000_100_000)

/** Both others confirm until nothing is under way; returns what n3 has of it then. */
function acknowledged(scene: Scene, id: string): TaskRecord {
  let theirs: TaskRecord | undefined
  scene.solo.pass(500, () => {
    scene.acknowledge('n2')
    for (const { records } of scene.acknowledge('n3'))
      theirs = structuredClone(records.find(({ spec }) => spec.id === id)) ?? theirs
  })
  return theirs ?? assert.fail(`n3 was sent nothing of ${id}`)
}

const back = (scene: Scene, record: TaskRecord) =>
  scene.solo.hear('n3', {
    type: 'replicate',
    batch: 77,
    records: [record],
    ring: ring.checksum,
    terms: [0],
  })

const CLOCKS = [
  ['', 0],
  [', though the clock was set back', -60_000],
] as const

for (const [though, wallSetMs] of CLOCKS) {
  test(`a schedule that is put anew is newer than the deleted one that a holder still has${though}`, () => {
    const name = 'abcdefgh'.split('').find(each => ring.owner(each) === 'n1') ?? assert.fail('no such name')
    const id = scheduleIdOf(name)
    const scene = ready({ settledMax: 0 }, { nextSlot })
    const order = (given: Parameters<typeof orderSpec>[1]) => scene.solo.submit(orderSpec(name, given))
    order({ op: 'put', definition: definition(name, { everyMs: 3_600_000 }) })
    order({ op: 'delete' })
    const theirs = acknowledged(scene, id)
    assert.equal(theirs.state, 'cancelled')
    assert.equal(scene.solo.tasks.get(id), undefined, 'its owner has dropped it')
    scene.solo.wallSetMs = wallSetMs
    order({ op: 'put', definition: definition(name, { everyMs: 60_000 }) })
    assert.equal(
      mergeRecords(scene.solo.record(id), theirs).state,
      'scheduled',
      'also with those that hold both',
    )
    back(scene, theirs)
    assert.equal(scene.solo.record(id).state, 'scheduled')
  })

  test(`a task that is submitted anew is newer than the end that a holder still has${though}`, () => {
    const scene = ready({ settledMax: 0 })
    const task = own('a', { runAt: LATER })
    scene.solo.submit(task)
    scene.solo.request({ kind: 'cancel', task: task.id, key: task.key })
    const theirs = acknowledged(scene, 'a')
    assert.equal(theirs.state, 'cancelled')
    assert.equal(scene.solo.tasks.get(task.id), undefined, 'its owner has dropped it')
    scene.solo.wallSetMs = wallSetMs
    scene.solo.submit(task)
    assert.equal(
      mergeRecords(scene.solo.record('a'), theirs).state,
      'scheduled',
      'also with those that hold both',
    )
    back(scene, theirs)
    assert.equal(scene.solo.record('a').state, 'scheduled')
  })
}

test('a holder confirms what was accepted anew only where it took it', () => {
  const keys = Array.from({ length: 100 }, (_, i) => `k-${i}`)
  const key = keys.find(each => ring.owner(each) === 'n2') ?? assert.fail('no such key')
  const holders = ring.preferenceList(key, 3)
  const scene = ready()
  const of = (acceptedAt: number, changes: Partial<TaskRecord>): TaskRecord => ({
    ...freshRecord(spec('a', { key, runAt: LATER }), 'api', wallOf(acceptedAt), holders, 1),
    ...{ term: 6, copies: 2, ...changes },
  })
  const hear = (batch: number, record: TaskRecord) => {
    const sent = { batch, records: [record], ring: ring.checksum, terms: [6] }
    scene.solo.hear('n2', { type: 'replicate', ...sent })
    return scene.sent('n2', 'replicated').at(-1)?.refused
  }
  hear(1, of(1, { revision: 2, state: 'cancelled', settledAt: wallOf(2) }))
  assert.equal(hear(2, of(3, {})), undefined)
  assert.equal(scene.solo.record('a').state, 'scheduled')
  // As of an owner whose clock was set back: what stays here is not what came.
  assert.deepEqual(hear(3, of(2, {})), [[0, 0]])
  assert.equal(scene.solo.record('a').acceptedAt, 3)
})

for (const kind of ['task', 'schedule'] as const)
  test(`an owner that no longer remembers the end of a ${kind} is right about what began anew, and so is who hears of both`, () => {
    const scene = ready({}, { nextSlot })
    const name = 'abcdefgh'.split('').find(each => ring.owner(each) === 'n1') ?? assert.fail('no such name')
    const order = orderSpec(name, { op: 'put', definition: definition(name, { everyMs: 60_000 }) })
    const { id } = kind === 'task' ? own('a') : order
    scene.solo.submit(kind === 'task' ? own('a', { runAt: LATER }) : order)
    const anew = acknowledged(scene, id)
    const { acceptedAt, revision } = anew
    // Written by this owner, as nobody else can have under its term, and by a clock that was ahead.
    const before = {
      acceptedAt: wallOf(acceptedAt + 60_000),
      revision: revision + 60_000,
      settledAt: acceptedAt,
    }
    const end: TaskRecord = { ...anew, ...before, state: 'cancelled' }
    back(scene, end)
    assert.equal(scene.solo.record(id).state, 'scheduled')
    const dated = acknowledged(scene, id)
    assert.equal(mergeRecords(end, dated), dated, 'as n3 is told')
    assert.equal(mergeRecords(anew, dated), dated)
  })

test('of what an owner before wrote the later life is right', () => {
  const scene = new Scene()
  scene.take()
  const first = { ...freshRecord(own('a', { runAt: LATER }), 'api', wallOf(1), [], 1), term: 4, copies: 2 }
  scene.answer('n2', [first])
  scene.answer('n3', [
    { ...first, acceptedAt: wallOf(2), revision: 3, state: 'cancelled', settledAt: wallOf(3) },
  ])
  assert.equal(scene.solo.record('a').state, 'cancelled')
})
