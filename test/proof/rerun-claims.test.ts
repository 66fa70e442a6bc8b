import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type RerunAttempt, rerunClaim } from './rerun-claims.ts'

const KILLED = Date.parse('2026-01-01T00:00:10.000Z')
const chaos = { node: 'node-3', killedAt: new Date(KILLED).toISOString() }
const first: RerunAttempt = { node: 'node-3', startedAt: KILLED - 50, outcome: 'succeeded' }
const second: RerunAttempt = { node: 'node-5', startedAt: KILLED + 400, outcome: 'succeeded' }
const holds = (...attempts: readonly RerunAttempt[]) =>
  rerunClaim({ runTwice: [{ task: 't', attempts }], cutOff: [], chaos }).holds

test('an attempt of the killed node and another after the kill are explained, done or cut off', () => {
  assert.equal(holds(first, second), true)
  assert.equal(rerunClaim({ runTwice: [], cutOff: [], chaos }).holds, true)
  const cut = { task: 't', attempts: [{ node: 'node-3', startedAt: KILLED + 5 }, second] }
  assert.equal(rerunClaim({ runTwice: [], cutOff: [cut], chaos }).holds, true)
  assert.equal(holds({ ...first, node: 'node-1', outcome: 'failed' }, first, second), true, 'a retry beside')
})

test('two attempts elsewhere, three, one before the kill or long after it are not', () => {
  assert.equal(holds({ ...first, node: 'node-1' }, second), false)
  assert.equal(holds(first, second, { ...second, startedAt: KILLED + 900 }), false)
  assert.equal(holds(first, { ...second, startedAt: KILLED - 10 }), false)
  assert.equal(
    holds({ ...first, startedAt: KILLED + 20_000 }, { ...second, startedAt: KILLED + 30_000 }),
    false,
  )
})

test('what was cut off is judged as well, and without a kill nothing is explained', () => {
  const attempts = [{ ...first, node: 'node-1' }, second]
  const claim = rerunClaim({ runTwice: [], cutOff: [{ task: 'x', attempts }], chaos })
  assert.deepEqual([claim.holds, claim.figure.endsWith('not so: x')], [false, true])
  assert.equal(rerunClaim({ runTwice: [], cutOff: [] }).holds, false)
})
