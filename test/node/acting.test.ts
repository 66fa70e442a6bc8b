import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { NEVER, wallOf } from '../../src/base/time.ts'
import { type GrantsConfig, grantsDefaults } from '../../src/grants/config.ts'
import { tokenOf } from '../../src/grants/token.ts'
import { Acting, modesText } from '../../src/node/acting.ts'
import { Granting } from '../../src/node/granting.ts'
import { openRight } from '../../src/tasks/open-right.ts'
import { at } from '../membership/records.ts'
import { sampleInit } from './samples.ts'

const rules = (...prefixes: string[]) => ({
  ...grantsDefaults(),
  mode: 'quorum' as const,
  modes: prefixes.map(prefix => ({ prefix, mode: 'available' as const })),
})

test('the text of modes is for people, and does not depend on the order of prefixes', () => {
  assert.equal(modesText(rules(), 2), 'quorum copies=2')
  assert.equal(modesText(rules('cache/', 'a/'), 2), 'quorum a/*=available cache/*=available copies=2')
  assert.equal(modesText(rules('a/', 'cache/'), 2), modesText(rules('cache/', 'a/'), 2))
})

test('many prefixes are told as a hash that tells them apart', () => {
  const many = Array.from({ length: 40 }, (_, i) => `prefix-${i}/`)
  const text = modesText(rules(...many), 2)
  assert.match(text, /^quorum 40 prefixes #/)
  assert.notEqual(text, modesText(rules(...many.slice(1), 'other/'), 2))
})

test('where nothing needs leave no copies are counted, and nobody differs by their number', () => {
  assert.equal(modesText({ ...rules(), mode: 'available' }, 3), 'available')
})

test('many prefixes and another number of copies are other rules', () => {
  const many = rules(...Array.from({ length: 40 }, (_, i) => `prefix-${i}/`))
  assert.notEqual(modesText(many, 2), modesText(many, 3))
})

const nested: GrantsConfig = {
  ...grantsDefaults(),
  ...{ mode: 'quorum', expectedNodes: 3 },
  modes: [
    { prefix: 'cache/', mode: 'available' },
    { prefix: 'cache/bills/', mode: 'quorum' },
    { prefix: 'cache/bills/draft', mode: 'available' },
  ],
}

const actingOf = (grants: GrantsConfig, names: readonly string[] = []): Acting => {
  const list = { version: 1, names: names.map(asNodeId), fixed: true }
  const voter = names.length === 0 ? { top: undefined, voters: undefined } : { top: 1, voters: list }
  return new Granting(sampleInit({ grants, voter }), at(0)).acting
}

test('the longest prefix that fits decides, whatever the order of the list', () => {
  for (const modes of [nested.modes, nested.modes.toReversed()]) {
    const acting = actingOf({ ...nested, modes })
    const of = (key: string) => acting.modeOf(key)
    assert.deepEqual(
      ['bill', 'cache', 'cache/', 'cache/1', 'cache/bills/1', 'cache/bills/draft-1', 'cache/bill'].map(of),
      ['quorum', 'quorum', 'available', 'available', 'quorum', 'available', 'available'],
    )
  }
})

test('an empty prefix is every key', () => {
  const modes = [{ prefix: '', mode: 'available' } as const]
  assert.equal(actingOf({ ...nested, modes }).modeOf('bill'), 'available')
})

test('without a quorum keys of an available prefix are acted for under a token that is not safe, and no others', () => {
  for (const names of [[], ['a', 'b', 'me']]) {
    const acting = actingOf(nested, names)
    const leave = acting.leaveFor('cache/1')
    assert.deepEqual([leave?.until, leave?.token.safe], [NEVER, false])
    assert.equal(acting.leaveFor('cache/bills/1'), undefined)
    assert.equal(acting.leaveFor('bill'), undefined)
  }
})

test('in available mode a prefix may need leave all the same', () => {
  const modes = [{ prefix: 'bills/', mode: 'quorum' } as const]
  const mixed = { ...nested, mode: 'available' as const, modes }
  assert.equal(Acting.needed(mixed), true)
  const acting = actingOf(mixed)
  assert.equal(acting.leaveFor('bills/1'), undefined)
  assert.equal(acting.leaveFor('cache/1')?.until, NEVER)
  assert.deepEqual([acting.epochs?.only, acting.epochs?.isQuorum('bills/1')], [false, true])
  assert.equal(acting.epochs?.isQuorum('cache/1'), false)
})

test('where no key needs leave there are no voters to ask', () => {
  const open = { ...nested, mode: 'available' as const, modes: nested.modes.slice(0, 1) }
  assert.equal(Acting.needed(open), false)
  assert.equal(new Granting(sampleInit({ grants: open }), at(0)).grants, undefined)
})

test('an owner in quorum mode has a higher token than those of before, when the cluster was in available mode', () => {
  const wall = wallOf(1_795_248_641_400)
  const before = openRight(() => wall).leaveFor('bill')
  assert.ok(before !== undefined && BigInt(tokenOf(wall + 1)) > BigInt(before.token.value))
})
