/** A copy of what its owner has dropped: the owner's word is the last, once it acts and is complete. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ErrorCode } from '../../src/base/errors.ts'
import { asNodeId, asRequestId, asTaskId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import type { TaskRecord } from '../../src/tasks/task.ts'
import { freshRecord } from '../../src/tasks/transition.ts'
import { spec } from './samples.ts'
import { ready, ring, Scene, THREE } from './scene.ts'

const NOW = wallOf(1_700_000_000_000)

function keyOf(node: string): string {
  for (let i = 0; ; i++) if (ring.owner(`key-${i}`) === node) return `key-${i}`
}

/** As a holder still has it, with its end. */
const copyOf = (owner: string): TaskRecord => ({
  ...freshRecord(spec('a', { key: keyOf(owner) }), 'api', NOW, THREE.map(asNodeId), 1),
  ...{ revision: 3, term: 4, copies: 2, state: 'succeeded', settledAt: NOW },
})

/** The latest question for the task that a node was sent. */
function questionTo(scene: Scene, node: string) {
  const sent = scene.solo.of('send').findLast(({ to, message }) => to === node && message.type === 'forward')
  assert.ok(sent?.message.type === 'forward' && sent.message.request.kind === 'get')
  return sent.message.request
}

test('a task that its owner does not know is unknown, though a holder has a copy of it', () => {
  const scene = ready()
  const asked = scene.get('a')
  scene.tell('n2', { code: 'TASK_UNKNOWN' })
  assert.equal(questionTo(scene, 'n2').key, undefined, 'nobody knows the key yet')
  scene.tell('n3', { record: copyOf('n2') })
  assert.equal(questionTo(scene, 'n2').key, keyOf('n2'))
  scene.tell('n2', { code: 'TASK_UNKNOWN' })
  assert.equal(scene.code(asked), 'TASK_UNKNOWN')
})

test('so it is whoever else is silent, and in whatever order they answer', () => {
  const scene = ready()
  const asked = scene.get('a')
  scene.tell('n3', { record: copyOf('n2') })
  scene.tell('n2', { code: 'TASK_UNKNOWN' })
  scene.tell('n2', { code: 'TASK_UNKNOWN' })
  assert.equal(scene.code(asked), 'TASK_UNKNOWN')
})

for (const code of ['TAKEOVER_INCOMPLETE', 'NOT_ACTING'] as const)
  test(`until its owner may say so nobody does: ${code}`, () => {
    const scene = ready()
    const asked = scene.get('a')
    scene.tell('n2', { code: 'TASK_UNKNOWN' })
    scene.tell('n3', { record: copyOf('n2') })
    scene.tell('n2', { code })
    assert.equal(scene.code(asked), code)
  })

test('a holder that has a copy believes the owner, too', () => {
  const scene = new Scene({}, { records: [copyOf('n2')] })
  scene.take()
  for (const node of ['n2', 'n3']) scene.answer(node)
  const asked = scene.get('a')
  assert.equal(questionTo(scene, 'n2').key, keyOf('n2'))
  scene.tell('n2', { code: 'TASK_UNKNOWN' })
  assert.equal(scene.code(asked), 'TASK_UNKNOWN')
})

test('an owner that is asked itself says so as well, once it acts and is complete', () => {
  const scene = ready()
  const asked = scene.get('a')
  scene.tell('n3', { record: copyOf('n1') })
  assert.equal(scene.code(asked), 'TASK_UNKNOWN')
})

test('an owner whose right ends while it asks does not', () => {
  const scene = ready()
  const asked = scene.get('a')
  scene.right.held = false
  scene.tell('n3', { record: copyOf('n1') })
  scene.tell('n2', { code: 'TASK_UNKNOWN' })
  assert.equal(scene.code(asked), 'NOT_ACTING')
})

/** What this node says to another that has found a copy. */
function wordOf(scene: Scene, key: string): ErrorCode | undefined {
  const request = { kind: 'get', task: asTaskId('a'), key } as const
  scene.solo.hear('n2', { type: 'forward', id: asRequestId('q'), hops: 1, request })
  const said = scene.solo.of('send').findLast(({ message }) => message.type === 'forward-reply')?.message
  return said?.type === 'forward-reply' && !said.reply.ok ? said.reply.failure.code : undefined
}

test('who is asked for the last word gives it only as the owner, acting and complete', () => {
  const scene = new Scene()
  assert.equal(wordOf(scene, keyOf('n1')), 'TAKEOVER_INCOMPLETE')
  scene.take()
  for (const node of ['n2', 'n3']) scene.answer(node)
  assert.equal(wordOf(scene, keyOf('n1')), 'TASK_UNKNOWN')
  assert.equal(wordOf(scene, keyOf('n3')), 'TAKEOVER_INCOMPLETE')
  scene.right.held = false
  assert.equal(wordOf(scene, keyOf('n1')), 'NOT_ACTING')
})

test('an order of one that has the key and no right is not told that there is no task', () => {
  const scene = ready()
  scene.right.held = false
  const asked = scene.solo.request({ kind: 'cancel', task: asTaskId('a'), key: keyOf('n1') })
  assert.equal(scene.code(asked), 'NOT_ACTING')
})

/** Of one that was written before a takeover that left a gap; it has not ended, as far as a member knows that was forgotten and is back. */
const openCopyOf = (owner: string): TaskRecord => {
  const { settledAt: _, ...copy } = copyOf(owner)
  return { ...copy, state: 'ready' }
}

test('no owner denies what has not ended, and was written before members were given up who may have had it alone', () => {
  for (const owner of ['n1', 'n2']) {
    const scene = ready()
    scene.right.epochs.gap = 5
    const asked = scene.get('a')
    scene.tell('n2', { code: 'TASK_UNKNOWN' })
    scene.tell('n3', { record: openCopyOf(owner) })
    assert.equal(scene.code(asked), 'ok')
  }
})

test('what was written later, or has ended, it denies all the same', () => {
  const scene = ready()
  scene.right.epochs.gap = 4
  const asked = scene.get('a')
  scene.tell('n2', { code: 'TASK_UNKNOWN' })
  scene.tell('n3', { record: openCopyOf('n1') })
  assert.equal(scene.code(asked), 'TASK_UNKNOWN')
  scene.right.epochs.gap = 5
  const later = scene.get('a')
  scene.tell('n2', { code: 'TASK_UNKNOWN' })
  scene.tell('n3', { record: copyOf('n1') })
  assert.equal(scene.code(later), 'TASK_UNKNOWN')
})
