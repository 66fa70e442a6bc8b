/** What waits for copies together is told of the record that has them, not of one that was made of it since. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { wallOf } from '../../src/base/time.ts'
import { own, ready } from './scene.ts'

test('an attempt that comes too late, taken back in the step in which its start counts, is not told to lie where its start does', () => {
  const scene = ready({ durability: 2 })
  const { solo } = scene
  const task = own('a', { expiresAt: wallOf(solo.at.wall + 200), maxAttempts: 1 })
  solo.submit(task)
  assert.equal(solo.record('a').state, 'running')
  const again = solo.submit(task)
  solo.pass(400)
  assert.equal(scene.code(again), undefined)
  scene.acknowledge('n2')
  assert.deepEqual(solo.orders, [])
  assert.equal(scene.code(again), undefined, 'no other disk knows that it was taken back')
  solo.pass(500, () => scene.acknowledge('n2'))
  const reply = solo.reply(again)
  assert.ok(reply?.ok === true && reply.durableCopies === 2)
  assert.notEqual(reply.record.state, 'running')
})
