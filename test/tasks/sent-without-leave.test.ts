/** Copies that an owner sent while it had no leave were held against no term: they count for nothing that is told under one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asTaskId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import type { TaskRecord } from '../../src/tasks/task.ts'
import { DONE, own, ready, type Scene } from './scene.ts'

const task = asTaskId('a')

/** A task that runs here, as two holders know, and comes to its end; the copies of that are lost on the way. */
function ended(): Scene {
  const scene = ready({ inventoryMs: 10_000 })
  const { solo } = scene
  solo.submit(own('a'))
  for (let i = 0; i < 3; i++) for (const node of ['n2', 'n3']) scene.acknowledge(node)
  solo.pass(250)
  for (const node of ['n2', 'n3']) scene.acknowledge(node)
  assert.equal(solo.orders.length, 1)
  solo.end('a', 1, DONE)
  for (const node of ['n2', 'n3']) scene.sent(node, 'replicate')
  return scene
}

/** The leave is gone for so long that all is sent again, and without any. */
function sentWithoutLeave(scene: Scene): void {
  const { right, solo } = scene
  right.held = false
  right.moves++
  solo.pass(2_500)
}

test('an acknowledgement of a copy that was sent without leave does not count when there is leave again', () => {
  const scene = ended()
  sentWithoutLeave(scene)
  const { right, solo } = scene
  right.held = true
  right.moves++
  const late = scene.acknowledge('n3')
  assert.ok(late.length > 0 && late.every(({ terms }) => terms?.every(term => term === 0)))
  assert.equal(solo.tasks.final(task), undefined)
  assert.equal(solo.record('a').state, 'running', 'nobody is told of the end')
  solo.pass(1_500)
  assert.deepEqual(scene.acknowledge('n3').at(-1)?.terms, [5], 'it is sent again, and held against the term')
  assert.equal(solo.tasks.final(task)?.state, 'succeeded')
})

test('an end that was written under a term that lost the key is not told under the next one before others were asked', () => {
  const scene = ended()
  const { right, solo } = scene
  const ours = solo.record('a')
  right.epochs.notUnder.set(5, new Set([own('a').key]))
  sentWithoutLeave(scene)
  solo.step(() => {
    right.held = true
    right.term = 9
    right.epochs.take(9)
    right.moves++
    return []
  })
  scene.acknowledge('n3')
  assert.equal(solo.tasks.final(task), undefined)
  const asked = scene.get('a')
  assert.equal(scene.code(asked), 'TAKEOVER_INCOMPLETE')
  const theirs = { state: 'succeeded', result: 'theirs', term: 7, revision: ours.revision + 3 }
  scene.answer('n2', [{ ...ours, ...theirs, settledAt: wallOf(1) } as TaskRecord])
  const acknowledge = () => scene.acknowledge('n2')
  solo.pass(500, acknowledge)
  const later = scene.get('a')
  assert.equal(scene.code(later), undefined, 'it is written anew first')
  solo.pass(500, acknowledge)
  assert.equal(scene.code(later), 'ok')
  assert.equal(solo.tasks.final(task)?.result, 'theirs')
})

test('nor is it when a holder says in its answer that it has that end', () => {
  const scene = ended()
  const { right, solo } = scene
  const ours = solo.of('send').findLast(({ message }) => message.type === 'replicate')?.message
  assert.ok(ours?.type === 'replicate')
  right.epochs.notUnder.set(5, new Set([own('a').key]))
  solo.step(() => {
    right.term = 9
    right.epochs.take(9)
    right.moves++
    return []
  })
  // Of a ring of before others are asked as well.
  right.epochs.rings = 'unknown'
  right.epochs.changes++
  scene.answer('n3', ours.records)
  assert.equal(solo.tasks.final(task), undefined)
})
