import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, type NodeId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import { freshRecord } from '../../src/tasks/transition.ts'
import { ringOf, spec } from './samples.ts'
import { ready, ring, THREE } from './scene.ts'

test('whoever is no holder any more when it confirms is sent the record again once it is one', () => {
  const moved = ringOf(['n1', 'n3', 'n4', 'n5', 'n6', 'n7', 'n2'])
  const isLeft = (key: string): boolean =>
    ring.owner(key) === 'n1' &&
    moved.owner(key) === 'n1' &&
    !moved.preferenceList(key, 3).includes(asNodeId('n2'))
  const key = Array.from({ length: 1_000 }, (_, i) => `moved-${i}`).find(isLeft) ?? assert.fail('no such key')
  const scene = ready()
  const id = scene.solo.submit(spec('a', { key, runAt: wallOf(scene.solo.at.wall + 60_000) }))
  scene.acknowledge('n3')
  assert.equal(scene.code(id), 'ok')
  const [{ batch } = assert.fail('n2 was sent nothing')] = scene.sent('n2', 'replicate')
  scene.right.epochs.note(ring, moved)
  scene.solo.see(['n1', 'n3', 'n4', 'n5', 'n6', 'n7', 'n2'])
  scene.solo.pass(200)
  scene.sent('n2', 'replicate')
  scene.solo.hear('n2', { type: 'replicated', batch, counted: true })
  scene.solo.see(THREE)
  scene.solo.pass(200)
  assert.ok(scene.sent('n2', 'replicate').length > 0)
})

test('what a holder says of a copy that left two rings ago does not count: it may have been none meanwhile, and dropped it', () => {
  const others = ['n1', 'n3', 'n4', 'n5', 'n6', 'n7', 'n2']
  const moved = ringOf(others)
  const isLeft = (key: string): boolean =>
    ring.owner(key) === 'n1' &&
    moved.owner(key) === 'n1' &&
    !moved.preferenceList(key, 3).includes(asNodeId('n2'))
  const key = Array.from({ length: 1_000 }, (_, i) => `moved-${i}`).find(isLeft) ?? assert.fail('no such key')
  const scene = ready()
  scene.right.epochs.note(ring, moved)
  const id = scene.solo.submit(spec('a', { key, runAt: wallOf(scene.solo.at.wall + 60_000) }))
  scene.solo.pass(250)
  const [{ batch } = assert.fail('n2 was sent nothing')] = scene.sent('n2', 'replicate')
  scene.solo.see(others)
  scene.solo.pass(100)
  scene.solo.see(THREE)
  scene.solo.hear('n2', { type: 'replicated', batch, counted: true })
  assert.equal(scene.code(id), undefined)
  scene.solo.pass(100)
  assert.ok(scene.acknowledge('n2').length > 0, 'it is sent again')
  assert.equal(scene.code(id), 'ok')
})

test('an end that waits for copies when its key goes to another owner is a copy as any other here, and shown as it is', () => {
  const moved = ringOf([...THREE, 'n4', 'n5'])
  const goes = (key: string): boolean =>
    ring.owner(key) === 'n1' && moved.preferenceList(key, 3).indexOf(asNodeId('n1')) > 0
  const key = Array.from({ length: 1_000 }, (_, i) => `goes-${i}`).find(goes) ?? assert.fail('no such key')
  const scene = ready()
  scene.solo.submit(spec('a', { key }))
  scene.acknowledge('n2')
  scene.solo.end('a', 1, { ok: true, result: null })
  const shown = () => scene.solo.tasks.page({ scope: 'ran', limit: 10 }).tasks.map(({ state }) => state)
  assert.deepEqual(shown(), ['running'], 'one disk has it')
  scene.right.epochs.note(ring, moved)
  scene.solo.see([...THREE, 'n4', 'n5'])
  scene.solo.pass(200)
  assert.deepEqual(shown(), ['succeeded'])
})

test('what a former holder brings is offered to the owner, though that held it once: it may know that it is over', () => {
  const keys = Array.from({ length: 100 }, (_, i) => `k-${i}`)
  const key = keys.find(each => ring.owner(each) === 'n2') ?? assert.fail('no such key')
  const scene = ready()
  const [n2, n1, n4] = ['n2', 'n1', 'n4'].map(asNodeId) as [NodeId, NodeId, NodeId]
  const record = { ...freshRecord(spec('a', { key }), 'api', wallOf(1), [n2, n1, n4], 1), term: 4, copies: 2 }
  scene.solo.hear('n4', {
    type: 'replicate',
    batch: 1,
    records: [record],
    ring: ring.checksum,
    terms: [0],
  })
  const offered = scene.sent('n2', 'replicate')
  assert.deepEqual(
    offered.flatMap(({ records }) => records.map(({ spec: { id } }) => id)),
    ['a'],
  )
  for (const { batch } of offered)
    scene.solo.hear('n2', { type: 'replicated', batch, counted: true, ended: [0] })
  assert.equal(scene.solo.tasks.get(record.spec.id), undefined)
})
