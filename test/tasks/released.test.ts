/** When a node that leaves is needed no more by those who look for what it has. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ready, type Scene } from './scene.ts'

/** This node leaves, and voters still have rings under which others will ask it. */
function leaving(): Scene {
  const scene = ready()
  scene.right.epochs.names = () => true
  scene.solo.see(['n2', 'n3'])
  scene.solo.pass(300, () => {
    for (const node of ['n2', 'n3']) scene.acknowledge(node)
  })
  assert.equal(scene.solo.tasks.drained(), false)
  return scene
}

test('who loses touch with the voters for a moment stays', () => {
  const scene = leaving()
  scene.right.epochs.inTouch = false
  scene.solo.pass(2_000)
  assert.equal(scene.solo.tasks.drained(), false)
  scene.right.epochs.inTouch = true
  scene.solo.pass(5_000)
  assert.equal(scene.solo.tasks.drained(), false, 'it is named')
})

test('who stays out of touch goes', () => {
  const scene = leaving()
  scene.right.epochs.inTouch = false
  scene.solo.pass(3_000)
  assert.equal(scene.solo.tasks.drained(), true)
})

test('a standstill is no time without touch: nobody renews a lease in it', () => {
  const scene = leaving()
  scene.right.epochs.inTouch = false
  scene.solo.pass(500)
  scene.solo.now += 10_000
  scene.solo.pass(500)
  assert.equal(scene.solo.tasks.drained(), false)
  scene.solo.pass(3_000)
  assert.equal(scene.solo.tasks.drained(), true)
})
