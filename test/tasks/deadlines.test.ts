/** Whose time is watched: nobody's whose task has ended, or is another node's. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asTaskId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import { DONE, own, ready, type Scene } from './scene.ts'

const DAY_MS = 86_400_000

const watched = (scene: Scene): number => scene.solo.metric('tasks_expiring')

/** Time passes, and the holders have what is sent to them. */
const goOn = (scene: Scene): void =>
  scene.solo.pass(300, () => {
    for (const node of ['n2', 'n3']) scene.acknowledge(node)
  })

/** A task whose time is over in a month. */
function submitted(): { scene: Scene; key: string } {
  const scene = ready({ settledMax: 0 })
  const task = own('a', { expiresAt: wallOf(scene.solo.at.wall + 30 * DAY_MS) })
  scene.solo.submit(task)
  goOn(scene)
  assert.equal(watched(scene), 1)
  return { scene, key: task.key }
}

test('a task that has ended is not watched until its time would be over', () => {
  const { scene } = submitted()
  scene.solo.end('a', 1, DONE)
  goOn(scene)
  assert.equal(watched(scene), 0)
})

test('nor is one that was cancelled', () => {
  const { scene, key } = submitted()
  scene.solo.request({ kind: 'cancel', task: asTaskId('a'), key })
  goOn(scene)
  assert.equal(watched(scene), 0)
})

test('nor is one that is another node’s now, before it is this one’s again', () => {
  const { scene } = submitted()
  const { solo } = scene
  solo.end('a', 1, { ok: false, retryable: true, error: { code: 'EXIT_NONZERO', message: 'no' } })
  goOn(scene)
  solo.see(['n2', 'n3'])
  solo.tick()
  assert.equal(watched(scene), 0)
})

test('an attempt whose start was on enough disks only when the time of its task was over is not begun', () => {
  const scene = ready()
  const { solo } = scene
  const task = own('a', { expiresAt: wallOf(solo.at.wall + 200), maxAttempts: 1 })
  solo.submit(task)
  assert.equal(solo.record('a').state, 'running')
  solo.pass(400)
  goOn(scene)
  assert.deepEqual(solo.orders, [])
  const { state, error, attempts } = solo.record('a')
  assert.deepEqual([state, error?.code], ['dead', 'EXPIRED'])
  assert.deepEqual(
    attempts.map(({ outcome, error }) => [outcome, error?.code]),
    [['cancelled', 'EXPIRED']],
  )
  assert.deepEqual([solo.tasks.underWay, watched(scene)], [0, 0])
})

test('and one that is begun late has the time that is left by then', () => {
  const scene = ready()
  const { solo } = scene
  solo.submit(own('a', { expiresAt: wallOf(solo.at.wall + 10_000), timeoutMs: 60_000 }))
  solo.pass(400)
  goOn(scene)
  assert.deepEqual(
    solo.orders.map(({ timeoutMs }) => timeoutMs <= 9_600),
    [true],
  )
})
