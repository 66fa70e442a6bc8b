import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Conditions } from '../../src/grants/conditions.ts'
import { a, b, both, claimed, keyOf, notExcepted, onlyA, ringsOf, scopeOf } from './scene.ts'

const mine = keyOf(both, a)
const theirs = keyOf(both, b)
const conditions = new Conditions(a, ringsOf(both, onlyA))

test('a claimed scope stands for the keys that its ring gives this node, and for its keeps', () => {
  const all = [claimed(scopeOf(both, [theirs]))]
  assert.ok(conditions.hold(all, mine))
  assert.ok(conditions.hold(all, theirs))
  assert.ok(!conditions.hold([claimed(scopeOf(both))], theirs))
})

test('a key must meet every condition', () => {
  assert.ok(!conditions.hold([claimed(scopeOf(onlyA)), claimed(scopeOf(both))], theirs))
})

test('what another may still act on is not granted, but for the keys that were saved from it', () => {
  const exception = [scopeOf(both)]
  assert.ok(!conditions.hold([claimed(scopeOf(onlyA)), notExcepted(b, exception)], theirs))
  assert.ok(conditions.hold([claimed(scopeOf(onlyA)), notExcepted(b, exception, [theirs])], theirs))
})

test('an exception under a ring that nobody knows here covers every key', () => {
  const unknown = { ring: 'unknown', leaving: false, keeps: [] }
  assert.ok(!conditions.hold([claimed(scopeOf(both)), notExcepted(b, [unknown])], mine))
})

test('what follows from the rest is not kept', () => {
  const narrow = claimed(scopeOf(both))
  assert.deepEqual(conditions.and([claimed(scopeOf(both, [theirs]))], [narrow]), [narrow])
  const apart = notExcepted(b, [scopeOf(both)])
  assert.deepEqual(conditions.and([narrow], [apart]), [narrow], 'one ring has one owner')
})

test('an exception with fewer saved keys is no wider', () => {
  const strict = notExcepted(b, [scopeOf(both)])
  const lenient = notExcepted(b, [scopeOf(both)], [theirs])
  const claim = claimed(scopeOf(onlyA))
  assert.deepEqual(conditions.missing([lenient], [claim, strict]), [])
  assert.deepEqual(conditions.missing([strict], [claim, lenient]), [strict])
})

test('sets are the same when each follows from the other', () => {
  assert.ok(conditions.same([claimed(scopeOf(both, [theirs]))], [claimed(scopeOf(both, [theirs]))]))
  assert.ok(!conditions.same([claimed(scopeOf(both, [theirs]))], [claimed(scopeOf(both))]))
})
