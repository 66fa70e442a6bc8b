/** How a task ended is kept beyond its turn where a key goes to another owner, until that has it: it would run the task again. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import type { Inventory, InventoryReply } from '../../src/tasks/messages.ts'
import { ringOf, spec } from './samples.ts'
import { DONE, ready, ring, type Scene, THREE } from './scene.ts'

const SIX = [...THREE, 'n4', 'n5', 'n6']
const six = ringOf(SIX)

/** A key of n1 that n4 has when three more come. @param holds whether n1 holds copies of it then */
function keyThatGoes(holds: boolean): string {
  const keys = Array.from({ length: 10_000 }, (_, i) => `key-${i}`)
  const fits = (key: string): boolean =>
    ring.owner(key) === 'n1' &&
    six.owner(key) === 'n4' &&
    six.preferenceList(key, 3).includes(asNodeId('n1')) === holds
  return keys.find(fits) ?? assert.fail('no key goes to n4')
}

/** States of the task in copies sent to a node since this was asked last. */
const copied = (scene: Scene, to: string): string[] =>
  scene.sent(to, 'replicate').flatMap(({ records }) => records.map(({ state }) => state))

/** What n4, which takes over, is told. */
function toldOf(scene: Scene): readonly string[] {
  const question: Inventory = {
    type: 'inventory',
    id: scene.solo.effects.length,
    answer: 0,
    page: 0,
    ringChecksum: six.checksum,
    term: 9,
    under: [six.checksum],
    without: [],
    since: [],
  }
  scene.solo.hear('n4', question)
  const pages: InventoryReply[] = scene.sent('n4', 'inventory-reply')
  assert.equal(pages.at(-1)?.done, true)
  return pages.flatMap(({ records }) => records.map(({ state }) => state))
}

/** Its task runs, and it is n4's by now. */
function kept(key: string): Scene {
  const scene = ready({ settledMax: 0 })
  scene.solo.submit(spec('a', { key }))
  for (const node of ['n2', 'n3']) scene.acknowledge(node)
  for (const node of ['n2', 'n3']) scene.acknowledge(node)
  assert.equal(scene.solo.orders.length, 1)
  scene.right.epochs.note(ring, six)
  scene.right.epochs.keeps = [key]
  scene.solo.see(SIX)
  return scene
}

for (const holds of [true, false])
  test(`an end of a key that went while its task ran stays until the new owner has it, ${holds ? 'on a holder' : 'on one that is none any more'}`, () => {
    const key = keyThatGoes(holds)
    const scene = kept(key)
    copied(scene, 'n4')
    assert.deepEqual(scene.solo.tasks.keptKeys(), [key])
    scene.solo.end('a', 1, DONE)
    assert.deepEqual(copied(scene, 'n4'), ['succeeded'])
    scene.solo.pass(2_000)
    assert.deepEqual(toldOf(scene), ['succeeded'], 'nobody has confirmed it')
    const confirm = (): void => {
      for (const node of six.preferenceList(key, 3)) scene.acknowledge(node)
    }
    scene.solo.pass(500, confirm)
    assert.deepEqual(toldOf(scene), ['succeeded'], 'its key is kept')
    scene.right.epochs.keeps = []
    scene.right.epochs.notUnder.set(5, new Set([key]))
    scene.solo.pass(2_000, confirm)
    assert.deepEqual(toldOf(scene), [])
  })

test('what another owner wrote in the place of an end of this node is shown as it is', () => {
  const { solo } = kept(keyThatGoes(true))
  solo.end('a', 1, DONE)
  const ended = { outcome: 'succeeded', endedAt: solo.at.wall } as const
  const attempts = solo.record('a').attempts.map(attempt => ({ ...attempt, ...ended }))
  const settled = {
    state: 'succeeded',
    settledAt: wallOf(1),
    result: 'theirs',
    revision: 9,
    term: 9,
  } as const
  const batch = { type: 'replicate', batch: 1, ring: six.checksum, terms: [9] } as const
  solo.hear('n4', { ...batch, records: [{ ...solo.record('a'), attempts, ...settled }] })
  assert.equal(solo.record('a').result, 'theirs')
})
