import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Conditions } from '../../src/grants/conditions.ts'
import { Leases, SENT_MAX } from '../../src/grants/leases.ts'
import { a, at, b, both, c, grantOf, keyOf, onlyA, ringsOf, scopeOf } from './scene.ts'

const conditions = new Conditions(a, ringsOf(both, onlyA))
const theirs = keyOf(both, b)
const wide = scopeOf(onlyA)
const narrow = scopeOf(both)
const good = (leases: Leases, key: string): boolean =>
  leases.holdings.some(each => conditions.hold(each.conditions, key))

test('a grant counts from the sending of its request', () => {
  const leases = new Leases(conditions)
  const { seq } = leases.asked(b, wide, 0, 2_000, at(0))
  leases.granted(b, grantOf(seq, wide), at(1_500))
  assert.equal(leases.nextEnd, 2_000)
  assert.equal(leases.expire(at(1_999)), false)
  assert.equal(leases.expire(at(2_000)), true)
  assert.deepEqual(leases.holdings, [])
})

test('a lease is never longer than the promise allows for clocks 10 % apart', () => {
  const leases = new Leases(conditions)
  const { seq } = leases.asked(b, wide, 0, 4_000, at(0))
  leases.granted(b, grantOf(seq, wide, { promiseMs: 1_100 }), at(1))
  assert.ok((leases.nextEnd ?? 0) <= 900)
})

test('a grant that comes when its lease has ended counts for nothing', () => {
  const leases = new Leases(conditions)
  const { seq } = leases.asked(b, wide, 0, 2_000, at(0))
  assert.equal(leases.granted(b, grantOf(seq, wide), at(2_000)), undefined)
})

test('a grant that nobody asked for counts for nothing', () => {
  const leases = new Leases(conditions)
  assert.equal(leases.granted(b, grantOf(7, wide), at(0)), undefined)
})

test('what a later request gave up is not granted by the answer to an earlier one', () => {
  const leases = new Leases(conditions)
  const { seq } = leases.asked(b, wide, 0, 2_000, at(0))
  leases.asked(b, narrow, 0, 2_000, at(10))
  leases.granted(b, grantOf(seq, wide), at(20))
  assert.ok(!good(leases, theirs))
})

test('what is given up by a request is not granted from then on', () => {
  const leases = new Leases(conditions)
  const { seq } = leases.asked(b, wide, 0, 2_000, at(0))
  leases.granted(b, grantOf(seq, wide), at(5))
  assert.ok(good(leases, theirs))
  leases.asked(b, narrow, 0, 2_000, at(10))
  assert.ok(!good(leases, theirs))
})

test('a later request with a shorter lease is remembered as long as an earlier one may be granted', () => {
  const leases = new Leases(conditions)
  const { seq } = leases.asked(b, wide, 0, 10_000, at(0))
  leases.asked(b, narrow, 0, 2_000, at(10))
  leases.asked(b, wide, 0, 2_000, at(5_000))
  leases.granted(b, grantOf(seq, wide, { promiseMs: 12_500 }), at(5_010))
  assert.ok(!good(leases, theirs))
})

test('an older answer does not replace a newer one', () => {
  const leases = new Leases(conditions)
  const first = leases.asked(b, narrow, 0, 2_000, at(0)).seq
  const second = leases.asked(b, narrow, 0, 2_000, at(100)).seq
  leases.granted(b, grantOf(second, narrow), at(110))
  assert.equal(leases.granted(b, grantOf(first, narrow), at(120)), undefined)
  assert.equal(leases.nextEnd, 2_100)
})

test('keeps that were granted are good in spite of exceptions, others are not', () => {
  const kept = scopeOf(both, [theirs])
  const exceptions = [
    { node: c, scopes: [scopeOf(onlyA)] },
    { node: b, scopes: [{ ...wide, ring: 'unknown' }] },
  ]
  const leases = new Leases(conditions)
  const first = leases.asked(b, kept, 0, 2_000, at(0)).seq
  leases.granted(b, grantOf(first, kept, { exceptions }), at(5))
  assert.ok(good(leases, theirs))
  const second = leases.asked(b, kept, 0, 2_000, at(10)).seq
  leases.granted(b, grantOf(second, scopeOf(both), { exceptions }), at(15))
  assert.ok(!good(leases, theirs))
})

test('only what is granted counts as a change, not that it is granted for longer', () => {
  const leases = new Leases(conditions)
  const first = leases.asked(b, wide, 0, 2_000, at(0)).seq
  leases.granted(b, grantOf(first, wide), at(5))
  const { changes } = leases
  const second = leases.asked(b, wide, 0, 2_000, at(500)).seq
  leases.granted(b, grantOf(second, scopeOf(onlyA)), at(505))
  assert.equal(leases.changes, changes)
  leases.asked(b, narrow, 0, 2_000, at(600))
  assert.ok(leases.changes > changes)
})

test('equal grants of different voters hold one and the same conditions', () => {
  const leases = new Leases(conditions)
  for (const voter of [b, c])
    leases.granted(voter, grantOf(leases.asked(voter, wide, 0, 2_000, at(0)).seq, scopeOf(onlyA)), at(5))
  const [first, second] = leases.holdings
  assert.ok(first !== undefined && first.conditions === second?.conditions)
})

test('requests that wait for an answer are bounded, the oldest go', () => {
  const leases = new Leases(conditions)
  const first = leases.asked(b, wide, 0, 2_000, at(0)).seq
  for (let i = 0; i < SENT_MAX; i++) leases.asked(b, wide, 0, 2_000, at(1))
  assert.equal(leases.granted(b, grantOf(first, wide), at(2)), undefined)
})

test('what was dropped, and what was under way, counts for nothing', () => {
  const leases = new Leases(conditions)
  const { seq } = leases.asked(b, wide, 0, 2_000, at(0))
  leases.drop()
  assert.equal(leases.granted(b, grantOf(seq, wide), at(5)), undefined)
  assert.deepEqual(leases.holdings, [])
})

test('a node that is no voter any more has granted nothing', () => {
  const leases = new Leases(conditions)
  leases.granted(b, grantOf(leases.asked(b, wide, 0, 2_000, at(0)).seq, wide), at(5))
  leases.keepOnly([a])
  assert.deepEqual(leases.holdings, [])
})
