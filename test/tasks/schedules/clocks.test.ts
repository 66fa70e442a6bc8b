import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { clockAheadMs } from '../../../src/tasks/schedules/clocks.ts'

test('a node alone has the right time, and of two that differ each is off by all of it', () => {
  assert.equal(clockAheadMs([]), 0)
  assert.equal(clockAheadMs([6_000]), -6_000)
  assert.equal(clockAheadMs([-6_000]), 6_000)
})

test('of two halves that differ nobody is right, and a single one that differs from all others is wrong alone', () => {
  assert.equal(clockAheadMs([0, 6_000, 6_000]), -6_000)
  assert.equal(clockAheadMs([0, -6_000, -6_000]), 6_000)
  assert.equal(clockAheadMs([0, 0, 6_000]), 0)
  assert.equal(clockAheadMs([0, 6_000]), 0)
})

test('one wrong clock of three or more moves no other, and knows that it is wrong', () => {
  const off = fc.integer({ min: -1e12, max: 1e12 })
  const small = fc.integer({ min: -200, max: 200 })
  fc.assert(
    fc.property(off, fc.array(small, { minLength: 1, maxLength: 9 }), (wrong, right) => {
      if (Math.abs(wrong) <= 1_000) return
      assert.ok(Math.abs(clockAheadMs([wrong, ...right])) <= 200)
      const seen = [0, ...right].map(each => each - wrong)
      assert.ok(Math.abs(clockAheadMs(seen) - wrong) <= 400)
    }),
  )
})
