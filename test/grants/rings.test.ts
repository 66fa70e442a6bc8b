import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { ASKED_MAX, RINGS_MAX, Rings } from '../../src/grants/rings.ts'
import { buildRing } from '../../src/ring/build-ring.ts'
import { ringDefaults } from '../../src/ring/config.ts'
import { at, both, onlyA, ringOf } from './scene.ts'

const made = (): Rings => new Rings(members => buildRing(members, ringDefaults()))
const tell = (ring = both, members = ring.members) =>
  ({ type: 'ring-tell', checksum: ring.checksum, members }) as const

test('an unknown ring is asked for once in a while, a known one never', () => {
  const rings = made()
  assert.deepEqual(rings.ask(both.checksum, at(0)), { type: 'ring-ask', checksum: both.checksum })
  assert.equal(rings.ask(both.checksum, at(100)), undefined)
  assert.notEqual(rings.ask(both.checksum, at(200)), undefined)
  rings.add(both)
  assert.equal(rings.ask(both.checksum, at(1_000)), undefined)
})

test('a ring is believed when it was asked for and has its checksum', () => {
  const rings = made()
  assert.equal(rings.told(tell()), false, 'nobody asked')
  rings.ask(both.checksum, at(0))
  assert.equal(rings.told(tell(both, onlyA.members)), false, 'another ring')
  const twice = [...both.members, ...both.members]
  assert.equal(rings.told(tell(both, twice)), false, 'no ring at all')
  assert.equal(rings.refused, 3)
  assert.equal(rings.told(tell()), true)
  assert.equal(rings.get(both.checksum)?.checksum, both.checksum)
})

test('a known ring is told to whoever asks', () => {
  const rings = made()
  assert.equal(rings.answer(both.checksum), undefined)
  rings.add(both)
  assert.deepEqual(rings.answer(both.checksum), tell())
})

test('so many rings are known, the one that was added last longest', () => {
  const rings = made()
  assert.equal(rings.add(both), true)
  for (let i = 0; i < RINGS_MAX - 1; i++) rings.add(ringOf(`n${i}`))
  assert.equal(rings.add(both), false, 'it is known, and the youngest again')
  rings.add(ringOf('more'))
  assert.ok(rings.get(both.checksum) !== undefined)
  assert.equal(rings.size, RINGS_MAX)
})

test('a ring that comes to be known, or is forgotten, is a change; one that is added again is none', () => {
  const rings = made()
  rings.add(both)
  rings.add(both)
  assert.equal(rings.changes, 1)
  for (let i = 1; i < RINGS_MAX; i++) rings.add(ringOf(`n${i}`))
  assert.equal(rings.changes, RINGS_MAX)
  rings.add(onlyA)
  assert.deepEqual([rings.changes, rings.get(both.checksum)], [RINGS_MAX + 2, undefined])
})

test('its own ring a node never forgets, however many rings of others it is told', () => {
  const rings = made()
  assert.equal(rings.own(both), true)
  for (let i = 0; i < 3 * RINGS_MAX; i++) rings.add(ringOf(`n${i}`))
  assert.ok(rings.get(both.checksum) !== undefined)
  assert.equal(rings.size, RINGS_MAX)
  rings.own(onlyA)
  for (let i = 0; i < RINGS_MAX; i++) rings.add(ringOf(`m${i}`))
  assert.equal(rings.get(both.checksum), undefined, 'it is not its own any more')
})

test('so many rings are asked for at a time', () => {
  const rings = made()
  for (let i = 0; i < ASKED_MAX; i++) assert.ok(rings.ask(asNodeId(`ring-${i}`), at(0)))
  assert.equal(rings.ask('one-more', at(0)), undefined)
  assert.ok(rings.ask('one-more', at(200)))
})

test('noted rings are known besides, so many that those of all voters have room', () => {
  const rings = made()
  rings.own(both)
  const noted = Array.from({ length: 100 }, (_, i) => ringOf('a', `noted-${i}`))
  rings.pin(new Set(noted.map(({ checksum }) => checksum)))
  for (const ring of noted) rings.add(ring)
  for (let i = 0; i < 2 * RINGS_MAX; i++) rings.add(ringOf(`n${i}`))
  assert.ok(noted.every(({ checksum }) => rings.get(checksum) !== undefined))
  assert.equal(rings.size, noted.length + RINGS_MAX)
})

test('of a large cluster fewer noted rings are known, and never more than may be', () => {
  const rings = made()
  rings.own(ringOf(...Array.from({ length: 500 }, (_, i) => `n${i}`)))
  assert.equal(rings.pinnedMax, 32)
  const noted = Array.from({ length: 40 }, (_, i) => ringOf('a', `noted-${i}`))
  rings.pin(new Set(noted.map(({ checksum }) => checksum)))
  for (const ring of noted) rings.add(ring)
  assert.equal(rings.size, 32 + 1)
})

test('a ring of the own notes is told to whoever asks, whatever comes to be known after it', () => {
  const rings = made()
  rings.keep(new Set([both.checksum]))
  rings.build(both.members)
  const others = Array.from({ length: 3 * RINGS_MAX }, (_, i) => ringOf(`n${i}`))
  for (const other of others) rings.add(other)
  assert.deepEqual(rings.answer(both.checksum), tell())
  rings.pin(new Set(others.map(({ checksum }) => checksum)))
  for (const other of others) rings.add(other)
  assert.deepEqual(rings.answer(both.checksum), tell(), 'nor for what others have noted')
})
