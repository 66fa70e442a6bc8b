import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asRequestId, asTaskId } from '../../src/base/ids.ts'
import { instantOf, type Now, wallOf } from '../../src/base/time.ts'
import { LOOK_MS, LOOKS_WAITING_MAX, Looks, type LooksEffect } from '../../src/tasks/looks.ts'
import { LOOK_BYTES_MAX, type Look } from '../../src/tasks/messages.ts'

const [n2, n3] = [asNodeId('n2'), asNodeId('n3')]
const request = { node: n2, task: asTaskId('a'), attempt: 2, logBytes: 1_000_000 }
const at = (ms: number): Now => ({ mono: instantOf(ms), wall: wallOf(1_700_000_000_000 + ms) })
const face = asRequestId('f1')

function asked(looks: Looks, ms = 0): Look {
  const [effect] = looks.ask(face, request, true, at(ms))
  assert.ok(effect?.kind === 'send' && effect.message.type === 'look' && effect.to === n2)
  return effect.message
}

const codes = (effects: readonly LooksEffect[]) =>
  effects.map(effect =>
    effect.kind === 'answer' && !effect.answer.ok ? effect.answer.failure.code : effect.kind,
  )

const gaugeOf = (looks: Looks, name: string) =>
  looks.metrics().find(each => each.name === name)?.samples[0]?.value

test('the node that has the attempt is asked, for no more than an answer holds, and its answer is handed on once', () => {
  const looks = new Looks(7)
  const { id, task, attempt, logBytes } = asked(looks)
  assert.deepEqual([task, attempt, logBytes], ['a', 2, LOOK_BYTES_MAX])
  const look = { running: true, stdout: { text: 'x', cutBytes: 3 } }
  assert.deepEqual(looks.message(n3, { type: 'look-reply', id, look }), [], 'nobody else answers for it')
  assert.deepEqual(looks.message(n2, { type: 'look-reply', id, look }), [
    { kind: 'answer', id: face, answer: { ok: true, look } },
  ])
  assert.deepEqual(looks.message(n2, { type: 'look-reply', id, look }), [])
  assert.equal(gaugeOf(looks, 'looks_in_flight'), 0)
  assert.equal(gaugeOf(looks, 'look_replies_unknown_total'), 2)
})

test('an answer to an earlier life of the node matches nothing', () => {
  const { id } = asked(new Looks(7))
  const later = new Looks(8)
  asked(later)
  assert.deepEqual(later.message(n2, { type: 'look-reply', id }), [])
})

test('who does not answer is not waited for, and who is gone is not asked', () => {
  const looks = new Looks(7)
  asked(looks, 0)
  asked(looks, 100)
  assert.equal(looks.nextWake(), LOOK_MS)
  assert.deepEqual(looks.tick(at(LOOK_MS - 1)), [])
  assert.deepEqual(codes(looks.tick(at(LOOK_MS))), ['NODE_UNREACHABLE'])
  assert.equal(looks.nextWake(), LOOK_MS + 100)
  assert.deepEqual(codes(looks.ask(face, request, false, at(200))), ['NODE_UNREACHABLE'])
})

test('questions that wait are bounded', () => {
  const looks = new Looks(7)
  for (let i = 0; i < LOOKS_WAITING_MAX; i++) asked(looks)
  assert.deepEqual(codes(looks.ask(face, request, true, at(1))), ['OVERLOADED'])
  assert.equal(looks.tick(at(LOOK_MS)).length, LOOKS_WAITING_MAX)
  asked(looks, LOOK_MS)
})

test('a node that is asked looks, and says what it found to who asked', () => {
  const looks = new Looks(7)
  const look: Look = { type: 'look', id: asRequestId('q'), task: asTaskId('a'), attempt: 1, logBytes: 10 }
  assert.deepEqual(looks.message(n2, look), [{ kind: 'look', from: n2, look }])
  assert.deepEqual(looks.found(n2, look.id, undefined), [
    { kind: 'send', to: n2, message: { type: 'look-reply', id: 'q' } },
  ])
})
