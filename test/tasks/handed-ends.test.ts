/** What ended here before its key went to another owner, while one of the holders has an older copy. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asTaskId } from '../../src/base/ids.ts'
import { buildRing } from '../../src/ring/build-ring.ts'
import { ringDefaults } from '../../src/ring/config.ts'
import { ringOf, spec } from './samples.ts'
import { DONE, ready, ring, type Scene, THREE } from './scene.ts'

const SIX = [...THREE, 'n4', 'n5', 'n6']
const six = ringOf(SIX)
/** The same three, of which the first owns less. */
const light = buildRing(
  THREE.map((id, place) => ({ id: asNodeId(id), weight: place === 0 ? 0.1 : 1 })),
  ringDefaults(),
)
const task = asTaskId('a')

/** A key of n1 that n4 has when three more come. @param holds whether n1 holds copies of it then */
function keyThatGoes(holds: boolean): string {
  const keys = Array.from({ length: 10_000 }, (_, i) => `key-${i}`)
  const fits = (key: string): boolean =>
    ring.owner(key) === 'n1' &&
    six.owner(key) === 'n4' &&
    six.preferenceList(key, 3).includes(asNodeId('n1')) === holds
  return keys.find(fits) ?? assert.fail('no key goes to n4')
}

/** It has ended, and so it was told; of the holders this one alone lacks that. Its key is about to go. */
function ended(key: string, without: string): { scene: Scene; isHere: () => boolean } {
  const scene = ready({ settledMax: 0 })
  scene.solo.submit(spec('a', { key }))
  for (let i = 0; i < 3; i++) {
    for (const node of ['n2', 'n3']) scene.acknowledge(node)
    scene.solo.pass(150)
  }
  assert.equal(scene.solo.orders.length, 1)
  scene.solo.end('a', 1, DONE)
  scene.solo.pass(500, () => scene.acknowledge(without === 'n2' ? 'n3' : 'n2'))
  assert.equal(scene.solo.tasks.final(task)?.state, 'succeeded')
  scene.right.epochs.note(ring, six, light)
  scene.right.epochs.notUnder.set(5, new Set([key]))
  return { scene, isHere: () => scene.solo.tasks.get(task) !== undefined }
}

for (const holds of [true, false])
  test(`an end of which a holder has an older copy stays until the new owner has it, ${holds ? 'on a holder' : 'on one that is none any more'}`, () => {
    const key = keyThatGoes(holds)
    const { scene, isHere } = ended(key, 'n3')
    scene.solo.see(SIX)
    scene.solo.pass(3_000)
    assert.ok(isHere(), 'n4 does not have it yet')
    scene.solo.pass(3_000, () => {
      for (const node of six.preferenceList(key, 3)) scene.acknowledge(node)
    })
    assert.ok(!isHere())
  })

const keyOfLight = Array.from({ length: 1_000 }, (_, i) => `key-${i}`).find(
  key => ring.owner(key) === 'n1' && light.owner(key) === 'n2',
)

for (const [without, stays] of [
  ['n2', true],
  ['n3', false],
] as const)
  test(`an end ${stays ? 'stays where the new owner is the one with the older copy' : 'goes in its turn where the new owner has it'}`, () => {
    const { scene, isHere } = ended(keyOfLight ?? assert.fail('no key goes to n2'), without)
    scene.solo.step(() => scene.solo.tasks.viewChanged(light, THREE.map(asNodeId), scene.solo.at))
    scene.solo.pass(3_000)
    assert.equal(isHere(), stays)
    for (const node of ['n2', 'n3']) scene.acknowledge(node)
    scene.solo.pass(200)
    assert.ok(!isHere())
  })

test('it goes once the new owner has written another', () => {
  const { scene, isHere } = ended(keyOfLight ?? assert.fail('no key goes to n2'), 'n2')
  scene.solo.step(() => scene.solo.tasks.viewChanged(light, THREE.map(asNodeId), scene.solo.at))
  const anew = { ...scene.solo.record('a'), revision: 9, term: 9 }
  const batch = { type: 'replicate', batch: 1, ring: light.checksum, terms: [9] } as const
  scene.solo.hear('n2', { ...batch, records: [anew] })
  scene.solo.pass(200)
  assert.ok(!isHere())
})

test('it stays while its key has no owner, since all are cordoned, until the next one has it', () => {
  const key = keyThatGoes(true)
  const { scene, isHere } = ended(key, 'n3')
  scene.solo.see([])
  scene.solo.pass(3_000)
  assert.ok(isHere(), 'nobody owns it')
  scene.solo.see(SIX)
  scene.solo.pass(3_000)
  assert.ok(isHere(), 'n4 does not have it yet')
  scene.solo.pass(3_000, () => {
    for (const node of six.preferenceList(key, 3)) scene.acknowledge(node)
  })
  assert.ok(!isHere())
})

/** It is in no ring any more; the key is n4's by then. */
function cordoned() {
  const key = keyThatGoes(true)
  const { scene, isHere } = ended(key, 'n3')
  const rest = SIX.filter(node => node !== 'n1')
  const ringOfRest = ringOf(rest)
  scene.right.epochs.note(ring, ringOfRest)
  scene.right.end()
  scene.solo.step(() => scene.solo.tasks.viewChanged(ringOfRest, SIX.map(asNodeId), scene.solo.at))
  scene.solo.pass(1_000)
  assert.ok(isHere(), 'n4 does not have it yet')
  return { scene, isHere, owner: ringOfRest.owner(key) ?? '' }
}

test('it goes from a cordoned node, too, once the new owner has written another', () => {
  const { scene, isHere, owner } = cordoned()
  assert.ok(scene.acknowledge(owner, { refused: [[0, 0]] }).length > 0)
  scene.solo.pass(200)
  assert.ok(!isHere())
})

test('where a higher term stood against it, it stays until the new owner has it', () => {
  const { scene, isHere, owner } = cordoned()
  assert.ok(scene.acknowledge(owner, { refused: [[0, 9]] }).length > 0)
  scene.solo.pass(1_500)
  assert.ok(isHere())
  assert.ok(scene.acknowledge(owner).length > 0, 'it was sent again')
  scene.solo.pass(200)
  assert.ok(!isHere())
})
