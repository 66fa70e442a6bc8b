import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FAULT_NAMES } from './fault-names.ts'
import type { PieceLine } from './ledger.ts'
import { clocksApart, rangeSum, tellSum } from './range-sum.ts'

const every = Object.fromEntries(FAULT_NAMES.map(name => [name, 1]))
const line = (more: Partial<PieceLine>): PieceLine => ({
  ...{ commit: 'abc', code: 'c0de', given: '', from: 1, to: 10, failed: [], seconds: 60, counts: every },
  at: '2026-01-01T00:00:00Z',
  ...more,
})

test('what is finished of the range on this code is added up, with the commits, and no fault is missing', () => {
  const lines = [line({}), line({ from: 11, to: 20, commit: 'def' }), line({ code: 'other', failed: [3] })]
  const sum = rangeSum(lines, 'c0de', [1, 20]) ?? assert.fail('nothing')
  assert.deepEqual([sum.seeds, sum.failed, sum.commits, sum.never], [20, [], ['abc', 'def'], []])
  assert.equal(tellSum(sum), 'code c0de, commit abc, def: 20 seeds (1-20), 0 violations, 2.0 min')
  assert.equal(rangeSum(lines, 'none', [1, 20]), undefined)
})

test('a fault that never occurred is named, and one that was counted beyond the range shows nothing of it', () => {
  const { suspend: _, ...counts } = every
  const beyond = line({ from: 15, to: 30, failed: [16, 25], counts: every })
  const sum = rangeSum([line({ counts }), line({ from: 11, to: 14, counts }), beyond], 'c0de', [1, 20])
  assert.deepEqual([sum?.seeds, sum?.failed, sum?.never], [20, [16], ['suspend']])
})

test('runs of a shape that was given are not those that the seeds draw', () => {
  assert.equal(rangeSum([line({ given: 'profile calm' })], 'c0de', [1, 10]), undefined)
})

test('seeds with clocks 10 % apart are counted from their schedules: some are, some are not', () => {
  const [one, two] = [clocksApart([[1, 40]]), clocksApart([[41, 80]])]
  assert.ok(one > 0 && one < 40, `${one} of 40`)
  assert.equal(
    clocksApart([
      [1, 40],
      [41, 80],
    ]),
    one + two,
  )
})
