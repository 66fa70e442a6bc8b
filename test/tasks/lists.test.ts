/** Tasks of shared lists: every node has them, and nothing of them is stored before one begins. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asTaskId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import { own, ready, ring, type Scene } from './scene.ts'

/** Its time has come, and its owner has no executor for it. */
function due(): { readonly scene: Scene; readonly pass: (ms: number) => void } {
  const scene = ready({}, { types: new Set(['echo']), serving: () => [] })
  const { solo } = scene
  const pass = (ms: number): void =>
    solo.pass(ms, () => {
      for (const node of ['n2', 'n3']) scene.acknowledge(node)
    })
  const task = own('a', { type: 'other', runAt: wallOf(solo.at.wall + 1_000) })
  solo.step(() => solo.tasks.taskList('work', [task], solo.at))
  pass(2_000)
  assert.equal(solo.record('a').state, 'ready')
  return { scene, pass }
}

test('a task of a list whose time has come is on no disk as long as it waits: nobody waits for copies of it', () => {
  const { scene, pass } = due()
  const { solo } = scene
  assert.equal(solo.reply(solo.submit(solo.record('a').spec))?.ok, true)
  pass(10_000)
  assert.equal(scene.right.epochs.done, ring.checksum)
})

test('and it is forgotten with its list', () => {
  const { solo } = due().scene
  solo.step(() => solo.tasks.taskList('work', [], solo.at))
  assert.equal(solo.tasks.get(asTaskId('a')), undefined)
})
