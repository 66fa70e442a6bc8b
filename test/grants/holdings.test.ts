import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeId } from '../../src/base/ids.ts'
import { instantOf } from '../../src/base/time.ts'
import type { Condition } from '../../src/grants/conditions.ts'
import { exceptionsOf, quorumUntil, singleOf } from '../../src/grants/holdings.ts'
import type { Voters } from '../../src/grants/voters.ts'
import { a, b, both, c, claimed, notExcepted, onlyA, scopeOf } from './scene.ts'

const NAMES = [a, b, c]
const voters: Voters = {
  list: undefined,
  name: undefined,
  names: NAMES,
  includes: node => NAMES.includes(node),
  isQuorum: nodes => NAMES.filter(name => nodes.has(name)).length > 1,
}
const ALIKE = [claimed(scopeOf(both))]
const holding = (voter: NodeId, until: number, conditions: readonly Condition[] = ALIKE) => ({
  voter,
  until: instantOf(until),
  conditions,
  top: 0,
})

test('a lease ends when the last quorum of grants does', () => {
  const all = [holding(a, 900), holding(b, 700), holding(c, 500)]
  assert.equal(quorumUntil(all, voters), 700)
  assert.equal(quorumUntil(all.slice(0, 1), voters), undefined)
})

test('one look decides for a key when all grants are alike', () => {
  const [first, second] = [holding(a, 900), holding(b, 700)]
  assert.deepEqual(singleOf([first, second], instantOf(700)), { holding: first, until: 700 })
  assert.equal(singleOf([first, holding(b, 700, [claimed(scopeOf(onlyA))])], instantOf(700)), undefined)
  assert.equal(singleOf([first], undefined), undefined)
})

test('an exception that several voters name counts once', () => {
  const excepted = () => [claimed(scopeOf(onlyA)), notExcepted(c, [scopeOf(both)])]
  assert.equal(exceptionsOf([holding(a, 900, excepted()), holding(b, 900, excepted())]), 1)
  assert.equal(exceptionsOf([holding(a, 900)]), 0)
})
