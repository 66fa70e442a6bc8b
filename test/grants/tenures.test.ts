import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeId } from '../../src/base/ids.ts'
import { Random } from '../../src/base/random.ts'
import { instantOf } from '../../src/base/time.ts'
import { type Condition, Conditions } from '../../src/grants/conditions.ts'
import type { Holding } from '../../src/grants/leases.ts'
import { TENURES_MAX, Terms } from '../../src/grants/terms.ts'
import type { Voters } from '../../src/grants/voters.ts'
import { a, at, b, both, c, claimed, keyOf, notExcepted, onlyA, ringOf, ringsOf, scopeOf } from './scene.ts'

const NAMES = [a, b, c]
const voters: Voters = {
  list: undefined,
  name: undefined,
  names: NAMES,
  includes: node => NAMES.includes(node),
  isQuorum: nodes => NAMES.filter(name => nodes.has(name)).length > 1,
}
const granted = (conditions: readonly Condition[], top = 0, by: readonly NodeId[] = [a, b]): Holding[] =>
  by.map(voter => ({ voter, until: instantOf(2_000), conditions, top }))
const mine = keyOf(both, a)
const theirs = keyOf(both, b)

function scene() {
  const rings = ringsOf(both, onlyA)
  const terms = new Terms(new Conditions(a, rings), new Random(1))
  const take = (conditions: readonly Condition[], ms: number, top = 0): number => {
    const holdings = granted(conditions, top)
    terms.settle(holdings, voters)
    terms.choose(holdings, voters, at(ms))
    for (const voter of [a, b]) terms.took(voter, terms.asked, voters)
    return terms.asked
  }
  return { rings, terms, take }
}

test('a term counts once a quorum has it on disk', () => {
  const { terms } = scene()
  terms.choose(granted([claimed(scopeOf(both))]), voters, at(0))
  assert.equal(terms.termFor(mine), undefined)
  assert.equal(terms.took(a, terms.asked, voters), false)
  assert.equal(terms.termFor(mine), undefined)
  assert.equal(terms.took(b, terms.asked, voters), true)
  assert.equal(terms.termFor(mine), terms.asked)
})

test('a term is above what the voters have taken, and above the clock', () => {
  assert.equal(scene().take([claimed(scopeOf(both))], 0, 5_000_000), 5_000_001)
  assert.equal(scene().take([claimed(scopeOf(both))], 7), 1_000_008)
})

test('a key keeps its term while it is granted without a break; gained ones have a new one', () => {
  const { terms, take } = scene()
  const first = take([claimed(scopeOf(both))], 0)
  const second = take([claimed(scopeOf(onlyA))], 1_000)
  assert.ok(second > first)
  assert.equal(terms.termFor(mine), first)
  assert.equal(terms.termFor(theirs), second)
})

test('a key that was lost for a moment has a new term', () => {
  const { terms, take } = scene()
  const first = take([claimed(scopeOf(both))], 0)
  terms.settle([], voters)
  assert.equal(terms.termFor(mine), undefined)
  assert.ok(take([claimed(scopeOf(both))], 1_000) > first)
  assert.ok((terms.termFor(mine) ?? 0) > first)
})

test('with exceptions a new term is chosen only so often', () => {
  const { terms, take } = scene()
  take([claimed(scopeOf(both))], 0)
  const narrowed = granted([claimed(scopeOf(onlyA)), notExcepted(b, [scopeOf(both)])])
  assert.equal(terms.choose(narrowed, voters, at(100)), false)
  assert.equal(terms.choose(narrowed, voters, at(600)), true)
})

test('whoever is passed over by a quorum chooses a higher term', () => {
  const { terms } = scene()
  const holdings = granted([claimed(scopeOf(both))], 0, NAMES)
  terms.choose(holdings, voters, at(0))
  const { asked } = terms
  const live = { holdings, voters }
  assert.equal(terms.passedOver(a, { term: asked, at: asked + 9 }, at(10), live), false)
  assert.equal(terms.passedOver(b, { term: asked, at: asked + 9 }, at(10), live), true)
  assert.ok(terms.asked > asked)
})

test('an earlier term does not come back to a key when a forgotten ring is learned again', () => {
  const { rings, terms, take } = scene()
  const first = take([claimed(scopeOf(both))], 0)
  rings.delete(both.checksum)
  const second = take([claimed(scopeOf(onlyA))], 1_000)
  assert.ok(second > first)
  assert.equal(terms.termFor(mine), second)
  rings.set(both.checksum, both)
  terms.learned(both.checksum)
  assert.equal(terms.termFor(mine), second)
})

test('tenures are bounded, and a key that has lost its earliest has a later one', () => {
  const { rings, terms, take } = scene()
  const first = take([claimed(scopeOf(onlyA))], 0)
  for (let i = 0; i < TENURES_MAX + 4; i++) {
    const ring = ringOf('a', `x${i}`)
    rings.set(ring.checksum, ring)
    take([claimed(scopeOf(ring, [mine]))], i * 1_000)
  }
  assert.ok(terms.size <= TENURES_MAX)
  assert.ok((terms.termFor(mine) ?? 0) > first)
})
