import assert from 'node:assert/strict'
import { test } from 'node:test'
import { grantsDefaults } from '../../src/grants/config.ts'
import type { Renew, Scope } from '../../src/grants/messages.ts'
import { Renewals } from '../../src/grants/renewals.ts'
import { timesFor } from '../../src/grants/times.ts'
import { a, at, b, both, onlyA, scopeOf } from './scene.ts'

const LIST = { version: 1, hash: 'list' }
const SCOPE = scopeOf(both)
const VOTERS = [a, b]
const TIMES = { ...timesFor(2, grantsDefaults()), renewMs: 500 }

const renew = (scope: Scope, term = 0): Renew => ({
  type: 'renew',
  session: 1,
  seq: 1,
  scope,
  voters: LIST,
  term,
})

function asked(): Renewals {
  const renewals = new Renewals()
  for (const voter of renewals.due(VOTERS, SCOPE, LIST, 0, at(0)))
    renewals.asked(voter, renew(SCOPE), TIMES, at(0))
  return renewals
}

test('all voters are asked at once, and then at the interval', () => {
  assert.deepEqual(new Renewals().due(VOTERS, SCOPE, LIST, 0, at(0)), VOTERS)
  const renewals = asked()
  assert.deepEqual(renewals.due(VOTERS, SCOPE, LIST, 0, at(499)), [])
  assert.equal(renewals.next, 500)
  assert.deepEqual(renewals.due(VOTERS, SCOPE, LIST, 0, at(500)), VOTERS)
})

test('a request that says something new is due at once', () => {
  const renewals = asked()
  assert.deepEqual(renewals.due(VOTERS, SCOPE, LIST, 0, at(1)), [])
  assert.deepEqual(renewals.due(VOTERS, scopeOf(onlyA), LIST, 0, at(1)), VOTERS)
  assert.deepEqual(renewals.due(VOTERS, SCOPE, { ...LIST, version: 2 }, 0, at(1)), VOTERS)
  assert.deepEqual(renewals.due(VOTERS, SCOPE, LIST, 7, at(1)), VOTERS)
  assert.deepEqual(renewals.due(VOTERS, scopeOf(both), { ...LIST }, 0, at(1)), [], 'the same in other words')
})

test('a voter is asked sooner where that helps, never later', () => {
  const renewals = asked()
  renewals.hasten(b, 60, at(100))
  renewals.hasten(b, 1_000, at(100))
  assert.deepEqual(renewals.due(VOTERS, SCOPE, LIST, 0, at(159)), [])
  assert.deepEqual(renewals.due(VOTERS, SCOPE, LIST, 0, at(160)), [b])
})

test('a new voter is asked at once, and one that was away is forgotten', () => {
  const renewals = asked()
  renewals.keepOnly([a])
  assert.deepEqual(renewals.due([a], SCOPE, LIST, 0, at(1)), [])
  assert.deepEqual(renewals.due([a, b], SCOPE, LIST, 0, at(2)), [b])
})
