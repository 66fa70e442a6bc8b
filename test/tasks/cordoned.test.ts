/** All are cordoned, or leaving: nobody owns a key, and what runs goes on. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asTaskId } from '../../src/base/ids.ts'
import { own, ready } from './scene.ts'

test('while all are cordoned an order counts once it is on the disk of this node, and not before', () => {
  const scene = ready()
  const { solo } = scene
  solo.submit(own('a'))
  scene.acknowledge('n2')
  assert.equal(solo.orders.length, 1)
  solo.see([])
  solo.diskHangs = true
  const id = solo.request({ kind: 'cancel', task: asTaskId('a'), key: own('a').key })
  assert.equal(scene.code(id), undefined)
  solo.diskGoesOn()
  assert.equal(scene.code(id), 'ok')
  const reply = solo.reply(id)
  assert.equal(reply?.ok === true && reply.durableCopies, 1)
})
