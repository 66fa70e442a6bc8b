import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, type NodeId } from '../../src/base/ids.ts'
import { NAMED_VOTERS_MAX } from '../../src/grants/config.ts'
import { refusalOfReset } from '../../src/grants/voter-rules.ts'

const names = (text: string): NodeId[] => text.split(' ').map(asNodeId)
const known = new Set(names('a b c'))

test('a reset takes living members and present voters', () => {
  assert.equal(refusalOfReset(names('c a b'), known, new Set(names('a c'))), undefined)
})

test('a reset refuses names that nobody is known to have, and says which', () => {
  assert.match(refusalOfReset(names('a nope'), known, known) ?? '', /neither is nope/)
})

test('a reset refuses no names, one name twice, and more than there can be', () => {
  const many = Array.from({ length: NAMED_VOTERS_MAX + 1 }, (_, i) => asNodeId(`v${i}`))
  for (const list of [[], names('a a'), many])
    assert.match(refusalOfReset(list, new Set(many), new Set(many)) ?? '', /different/)
})

test('a reset refuses a list that could not act: fewer than half of it live, or half without the lowest name', () => {
  assert.match(refusalOfReset(names('c'), known, new Set(names('a b'))) ?? '', /dead or silent: c\./)
  assert.match(refusalOfReset(names('b a'), known, new Set(names('b'))) ?? '', /dead or silent: a\./)
  assert.equal(refusalOfReset(names('b a'), known, new Set(names('a'))), undefined)
})
