/** A start that waits for copies when it is taken back is not ordered with the copies of the next one, which has its number. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { freshRecord } from '../../src/tasks/transition.ts'
import { own, ready, THREE } from './scene.ts'

test('what is ordered is the attempt that was noted, under its own token', () => {
  const scene = ready()
  const { solo } = scene
  const task = own('a')
  solo.submit(task)
  const tokenNow = () => solo.record('a').attempts.at(-1)?.token
  const before = tokenNow()
  assert.ok(before)
  solo.step(() => {
    scene.right.end()
    return []
  })
  solo.pass(500)
  scene.right.held = true
  scene.take(9)
  // Nobody was told that it is accepted, so it was sent again, and another owner accepted it meanwhile.
  const theirs = { ...freshRecord(task, 'api', solo.at.wall, THREE.map(asNodeId), 1), term: 7 }
  for (const node of ['n2', 'n3']) scene.answer(node, [theirs])
  solo.pass(100)
  assert.notEqual(tokenNow(), before)
  assert.equal(solo.orders.length, 0)
  solo.pass(500, () => scene.acknowledge('n2'))
  assert.deepEqual(
    solo.orders.map(({ attempt, token }) => [attempt, token.value]),
    [[1, tokenNow()]],
  )
})
