import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Shares } from '../../src/grants/shares.ts'
import { a, b, both, onlyA, ringsOf } from './scene.ts'

const KEYS = Array.from({ length: 40 }, (_, i) => `k${i}`)

test('of kept keys each node is told those that the ring gives to it, whichever ring was asked about before', () => {
  const shares = new Shares(ringsOf(both, onlyA))
  const [ofA, ofB] = [a, b].map(node => KEYS.filter(key => both.owner(key) === node))
  assert.ok(ofA?.length && ofB?.length)
  for (let i = 0; i < 2; i++) {
    assert.deepEqual(shares.of(a, KEYS, both.checksum), ofA)
    assert.deepEqual(shares.of(b, KEYS, both.checksum), ofB)
    assert.deepEqual(shares.of(a, KEYS, onlyA.checksum), KEYS)
    assert.deepEqual(shares.of(b, KEYS, onlyA.checksum), [])
  }
})

test('under a ring that is not known here everybody is told all of them', () => {
  assert.deepEqual(new Shares(ringsOf(both)).of(a, KEYS, onlyA.checksum), KEYS)
})
