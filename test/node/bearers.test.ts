import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asPeerId } from '../../src/base/ids.ts'
import { Bearers } from '../../src/node/bearers.ts'
import { record } from '../membership/records.ts'

test('who lives on under another key has another disk, once; who was away in between is a newcomer', () => {
  const bearers = new Bearers()
  const [one, two] = [record('one'), record('two')]
  const anew = { ...two, incarnation: two.incarnation + 1, peerId: asPeerId('another key') }
  assert.deepEqual(bearers.replaced([one, two]), [])
  assert.deepEqual(bearers.replaced([one, { ...two, incarnation: two.incarnation + 1 }]), [])
  assert.deepEqual(bearers.replaced([one, anew]), ['two'])
  assert.deepEqual(bearers.replaced([one, anew]), [])
  assert.deepEqual(bearers.replaced([one]), [])
  assert.deepEqual(bearers.replaced([one, two]), [])
})
