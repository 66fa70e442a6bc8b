import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Scope } from '../../src/grants/messages.ts'
import { disjoint, possiblyCovers, surelyCovers, within } from '../../src/grants/scopes.ts'
import { a, b, both, keyOf, onlyA, ringOf, ringsOf } from './scene.ts'

const KEYS = [keyOf(both, a), keyOf(both, b), 'some', 'other']
const rings = ringsOf(both, onlyA)
const scope: fc.Arbitrary<Scope> = fc.record({
  ring: fc.constantFrom(both.checksum, onlyA.checksum, ringOf('b').checksum, 'unknown'),
  leaving: fc.boolean(),
  keeps: fc.subarray(KEYS),
})

test('whatever a scope surely covers it possibly covers, and they differ only under an unknown ring', () => {
  fc.assert(
    fc.property(scope, fc.constantFrom(...KEYS), (one, key) => {
      const [sure, possible] = [surelyCovers(a, one, key, rings), possiblyCovers(a, one, key, rings)]
      assert.ok(possible || !sure)
      if (rings.has(one.ring)) assert.equal(sure, possible)
    }),
  )
})

test('a scope within another covers none of its keys that the other does not', () => {
  fc.assert(
    fc.property(scope, scope, fc.constantFrom(...KEYS), (inner, outer, key) => {
      if (!within(inner, outer)) return
      assert.ok(!surelyCovers(a, inner, key, rings) || surelyCovers(a, outer, key, rings))
      assert.ok(!possiblyCovers(a, inner, key, rings) || possiblyCovers(a, outer, key, rings))
    }),
  )
})

test('disjoint scopes of two nodes have no key in common', () => {
  fc.assert(
    fc.property(scope, scope, fc.constantFrom(...KEYS), (mine, theirs, key) => {
      if (!disjoint(a, mine, b, theirs, rings)) return
      assert.ok(!(surelyCovers(a, mine, key, rings) && possiblyCovers(b, theirs, key, rings)))
    }),
  )
})

test('whoever leaves claims only what it keeps', () => {
  const leaving = { ring: onlyA.checksum, leaving: true, keeps: ['kept'] }
  assert.ok(possiblyCovers(a, leaving, 'kept', rings))
  assert.ok(!possiblyCovers(a, leaving, 'other', rings))
})
