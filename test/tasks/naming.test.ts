/** Which task a dedupe key stands for in quorum mode: an owner whose holders and voters are played by the test. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { type WallMs, wallOf } from '../../src/base/time.ts'
import type { TaskRecord, TaskSpec } from '../../src/tasks/task.ts'
import { freshRecord } from '../../src/tasks/transition.ts'
import { own, ready, Scene, THREE } from './scene.ts'

const WALL = 1_700_000_000_000
const { key } = own('key')
const order = (id: string): TaskSpec => ({ ...own(id), key, dedupe: { key: 'order-1', ttlMs: 60_000 } })

/** Written by owners before this one, the last of them under term 6. */
function old(id: string, dedupeTerm: number, acceptedAt: WallMs = wallOf(WALL)): TaskRecord {
  const record = freshRecord(order(id), 'api', acceptedAt, THREE.map(asNodeId), 1)
  return { ...record, term: 6, copies: 2, dedupeTerm }
}

/** Complete under term 7, with these on all disks. */
function after(...records: TaskRecord[]): Scene {
  const scene = new Scene({}, { records })
  scene.take(7)
  scene.answer('n2', records)
  scene.answer('n3', records)
  for (const node of ['n2', 'n3']) scene.acknowledge(node)
  return scene
}

/** The task that the submission is answered with, once the holders have all that is sent to them. */
function taskOf(scene: Scene, id: string): string | undefined {
  const asked = scene.solo.submit(order(id))
  for (const node of ['n2', 'n3']) scene.acknowledge(node)
  const reply = scene.solo.reply(asked)
  return reply?.ok && 'record' in reply ? reply.record.spec.id : undefined
}

test('of two tasks under a dedupe key it stands for the one that the later owner decided for', () => {
  const scene = after(old('a', 5, wallOf(WALL - 1_000)), old('b', 6))
  for (const id of ['a', 'b', 'c']) assert.equal(taskOf(scene, id), 'b', `as the answer to ${id}`)
})

test('it does so too when the other one is older, or was written later', () => {
  const scene = after(old('a', 6), { ...old('b', 5, wallOf(WALL - 1_000)), revision: 9 })
  for (const id of ['b', 'a', 'c']) assert.equal(taskOf(scene, id), 'a', `as the answer to ${id}`)
})

test('what an owner decides is durable under its own term before it is told, and then stands', () => {
  const scene = after(old('a', 5))
  const asked = scene.solo.submit(order('b'))
  assert.equal(scene.code(asked), undefined, 'one disk has it')
  assert.equal(scene.solo.record('a').dedupeTerm, 7)
  scene.acknowledge('n2')
  assert.equal(scene.code(asked), 'ok')
  const { revision } = scene.solo.record('a')
  scene.solo.step(() => {
    scene.right.epochs.take(8)
    return []
  })
  assert.equal(taskOf(scene, 'c'), 'a')
  const again = scene.solo.record('a')
  assert.deepEqual([again.dedupeTerm, again.revision], [7, revision], 'the term has it still')
})

test('the pause before a retry stays in the record that is written anew for its dedupe key', () => {
  const notBefore = wallOf(WALL + 59_000)
  const failed = { number: 1, node: asNodeId('n2'), token: '1', startedAt: wallOf(WALL - 900) }
  const attempts = [{ ...failed, endedAt: wallOf(WALL - 800), outcome: 'failed' as const }]
  const scene = after({ ...old('a', 5), revision: 3, state: 'retrying', notBefore, attempts })
  assert.equal(taskOf(scene, 'b'), 'a')
  const { state, dedupeTerm, notBefore: kept } = scene.solo.record('a')
  assert.deepEqual([state, dedupeTerm, kept], ['retrying', 7, notBefore])
})

test('a new task has its dedupe key from the first, and one without a dedupe key has no such term', () => {
  const scene = ready()
  scene.solo.submit(order('a'))
  scene.solo.submit(own('b'))
  assert.equal(scene.solo.record('a').dedupeTerm, 5)
  assert.equal(scene.solo.record('b').dedupeTerm, undefined)
})

test('when the time of its dedupe key is over, a task is known by its id', () => {
  const scene = after(old('a', 5, wallOf(WALL - 60_000)), old('b', 6))
  assert.equal(taskOf(scene, 'a'), 'a')
  assert.equal(scene.solo.record('a').dedupeTerm, 5)
  assert.equal(taskOf(scene, 'c'), 'b')
})

test('what was decided under a right that broke is not told under the next one: others may have decided meanwhile', () => {
  const scene = ready()
  const asked = scene.solo.submit({ ...order('a'), runAt: wallOf(WALL + 60_000) })
  scene.solo.step(() => {
    scene.right.end()
    return []
  })
  scene.right.held = true
  scene.take(7)
  scene.answer('n3', [old('b', 6)])
  for (const node of ['n2', 'n3']) scene.acknowledge(node)
  assert.equal(scene.code(asked), 'RIGHT_ENDED')
  // Nobody waits for n2 for ever, and what it does not deny goes on.
  scene.solo.pass(100)
  assert.equal(taskOf(scene, 'c'), 'b')
})
