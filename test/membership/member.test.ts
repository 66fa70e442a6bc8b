import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type MemberRecord, supersedes } from '../../src/membership/member.ts'
import { record } from './records.ts'

const anyRecord = fc
  .record({
    incarnation: fc.integer({ min: 1, max: 3 }),
    status: fc.constantFrom<MemberRecord['status']>('alive', 'dead', 'left'),
    leaving: fc.boolean(),
  })
  .map(change => record('a', change))

test('a higher incarnation wins whatever it says', () => {
  assert.ok(supersedes(record('a', { incarnation: 2 }), record('a', { status: 'left' })))
  assert.ok(!supersedes(record('a', { status: 'left' }), record('a', { incarnation: 2 })))
})

test('within an incarnation the order is alive, leaving, dead, left', () => {
  const order = [
    record('a'),
    record('a', { leaving: true }),
    record('a', { status: 'dead' }),
    record('a', { status: 'left', leaving: true }),
  ]
  for (const [i, later] of order.entries()) {
    for (const [j, earlier] of order.entries()) assert.equal(supersedes(later, earlier), i > j)
  }
})

test('no two records supersede each other, and none supersedes itself', () => {
  fc.assert(
    fc.property(anyRecord, anyRecord, (a, b) => {
      assert.ok(!(supersedes(a, b) && supersedes(b, a)))
      assert.ok(!supersedes(a, a))
    }),
  )
})

test('the outcome of many claims does not depend on their order', () => {
  const settle = (records: readonly MemberRecord[]): MemberRecord | undefined =>
    records.reduce<MemberRecord | undefined>(
      (known, news) => (!known || supersedes(news, known) ? news : known),
      undefined,
    )
  fc.assert(
    fc.property(fc.array(anyRecord, { minLength: 1, maxLength: 6 }), records => {
      const forwards = settle(records)
      const backwards = settle([...records].reverse())
      assert.ok(forwards && backwards && !supersedes(forwards, backwards) && !supersedes(backwards, forwards))
    }),
  )
})
