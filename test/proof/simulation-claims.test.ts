import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FAULT_NAMES } from '../simulation/fault-names.ts'
import type { RangeSum } from '../simulation/range-sum.ts'
import { simulationClaims } from './simulation-claims.ts'

const right: RangeSum = {
  ...{ code: 'c0de', commits: ['abc'], given: '', seeds: 100, failed: [], seconds: 60, ranges: [[1, 100]] },
  ...{ counts: Object.fromEntries(FAULT_NAMES.map(name => [name, 2])), never: [], clocksApart: 80 },
}
const said = { code: 0, first: 'commit abc, code c0de, seeds 1-100: all finished, AGAIN=1 runs it again' }
const failing = (sum: RangeSum | null, sitting = said): readonly string[] =>
  simulationClaims(100, sitting, sum)
    .filter(({ holds }) => holds !== true)
    .map(({ claim }) => claim)
const [SEEDS, FAULTS, CLOCKS] = simulationClaims(100, said, right).map(({ claim }) => claim)

test('what earlier sittings finished stands in the figure, with its commits, and counts', () => {
  assert.deepEqual(failing(right), [])
  const [figure] = simulationClaims(100, said, right).map(one => one.figure)
  assert.equal(figure, 'code c0de, commit abc: 100 seeds (1-100), 0 violations, 1.0 min')
})

test('a sitting that ends well shows nothing when a seed is missing, one failed, or none is finished', () => {
  assert.deepEqual(failing({ ...right, ranges: [[1, 99]] }), [SEEDS])
  assert.deepEqual(
    failing({
      ...right,
      ranges: [
        [1, 50],
        [52, 100],
      ],
    }),
    [SEEDS],
  )
  assert.deepEqual(failing({ ...right, failed: [7] }), [SEEDS])
  assert.deepEqual(failing(null), [SEEDS, FAULTS, CLOCKS])
})

test('seeds of a shape that was given, or that failed, are not what was to be shown', () => {
  assert.deepEqual(failing(right, { ...said, first: 'seeds 1-100, profile calm: all finished' }), [SEEDS])
  assert.deepEqual(failing(right, { ...said, code: 1 }), [SEEDS])
})

test('a fault that never occurred, or clocks that were never apart, fail', () => {
  assert.deepEqual(failing({ ...right, never: ['suspend'] }), [FAULTS])
  assert.deepEqual(failing({ ...right, clocksApart: 0 }), [CLOCKS])
})
