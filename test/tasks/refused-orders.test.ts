/** What refuses an order tells how the task stands: an end, as to whoever asks for it, only once it is durable. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asTaskId } from '../../src/base/ids.ts'
import type { TaskSpec } from '../../src/tasks/task.ts'
import { DONE, own, ready, type Scene } from './scene.ts'
import { Solo } from './solo.ts'

const a = asTaskId('a')
const KINDS = ['cancel', 'retry'] as const

/** It runs, its copies are acknowledged, and it has just ended: on one disk. */
function ended(task: TaskSpec): Scene {
  const scene = ready()
  scene.solo.submit(task)
  scene.acknowledge('n2')
  assert.equal(scene.solo.orders.length, 1)
  scene.solo.end(task.id, 1, DONE)
  return scene
}

for (const kind of KINDS)
  test(`where copies are counted a ${kind} is refused for an end only once enough disks have that`, () => {
    const task = own('a')
    const scene = ended(task)
    const id = scene.solo.request({ kind, task: a, key: task.key })
    assert.equal(scene.code(id), undefined)
    scene.acknowledge('n2')
    assert.equal(scene.code(id), 'TASK_SETTLED')
    const again = scene.solo.request({ kind, task: a, key: task.key })
    assert.equal(scene.code(again), 'TASK_SETTLED', 'it is durable by now')
  })

test('an order that an end refuses which too few get is told that nobody knows', () => {
  const task = own('a')
  const scene = ended(task)
  const id = scene.solo.request({ kind: 'cancel', task: a, key: task.key })
  scene.solo.pass(6_000)
  assert.equal(scene.code(id), 'TOO_FEW_COPIES')
})

test('nor is it refused for the end of a task that is tried again before that end is on enough disks', () => {
  const task = own('a', { maxAttempts: 1 })
  const scene = ready()
  scene.solo.submit(task)
  scene.acknowledge('n2')
  scene.solo.end('a', 1, { ok: false, retryable: false, error: { code: 'THREW', message: 'no' } })
  const cancel = scene.solo.request({ kind: 'cancel', task: a, key: task.key })
  const retry = scene.solo.request({ kind: 'retry', task: a, key: task.key })
  for (let i = 0; i < 3; i++) scene.acknowledge('n2')
  assert.equal(scene.code(retry), 'ok')
  assert.equal(scene.code(cancel), 'RIGHT_ENDED', 'it may ask again, and would be obeyed')
})

for (const kind of KINDS)
  test(`in available mode a ${kind} is refused for an end once this disk has that`, () => {
    const solo = new Solo(undefined)
    const task = own('a')
    solo.submit(task)
    assert.equal(solo.orders.length, 1)
    solo.diskHangs = true
    solo.end('a', 1, DONE)
    const id = solo.request({ kind, task: a, key: task.key })
    assert.equal(solo.reply(id), undefined)
    solo.diskGoesOn()
    const reply = solo.reply(id)
    assert.equal(reply?.ok === false && reply.failure.code, 'TASK_SETTLED')
  })
