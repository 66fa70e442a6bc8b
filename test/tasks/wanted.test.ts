import assert from 'node:assert/strict'
import { test } from 'node:test'
import { saidOf } from '../../src/tasks/wanted.ts'
import { nodesOf } from './known-epochs.ts'
import { names } from './samples.ts'

const NOBODY = { blind: false, asked: [], down: [], replaced: [] }

test('it is said who is waited for, and which command ends that', () => {
  assert.equal(saidOf(NOBODY), 'the others are asked once there is leave to act')
  assert.equal(saidOf({ ...NOBODY, blind: true }), 'the voters have not said yet which rings there were')
  assert.equal(saidOf({ ...NOBODY, asked: nodesOf('n2', 'n3') }), 'no answer yet from n2, n3')
  const down = saidOf({ ...NOBODY, down: nodesOf('n4') })
  assert.match(down, /n4 .*is down: .*"roundtable forget n4"$/)
  const replaced = saidOf({ ...NOBODY, replaced: nodesOf('n5') })
  assert.match(replaced, /n5 came with another disk.*"roundtable forget n5 --former-disk" to n5$/)
})

test('where several can be given up fewer may be enough', () => {
  const both = saidOf({ ...NOBODY, asked: nodesOf('n2'), down: nodesOf('n4'), replaced: nodesOf('n5') })
  assert.match(both, /n2; n4 .*; n5 .*\(of these as many as it takes\)$/)
  assert.match(saidOf({ ...NOBODY, down: nodesOf('n4', 'n5') }), /n4, n5 .*are down.*as many as it takes/)
})

test('of many only some are named', () => {
  assert.match(saidOf({ ...NOBODY, asked: nodesOf(...names(12)) }), /n8 and 4 more$/)
})
