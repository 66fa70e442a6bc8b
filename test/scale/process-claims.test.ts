/** Can the judge of the processes fail? It is given runs that are right, and then the same with one thing wrong. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { claimsOf, givenOut, givesOut, type Ran, type Rest, SAMPLES_MIN, short } from './process-claims.ts'

const times = (count: number, value: number): readonly number[] => Array.from({ length: count }, () => value)

const resting = (size: number, more: Partial<Rest> = {}): Rest => ({
  cpu: times(size, 5),
  rssMiB: times(size, 150),
  loopP99Ms: times(size, 12),
  ...{ framesPerS: 60, bytesPerS: 6_000, share: 0.2, machineShare: 0.3, freeMiB: 8_000, ...more },
})

const ran = (size: number, more: Partial<Ran> = {}): Ran => ({
  ...{ size, startMs: 4_000, agreeMs: times(size, 400), readyMs: 1_500 },
  starting: { share: 0.7, machineShare: 0.9 },
  rest: resting(size),
  killMs: times(2 * size - 3, 250),
  falseDeaths: [],
  ...more,
})

/** It did not come to agree. */
const never = (size: number, share: number, machineShare = share): Ran => {
  const { rest: _, ...start } = ran(size, { agreeMs: undefined, readyMs: undefined, killMs: [] })
  return { ...start, starting: { share, machineShare } }
}

const failing = (runs: readonly Ran[], asked: readonly number[] = runs.map(({ size }) => size)) =>
  claimsOf(runs, asked)
    .filter(({ holds }) => !holds)
    .map(({ claim, failing: sizes }) => `${claim.split(' ').slice(0, 3).join(' ')}: ${sizes.join()}`)

test('sizes that keep to all limits, and one at which the cores gave out as measured', () => {
  assert.deepEqual(failing([ran(8), ran(16)]), [])
  assert.deepEqual(failing([ran(8), ran(16), never(32, 0.95)], [8, 16, 32, 48]), [])
  assert.match(givesOut(never(32, 0.95)) ?? '', /before they agree they take 95 % of all cores/)
})

test('a cluster that does not agree while the cores are free has failed, and has not given out', () => {
  assert.equal(givesOut(never(16, 0.3)), undefined)
  assert.deepEqual(failing([ran(8), never(16, 0.3)]), [
    'all agree 5000: 16',
    'all survivors know: 16',
    'CPU, memory, event: 16',
  ])
  // Others keep the machine busy: that is no reason of these daemons.
  assert.equal(givesOut(never(16, 0.3, 1)), undefined)
  assert.notEqual(givesOut(never(16, 0.6, 1)), undefined)
})

test('a size that was left out needs a reason that was measured', () => {
  assert.deepEqual(failing([ran(8), ran(16)], [8, 16, 32]), ['every size of: 32'])
  assert.deepEqual(failing([ran(8), never(16, 0.3)], [8, 16, 32])[0], 'every size of: 32')
  const poor = ran(16, { rest: resting(16, { freeMiB: 500 }) })
  assert.match(short(poor, 32) ?? '', /32 would need 5824 MiB, 2900 are free/)
  assert.deepEqual(failing([ran(8), poor], [8, 16, 32]), [])
})

test('the end is reached where the cores or the memory gave out, and not where all that was asked for was borne', () => {
  assert.equal(givenOut([ran(8), never(16, 0.95)], [8, 16, 32]).holds, true)
  const poor = ran(16, { rest: resting(16, { freeMiB: 500 }) })
  assert.equal(givenOut([ran(8), poor], [8, 16, 32]).holds, true)
  assert.equal(givenOut([ran(8), ran(16)], [8, 16]).holds, false)
  assert.equal(givenOut([ran(8), never(16, 0.3)], [8, 16, 32]).holds, false)
  assert.equal(givenOut([], [8]).holds, false)
})

test('a machine that gives out at once shows nothing, and neither does no run', () => {
  assert.equal(failing([never(8, 0.95)]).length, 5)
  assert.equal(failing([], [8]).length, 5)
})

test('one that agrees late, a survivor that never knew or knew late, a false death', () => {
  assert.deepEqual(failing([ran(8, { agreeMs: [...times(7, 400), 5_001] })]), ['all agree 5000: 8'])
  assert.deepEqual(failing([ran(8, { killMs: [...times(12, 250), undefined] })]), ['all survivors know: 8'])
  assert.deepEqual(failing([ran(8, { killMs: [...times(12, 250), 1_001] })]), ['all survivors know: 8'])
  assert.deepEqual(failing([ran(8, { falseDeaths: ['n1 of n2'] })]), ['nobody is buried: 8'])
})

test('samples that are too few, or missing, or no numbers', () => {
  assert.deepEqual(failing([ran(8, { killMs: times(SAMPLES_MIN - 1, 250) })]), ['all survivors know: 8'])
  assert.deepEqual(failing([ran(8, { agreeMs: times(7, 400) })]), ['all agree 5000: 8'])
  for (const wrong of [{ cpu: times(7, 5) }, { rssMiB: [...times(7, 150), Number.NaN] }, { framesPerS: 0 }])
    assert.deepEqual(failing([ran(8, { rest: resting(8, wrong) })]), ['CPU, memory, event: 8'])
})
