/** The line that tells the end of a task has the answers to who ran it, when, and under which right. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asTaskId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import { own, ready, type Scene } from './scene.ts'

const TOKEN = String(5 * 65_536)
const FAILED = { ok: false, retryable: false, error: { code: 'THREW', message: 'no' } } as const

const fieldsOf = (scene: Scene, event: string) => {
  const lines = scene.solo.logged(event)
  assert.equal(lines.length, 1, event)
  return lines[0]?.fields
}

test('the line of a dead letter names the attempt, its token and its time', () => {
  const scene = ready()
  const { key } = own('a')
  scene.solo.submit(own('a'))
  scene.acknowledge('n2')
  scene.solo.pass(150)
  scene.solo.end('a', 1, FAILED)
  assert.deepEqual(fieldsOf(scene, 'task-dead'), {
    ...{ task: 'a', key, attempt: 1, ranOn: 'n1', token: TOKEN, ms: 150 },
    ...{ reason: 'THREW', detail: 'no' },
  })
})

test('the line of a task that ran out of time before its first attempt names none', () => {
  const scene = ready({ concurrency: 1 })
  scene.solo.submit(own('first'))
  scene.acknowledge('n2')
  scene.solo.submit(own('a', { expiresAt: wallOf(scene.solo.at.wall + 200) }))
  scene.acknowledge('n2')
  scene.solo.pass(400)
  const fields = fieldsOf(scene, 'task-dead')
  assert.deepEqual([fields?.['attempt'], fields?.['ranOn'], fields?.['token']], [0, undefined, undefined])
})

test('the line of a cancelled task names the attempt that was stopped', () => {
  const scene = ready({ concurrency: 1 })
  for (const id of ['a', 'b']) {
    scene.solo.submit(own(id))
    scene.acknowledge('n2')
  }
  scene.solo.pass(150)
  const cancel = (id: string) => scene.solo.request({ kind: 'cancel', task: asTaskId(id), key: own(id).key })
  cancel('a')
  const { key } = own('a')
  assert.deepEqual(fieldsOf(scene, 'task-cancelled'), {
    ...{ task: 'a', key, attempt: 1, ranOn: 'n1', token: TOKEN, ms: 150, was: 'running' },
  })
})
