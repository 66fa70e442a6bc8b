import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CLOCK_RATE_MARGIN, grantsDefaults } from '../../src/grants/config.ts'
import { timesFor } from '../../src/grants/times.ts'

const config = grantsDefaults()

test('to 200 members the times are those of the configuration', () => {
  for (const members of [0, 1, 200]) {
    const { renewMs, leaseMs, promiseMs } = timesFor(members, config)
    assert.deepEqual([renewMs, leaseMs, promiseMs], [config.renewMs, config.leaseMs, config.promiseMs])
  }
})

test('1,000 members ask each voter 400 times a second, with times stretched alike', () => {
  const { renewMs, leaseMs, promiseMs } = timesFor(1_000, config)
  assert.deepEqual([renewMs, leaseMs, promiseMs], [2_500, 10_000, 12_500])
})

test('a promise outlasts the lease on clocks 10 % apart, whatever the size', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 5_000 }), members => {
      const { renewMs, leaseMs, promiseMs } = timesFor(members, config)
      assert.ok(promiseMs >= leaseMs * CLOCK_RATE_MARGIN)
      assert.ok(leaseMs >= 4 * renewMs)
    }),
  )
})
