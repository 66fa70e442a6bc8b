/** An operator forgets members that will not come back, while their answers are missing: what can go on does, before all can. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asTaskId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import type { TaskRecord } from '../../src/tasks/task.ts'
import { freshRecord } from '../../src/tasks/transition.ts'
import { ringOf, spec } from './samples.ts'
import { own, ring, Scene, THREE } from './scene.ts'

const SEVEN = ['n1', 'n2', 'n3', 'n4', 'n5', 'n6', 'n7']
const FOUR = SEVEN.slice(0, 4)
const [seven, four] = [ringOf(SEVEN), ringOf(FOUR)]

/** Of this node under both rings, and two of its holders before are gone: with one of them forgotten it is complete. */
function keyOf(prefix: string): string {
  for (let i = 0; ; i++) {
    const key = `${prefix}-${i}`
    const before = seven.preferenceList(key, 3)
    const gone = ['n5', 'n6', 'n7'].filter(node => before.includes(asNodeId(node)))
    if (seven.owner(key) === 'n1' && four.owner(key) === 'n1' && gone.join() === 'n5,n6') return key
  }
}

/** Three of seven are gone, and the right broke once while a task waited, so that all has to be asked anew. */
function broken(): Scene {
  const scene = new Scene()
  scene.right.epochs.note(seven, four)
  scene.right.epochs.members = SEVEN.map(asNodeId)
  scene.solo.see(SEVEN)
  scene.take(5)
  for (const node of SEVEN.slice(1)) scene.answer(node)
  scene.solo.see(FOUR)
  const accepted = scene.solo.submit(spec('a', { key: keyOf('k') }))
  for (const node of FOUR.slice(1)) scene.acknowledge(node)
  assert.equal(scene.code(accepted), 'ok')
  scene.solo.step(() => {
    scene.right.end()
    return []
  })
  scene.solo.pass(200)
  scene.solo.end('a', 1, {
    ok: false,
    retryable: true,
    error: { code: 'CANCELLED', message: 'stopped' },
  })
  assert.equal(why(scene), 'no-leave')
  scene.solo.step(() => {
    scene.right.held = true
    scene.right.take(6)
    return []
  })
  for (const node of FOUR.slice(1)) scene.answer(node, [structuredClone(scene.solo.record('a'))])
  pass(scene)
  return scene
}

const why = (scene: Scene): string | undefined => scene.solo.tasks.waiting(asTaskId('a'))?.code

const pass = (scene: Scene): void =>
  scene.solo.pass(3_000, () => {
    for (const node of FOUR.slice(1)) scene.acknowledge(node)
  })

test('an owner that has leave says that it takes over, not that it waits for leave', () => {
  const scene = broken()
  assert.equal(scene.solo.tasks.takeoverOf(keyOf('k'))?.complete, false)
  assert.equal(why(scene), 'takeover')
})

test('what is queued goes on when enough are forgotten for its key, though not for all', () => {
  const scene = broken()
  const orders = scene.solo.orders.length
  scene.right.epochs.gone.add('n5')
  pass(scene)
  assert.equal(scene.solo.tasks.takeoverOf(keyOf('k'))?.complete, true)
  assert.equal(scene.solo.logged('takeover-complete').length, 1, 'that of the first term: this one goes on')
  assert.equal(scene.solo.record('a').state, 'running')
  assert.equal(scene.solo.orders.length, orders + 1)
})

/** Of an owner before this one; a takeover under term 5 went on without forgotten members that it may have needed. */
const written = (term: number): TaskRecord => ({
  ...freshRecord(own('old'), 'api', wallOf(0), THREE.map(asNodeId), 1),
  term,
  copies: 2,
})

/** Takes over after that, and both others answer that they have nothing. */
function after(records: readonly TaskRecord[]): Scene {
  const scene = new Scene({}, { records })
  scene.right.epochs.gap = 5
  scene.take(6)
  for (const node of ['n2', 'n3']) scene.answer(node)
  return scene
}

test('what was written before members were given up, who may have had it alone, is over by no answer of the others', () => {
  assert.equal(after([written(4)]).solo.record('old').state, 'running')
  assert.equal(after([written(5)]).solo.tasks.get(asTaskId('old')), undefined, 'later it would be known')
})

test('nor does an owner that knows of nothing say that it is over, whoever brings it', () => {
  const brought = (term: number): readonly number[] | undefined => {
    const scene = after([])
    const copies = { records: [written(term)], ring: ring.checksum, terms: [0] }
    scene.solo.hear('n2', { type: 'replicate', batch: 1, ...copies })
    return scene.sent('n2', 'replicated').at(-1)?.ended
  }
  assert.equal(brought(4), undefined)
  assert.deepEqual(brought(5), [0])
})
