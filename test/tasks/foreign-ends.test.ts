/** A copy may know of an end before it counts. Who has one says so only to somebody who knows that it is no owner. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asRequestId, asTaskId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import type { TaskQuestion } from '../../src/tasks/messages.ts'
import type { TaskRecord } from '../../src/tasks/task.ts'
import { freshRecord } from '../../src/tasks/transition.ts'
import { ringOf, spec } from './samples.ts'
import { ready, ring, Scene, THREE } from './scene.ts'

const KEY = (() => {
  for (let i = 0; ; i++) if (ring.owner(`key-${i}`) === 'n2') return `key-${i}`
})()

/** n2, its owner, has sent it here; whether anybody else has it is not known. */
const record: TaskRecord = {
  ...freshRecord(spec('a', { key: KEY }), 'api', wallOf(0), THREE.map(asNodeId), 1),
  ...{ revision: 3, term: 5, copies: 2, state: 'succeeded', settledAt: wallOf(1) },
}

/** What this node, which holds the copy, says to n3. */
function said(changes: Partial<TaskQuestion>, copy = record): string {
  const scene = new Scene({}, { records: [copy] })
  const request = { kind: 'get', task: asTaskId('a'), ...changes } as const
  scene.solo.hear('n3', { type: 'forward', id: asRequestId('q'), hops: 1, request })
  const reply = scene.sent('n3', 'forward-reply').at(-1)?.reply
  assert.ok(reply)
  return reply.ok ? reply.record.state : reply.failure.code
}

test('an end is told to one that sees the same owner, and knows what a copy is worth', () => {
  assert.equal(said({ ring: ring.checksum }), 'succeeded')
})

test('by another ring this node may be taken for the owner, whose word is the last: an end is not told', () => {
  assert.equal(said({ ring: 'another' }), 'TAKEOVER_INCOMPLETE')
  assert.equal(said({ key: KEY }), 'TAKEOVER_INCOMPLETE')
})

test('what has not ended is told all the same', () => {
  const { settledAt: _, ...open } = record
  assert.equal(said({ ring: 'another' }, { ...open, state: 'ready' }), 'ready')
})

test('what a holder said before it became the owner is not taken for the word of the owner', () => {
  const [two, key] = keyThatGoesTo('n2')
  const scene = ready()
  scene.right.epochs.note(ring, two)
  const asked = scene.get('a')
  scene.solo.see(['n1', 'n2'])
  scene.tell('n2', { record: { ...record, spec: { ...record.spec, key } } })
  assert.equal(scene.code(asked), 'OWNER_UNREACHABLE')
  const later = scene.get('a')
  scene.tell('n2', { record: { ...record, spec: { ...record.spec, key } } })
  assert.equal(scene.code(later), 'ok')
})

/** Of n3, until that is gone. */
function keyThatGoesTo(node: string) {
  const two = ringOf(['n1', 'n2'])
  for (let i = 0; ; i++)
    if (ring.owner(`key-${i}`) === 'n3' && two.owner(`key-${i}`) === node) return [two, `key-${i}`] as const
}
