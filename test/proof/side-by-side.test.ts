/** Can the judge of the run beside Serf fail? It is given figures that keep to all limits, and then the same with one wrong. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AIMS, LIMITS, type Row, sideBySideClaims } from './side-by-side.ts'

const RIGHT: readonly Row[] = [
  ...new Set([...LIMITS.map(([metric]) => metric), ...AIMS.map(([metric]) => metric)]),
].map(metric => ({
  metric,
  ours: /count/.test(metric) ? [0, 0, 0] : [0.1, 0.2, 0.1],
  theirs: [5, 6, null],
}))

const failing = (rows: readonly Row[]): readonly string[] =>
  sideBySideClaims(rows)
    .filter(({ holds }) => holds === false)
    .map(({ claim }) => claim)

const otherwise = (metric: string, more: Partial<Row>) =>
  RIGHT.map(row => (row.metric === metric ? { ...row, ...more } : row))

const BESIDE = 'Serf was measured in each of these'

test('figures that keep to all limits, though they miss an aim', () => {
  assert.deepEqual(failing(RIGHT), [])
  for (const [metric] of AIMS) assert.deepEqual(failing(otherwise(metric, { ours: [1_000] })), [])
})

test('each limit by itself: a figure above it, and a figure that never came', () => {
  for (const [metric, of, limit] of LIMITS) {
    const claim = `${metric}, ${of}`
    const above = of === 'median' ? [limit + 0.01, limit + 0.01, 0] : [0, limit + 0.01, 0]
    assert.ok(failing(otherwise(metric, { ours: above })).includes(claim), claim)
    assert.ok(
      failing(otherwise(metric, { ours: of === 'median' ? [null, null, 0] : [null, 0, 0] })).includes(claim),
    )
    assert.ok(failing(otherwise(metric, { ours: [] })).includes(claim), 'no sample')
    assert.ok(!failing(otherwise(metric, { ours: [limit] })).includes(claim), 'at the limit')
  }
})

test('a metric that is missing fails its limits, and so does a run that measured nothing', () => {
  const [first] = LIMITS
  const name = first?.[0] ?? ''
  assert.deepEqual(failing(RIGHT.filter(({ metric }) => metric !== name)), [`${name}, ${first?.[1]}`, BESIDE])
  assert.equal(failing([]).length, LIMITS.length + 1)
})

test('one false death in the whole run fails it', () => {
  const metric = 'live daemons taken for failed, whole run without network faults (count)'
  assert.deepEqual(failing(otherwise(metric, { ours: [1] })), [`${metric}, worst`])
})

test('ours alone stands beside nothing', () => {
  const [[metric] = ['']] = LIMITS
  assert.deepEqual(failing(otherwise(metric, { theirs: [] })), [BESIDE])
})
