/** The end of a task that its owner hears of and cannot take, since it has another task with the id: no older copy passes for the task. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import type { TaskRecord } from '../../src/tasks/task.ts'
import { freshRecord } from '../../src/tasks/transition.ts'
import { ENDS_MAX } from '../../src/tasks/untaken.ts'
import { spec } from './samples.ts'
import { own, ring, Scene, THREE } from './scene.ts'

const first = own('one')
const KEY_OF_OTHER = (() => {
  for (let i = 0; ; i++) if (ring.owner(`other-${i}`) === 'n2') return `other-${i}`
})()

function copyOf(key: string, changes: Partial<TaskRecord> = {}): TaskRecord {
  const record = freshRecord(spec(first.id, { key }), 'api', wallOf(0), THREE.map(asNodeId), 1)
  return { ...record, term: 3, copies: 2, ...changes }
}

const ENDED = { state: 'succeeded', settledAt: wallOf(1), revision: 4, term: 4, result: 'done' } as const
const older = copyOf(first.key)
const ended = copyOf(first.key, ENDED)

let batches = 0
function bring(scene: Scene, from: string, record: TaskRecord, term = 0): void {
  const batchOf = { batch: ++batches, records: [record], ring: ring.checksum, terms: [term] }
  scene.solo.hear(from, { type: 'replicate', ...batchOf })
}

/** Takes the keys over; the others say what they have of them, while this node has the task of the other key. */
function takesOver(...told: readonly TaskRecord[]): Scene {
  const scene = new Scene({ settledMax: 0 }, { records: [copyOf(KEY_OF_OTHER)] })
  scene.take()
  const [ofSecond, ...ofThird] = told
  scene.answer('n2', ofSecond === undefined ? [] : [ofSecond])
  scene.answer('n3', ofThird)
  assert.equal(scene.solo.record(first.id).spec.key, KEY_OF_OTHER)
  return scene
}

/** The one that is in the way ends, and is dropped in the step in which that is heard of. */
function clears(scene: Scene): void {
  bring(scene, 'n2', copyOf(KEY_OF_OTHER, { ...ENDED, term: 6 }), 6)
  assert.equal(scene.solo.tasks.get(first.id), undefined)
}

function acknowledgeAll(scene: Scene): void {
  for (const node of ['n2', 'n3']) scene.acknowledge(node)
}

test('an older copy that comes when the other task is gone does not run: the end is what was told', () => {
  const scene = takesOver(ended, older)
  clears(scene)
  bring(scene, 'n3', older)
  assert.equal(scene.solo.tasks.get(first.id)?.state, 'succeeded')
  scene.solo.pass(1_000, () => acknowledgeAll(scene))
  assert.deepEqual(scene.solo.orders, [])
})

test('the end is taken when its id is free, though nobody tells it again, and lies on as many disks as any', () => {
  const scene = takesOver(ended, older)
  clears(scene)
  assert.equal(scene.code(scene.solo.submit(first)), 'TAKEOVER_INCOMPLETE', 'it is no new task')
  scene.solo.tick()
  const again = scene.solo.submit(first)
  assert.equal(scene.code(again), undefined, 'no other disk has it yet')
  scene.solo.pass(200, () => acknowledgeAll(scene))
  const reply = scene.solo.reply(again)
  assert.ok(reply?.ok === true && 'durableCopies' in reply && reply.existed)
  assert.deepEqual([reply.record.result, reply.durableCopies], ['done', 2])
})

test('another try that was ordered after the end is what was told, whichever came first', () => {
  const redriven = { times: 1, after: 1, at: wallOf(2) }
  const tried = copyOf(first.key, { term: 4, revision: 5, redriven })
  for (const copies of [
    [ended, tried],
    [tried, ended],
  ]) {
    const scene = takesOver(...copies)
    clears(scene)
    scene.solo.tick()
    assert.equal(scene.solo.tasks.get(first.id), undefined)
    bring(scene, 'n3', tried)
    scene.solo.pass(200, () => acknowledgeAll(scene))
    assert.equal(scene.solo.orders.length, 1)
  }
})

test('what was told of an end under terms that are all lost is asked for again', () => {
  const scene = takesOver(ended, older)
  scene.take(7)
  for (const node of ['n2', 'n3']) scene.answer(node, [copyOf(first.key, { term: 6 })])
  clears(scene)
  scene.solo.tick()
  assert.equal(scene.solo.tasks.get(first.id), undefined)
})

test('so many ends are kept, and the oldest that is forgotten then is counted and told', () => {
  const specs = Array.from({ length: ENDS_MAX + 1 }, (_, i) => own(`one-${i}`))
  const inTheWay = specs.map(({ id }) => copyOf(KEY_OF_OTHER, { spec: spec(id, { key: KEY_OF_OTHER }) }))
  const scene = new Scene({}, { records: inTheWay })
  const ends = specs.map(each => copyOf(each.key, { ...ENDED, spec: each }))
  scene.take()
  scene.answer('n2', ends.slice(0, -1))
  assert.equal(scene.solo.metric('conflict_ends_forgotten_total'), 0)
  scene.answer('n3', ends.slice(-1))
  assert.equal(scene.solo.metric('conflict_ends_forgotten_total'), 1)
  const lines = scene.solo.of('log').filter(({ event }) => event === 'task-end-forgotten')
  const [oldest] = specs
  assert.deepEqual(
    lines.map(({ fields }) => fields),
    [{ task: oldest?.id, key: oldest?.key, node: 'n3' }],
  )
})
