import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asRequestId, asTaskId } from '../../src/base/ids.ts'
import { LOOK_MS, LOOKS_WAITING_MAX } from '../../src/tasks/looks.ts'
import { LOOK_BYTES_MAX } from '../../src/tasks/messages.ts'
import { Solo } from './solo.ts'

const request = { node: asNodeId('n2'), task: asTaskId('a'), attempt: 2, logBytes: 1_000_000 }

function asking(): Solo {
  const solo = new Solo(undefined, {}, ['n1', 'n2', 'n3'])
  solo.step(() => solo.tasks.look(asRequestId('f1'), request, solo.at))
  return solo
}

const sent = (solo: Solo) =>
  solo.of('send').flatMap(({ to, message }) => (message.type === 'look' ? [{ to, ...message }] : []))

test('the node that has the attempt is asked, for no more than an answer holds, and its answer is handed on', () => {
  const solo = asking()
  const [look] = sent(solo)
  assert.ok(look !== undefined)
  assert.deepEqual([look.to, look.task, look.attempt, look.logBytes], ['n2', 'a', 2, LOOK_BYTES_MAX])
  assert.deepEqual(solo.of('answer'), [])
  const found = { running: true, stdout: { text: 'x', cutBytes: 3 } }
  solo.hear('n3', { type: 'look-reply', id: look.id, look: { running: false } })
  assert.deepEqual(solo.of('answer'), [], 'nobody else answers for it')
  solo.hear('n2', { type: 'look-reply', id: look.id, look: found })
  assert.deepEqual(solo.of('answer'), [{ kind: 'answer', id: 'f1', answer: { ok: true, look: found } }])
  solo.hear('n2', { type: 'look-reply', id: look.id, look: found })
  assert.equal(solo.of('answer').length, 1, 'an answer comes once')
  assert.equal(solo.metric('looks_in_flight'), 0)
})

test('who does not answer is not waited for, and who is gone is not asked', () => {
  const solo = asking()
  solo.pass(LOOK_MS + 100)
  const [late] = solo.of('answer')
  assert.equal(late?.answer.ok === false && late.answer.failure.code, 'NODE_UNREACHABLE')
  solo.see(['n1', 'n3'])
  solo.step(() => solo.tasks.look(asRequestId('f2'), request, solo.at))
  assert.equal(sent(solo).length, 1)
  assert.equal(solo.of('answer').length, 2)
})

test('questions that wait are bounded', () => {
  const solo = asking()
  for (let i = 1; i < LOOKS_WAITING_MAX; i++)
    solo.step(() => solo.tasks.look(asRequestId(`g${i}`), request, solo.at))
  assert.deepEqual(solo.of('answer'), [])
  solo.step(() => solo.tasks.look(asRequestId('last'), request, solo.at))
  const [refused] = solo.of('answer')
  assert.equal(refused?.answer.ok === false && refused.answer.failure.code, 'OVERLOADED')
})

test('a node that is asked looks, and says what it found to who asked', () => {
  const solo = new Solo(undefined, {}, ['n1', 'n2'])
  const look = { type: 'look', id: asRequestId('q'), task: asTaskId('a'), attempt: 1, logBytes: 10 } as const
  solo.hear('n2', look)
  assert.deepEqual(solo.of('look'), [{ kind: 'look', from: 'n2', look }])
  solo.step(() => solo.tasks.looked(asNodeId('n2'), look.id, undefined, solo.at))
  const answers = solo.of('send').filter(({ message }) => message.type === 'look-reply')
  assert.deepEqual(answers, [{ kind: 'send', to: 'n2', message: { type: 'look-reply', id: 'q' } }])
})
