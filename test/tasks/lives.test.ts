/** An id that was accepted anew, after its task had ended and was dropped, where somebody still has the record of before. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asTaskId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import type { TaskRecord, TaskSpec } from '../../src/tasks/task.ts'
import { DONE, own, ready, type Scene } from './scene.ts'

/** A node that still has the end of the first life takes over the second one, which it never heard of. */
function reborn(changes: Partial<TaskSpec>, then: Partial<TaskRecord> = {}): Scene {
  const scene = ready()
  scene.solo.submit(own('x'))
  acknowledge(scene)
  scene.solo.end('x', 1, DONE)
  acknowledge(scene)
  const first = scene.solo.record('x')
  assert.equal(first.state, 'succeeded')
  scene.solo.step(() => {
    scene.right.end()
    return []
  })
  scene.solo.pass(600)
  scene.right.held = true
  scene.take(7)
  const { spec, source, holders, acceptedAt } = first
  const accepted = wallOf(acceptedAt + 100)
  const fresh = {
    spec: { ...spec, ...changes },
    source,
    holders,
    acceptedAt: accepted,
    attempts: [],
    copies: 2,
  }
  const second: TaskRecord = { ...fresh, state: 'ready', term: 6, revision: 1, ...then }
  for (const node of ['n2', 'n3']) scene.answer(node, [second])
  goOn(scene, 2_000)
  return scene
}

const acknowledge = (scene: Scene): void => {
  for (let round = 0; round < 2; round++) for (const node of ['n2', 'n3']) scene.acknowledge(node)
}

const goOn = (scene: Scene, ms: number): void =>
  scene.solo.pass(ms, () => {
    scene.right.until = scene.solo.now + 1_000_000
    acknowledge(scene)
  })

test('the second life of an id stands in the line of its own type, and counts its own attempts', () => {
  const scene = reborn({ type: 'noop', maxAttempts: 1 })
  assert.deepEqual(
    scene.solo.orders.map(({ task, type, attempt }) => [task, type, attempt]),
    [
      ['x', 'echo', 1],
      ['x', 'noop', 1],
    ],
  )
  const refused = { ok: false, retryable: true, error: { code: 'EXIT_NONZERO', message: 'no' } } as const
  scene.solo.end('x', 1, refused)
  goOn(scene, 100)
  assert.deepEqual([scene.solo.record('x').state, scene.solo.record('x').attempts.length], ['dead', 1])
})

test('the dedupe key of the second life stands for it', () => {
  const dedupe = { key: 'd', ttlMs: 3_600_000 }
  const end = wallOf(1_700_000_001_000)
  const scene = reborn({ dedupe }, { state: 'succeeded', settledAt: end, revision: 5, dedupeTerm: 6 })
  const id = scene.solo.submit({ ...scene.solo.record('x').spec, id: asTaskId('y') })
  goOn(scene, 200)
  const reply = scene.solo.reply(id)
  assert.ok(reply?.ok === true && 'record' in reply, JSON.stringify(reply))
  assert.deepEqual([reply.record.spec.id, reply.existed], ['x', true])
})
