/** All are cordoned, or leaving: nobody owns a key or is to hold its records. What runs goes on, and nothing counts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asTaskId } from '../../src/base/ids.ts'
import type { TasksConfig } from '../../src/tasks/config.ts'
import { ringOf } from './samples.ts'
import { DONE, own, ready, type Scene, THREE } from './scene.ts'

const task = own('a')

/** It runs, and then all are cordoned; this node still has its key, which it keeps. */
function cordoned(config: Partial<TasksConfig> = {}): Scene {
  const scene = ready(config)
  scene.solo.submit(task)
  scene.acknowledge('n2')
  assert.equal(scene.solo.orders.length, 1)
  scene.solo.see([])
  return scene
}

const cancel = ({ solo }: Scene): string =>
  solo.request({ kind: 'cancel', task: asTaskId('a'), key: task.key })

test('while all are cordoned an order stops what runs, and nobody is told that it stands: one disk may have it', () => {
  const scene = cordoned()
  const id = cancel(scene)
  assert.ok(scene.solo.of('cancel-attempt').length > 0)
  assert.equal(scene.code(id), undefined)
  scene.solo.pass(6_000)
  assert.equal(scene.code(id), 'TOO_FEW_COPIES')
})

test('it is confirmed once there are holders again, and enough of them have it', () => {
  const scene = cordoned()
  const id = cancel(scene)
  scene.solo.pass(500)
  scene.solo.see(THREE)
  scene.solo.pass(500)
  assert.equal(scene.code(id), undefined)
  scene.acknowledge('n2')
  assert.equal(scene.code(id), 'ok')
  const reply = scene.solo.reply(id)
  assert.equal(reply?.ok === true && reply.durableCopies, 2)
})

test('how a task ended meanwhile is not dropped in its turn before holders have it', () => {
  const scene = cordoned({ settledMax: 0 })
  scene.solo.end('a', 1, DONE)
  scene.solo.pass(5_000)
  assert.equal(scene.solo.record('a').state, 'succeeded')
  scene.solo.see(THREE)
  scene.solo.pass(500)
  assert.ok(scene.acknowledge('n2').some(({ records }) => records.some(({ state }) => state === 'succeeded')))
})

test('where all leave nobody waits for the disks of others: none of them counts itself a holder', () => {
  const scene = ready()
  const { solo } = scene
  solo.submit(task)
  solo.step(() => solo.tasks.leave(solo.at))
  for (const left of [['n2', 'n3'], ['n3']])
    solo.step(() => solo.tasks.viewChanged(ringOf(left), THREE.map(asNodeId), solo.at))
  assert.equal(solo.tasks.drained(), false)
  solo.step(() => solo.tasks.viewChanged(ringOf([]), THREE.map(asNodeId), solo.at))
  for (const node of ['n2', 'n3']) scene.acknowledge(node, { counted: false })
  solo.pass(500)
  assert.equal(solo.tasks.drained(), true)
})
