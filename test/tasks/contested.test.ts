/** A task that too few can hold, since others have its id under another key: it waits, and its key does not wait with it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asTaskId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import { DONE, own, ready, type Scene } from './scene.ts'

const SOON_MS = 1_000
const first = own('one', { runAt: wallOf(1_700_000_000_000 + SOON_MS) })
const OTHER_KEY = 'other'

/** What all holders say to what they are sent: of this task that they have its id under another key, as long as it is contested. */
function answerAll(scene: Scene, contested: boolean): void {
  for (const node of ['n2', 'n3']) {
    for (const { batch, records } of scene.sent(node, 'replicate')) {
      const places = records.flatMap(({ spec }, place) => (spec.id === first.id && contested ? [place] : []))
      const conflicts = places.map(place => [place, OTHER_KEY] as const)
      const refused = contested ? { unwritten: places, conflicts } : {}
      scene.solo.hear(node, { type: 'replicated', batch, counted: true, ...refused })
    }
  }
}

/** It was accepted; then one holder has another disk, and both others have its id under another key by now. */
function contested(): Scene {
  const scene = ready()
  const id = scene.solo.submit(first)
  scene.acknowledge('n2')
  assert.equal(scene.code(id), 'ok')
  scene.solo.step(() => {
    scene.right.epochs.replaced.add(asNodeId('n2'))
    scene.right.epochs.changes++
    return []
  })
  answerAll(scene, true)
  return scene
}

const ran = (scene: Scene): string[] => scene.solo.orders.map(({ task }) => task)

test('what too few can hold does not keep its key busy: others of the key run, and it says why it waits', () => {
  const scene = contested()
  scene.solo.pass(SOON_MS + 500, () => answerAll(scene, true))
  const beside = scene.solo.submit(own('beside', { key: first.key }))
  scene.solo.pass(500, () => answerAll(scene, true))
  assert.equal(scene.code(beside), 'ok')
  assert.deepEqual(ran(scene), ['beside'])
  scene.solo.end('beside', 1, DONE)
  scene.solo.pass(5_000, () => answerAll(scene, true))
  const waiting = scene.solo.tasks.waiting(asTaskId(first.id))
  assert.equal(waiting?.code, 'id-contested')
  assert.match(waiting.detail, /node n[23] has another task with its id, under key "other"/)
  assert.equal(scene.solo.record('beside').state, 'succeeded')
  assert.deepEqual(scene.solo.record(first.id).attempts, [], 'no try of it was begun in vain')
})

test('it runs once one of them can hold it', () => {
  const scene = contested()
  scene.solo.pass(SOON_MS + 500, () => answerAll(scene, true))
  assert.deepEqual(ran(scene), [])
  scene.solo.pass(3_000, () => answerAll(scene, false))
  assert.deepEqual(ran(scene), [first.id])
})

test('until it is looked at again it does not say that it waits for a time', () => {
  const scene = contested()
  scene.solo.pass(SOON_MS + 500, () => answerAll(scene, true))
  const said = new Set<string>()
  const look = (): void => {
    answerAll(scene, false)
    const waiting = scene.solo.tasks.waiting(asTaskId(first.id))
    if (waiting !== undefined) said.add(`${waiting.code}: ${waiting.detail}`)
  }
  for (let looks = 0; ran(scene).length === 0 && looks < 300; looks++) scene.solo.pass(10, look)
  assert.deepEqual(ran(scene), [first.id])
  assert.ok(
    [...said].every(text => text.startsWith('id-contested')),
    [...said].join(),
  )
  assert.ok(
    [...said].some(text => text.endsWith('it is about to be looked at again')),
    [...said].join(),
  )
})

test('one that begins before it is known to be contested gives its key back as soon as it is', () => {
  const scene = ready()
  scene.solo.submit(first)
  answerAll(scene, false)
  scene.solo.pass(SOON_MS - 100, () => answerAll(scene, false))
  scene.solo.pass(1_000)
  assert.equal(scene.solo.record(first.id).state, 'running', 'its start waits for holders')
  answerAll(scene, true)
  assert.equal(scene.solo.record(first.id).state, 'ready')
  const beside = scene.solo.submit(own('beside', { key: first.key }))
  scene.solo.pass(500, () => answerAll(scene, true))
  assert.equal(scene.code(beside), 'ok')
  assert.deepEqual(ran(scene), ['beside'])
})
