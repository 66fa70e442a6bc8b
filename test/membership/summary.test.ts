import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { instantOf, wallOf } from '../../src/base/time.ts'
import type { MemberRecord } from '../../src/membership/member.ts'
import { SUMMARY_BUCKETS } from '../../src/membership/messages.ts'
import { Roster } from '../../src/membership/roster.ts'
import { Summaries } from '../../src/membership/summary.ts'
import { record } from './records.ts'

const news = fc.record({
  name: fc.integer({ min: 1, max: 60 }).map(number => `n${number}`),
  incarnation: fc.integer({ min: 1, max: 3 }),
  status: fc.constantFrom('alive' as const, 'dead' as const, 'left' as const),
})
type Said = typeof news extends fc.Arbitrary<infer T> ? T : never

function rosterOf(self: string, said: readonly Said[]): Roster {
  const roster = new Roster(record(self), 200, instantOf(0), wallOf(0))
  for (const { name, ...change } of said) roster.learn(record(name, change), instantOf(1), wallOf(1))
  return roster
}

test('after each has sent the buckets that differ, both know the same', () => {
  fc.assert(
    fc.property(fc.array(news, { maxLength: 80 }), fc.array(news, { maxLength: 80 }), (one, other) => {
      const [a, b] = [rosterOf('n0', one), rosterOf('n0', other)]
      const [ofA, ofB] = [new Summaries(a), new Summaries(b)]
      const fromA = ofA.records(ofA.differing(ofB.sums()))
      const fromB = ofB.records(ofB.differing(ofA.sums()))
      for (const said of fromB) a.learn(said, instantOf(2), wallOf(2))
      for (const said of fromA) b.learn(said, instantOf(2), wallOf(2))
      assert.deepEqual(ofA.differing(ofB.sums()), [])
      const known = (roster: Roster) =>
        roster
          .records()
          .map(r => `${r.id} ${r.incarnation} ${r.status}`)
          .sort()
      assert.deepEqual(known(a), known(b))
    }),
  )
})

test('one difference costs one bucket', () => {
  const said = Array.from({ length: 60 }, (_, i) => ({
    name: `n${i + 1}`,
    incarnation: 1,
    status: 'alive' as const,
  }))
  const [a, b] = [rosterOf('n0', said), rosterOf('n0', said)]
  const [ofA, ofB] = [new Summaries(a), new Summaries(b)]
  assert.deepEqual(ofA.differing(ofB.sums()), [])
  b.learn(record('n7', { status: 'dead' }), instantOf(2), wallOf(2))
  assert.equal(ofA.differing(ofB.sums()).length, 1)
  assert.equal(ofA.sums().length, SUMMARY_BUCKETS)
})

test('another share of the ring in one incarnation is a difference, but not of who owns nothing any more', () => {
  const many = (change: Partial<MemberRecord>): Summaries => {
    const roster = rosterOf('n0', [])
    for (let i = 1; i <= 60; i++) roster.learn(record(`n${i}`, change), instantOf(1), wallOf(1))
    return new Summaries(roster)
  }
  const differing = (one: Partial<MemberRecord>, other: Partial<MemberRecord>): number =>
    many(one).differing(many(other).sums()).length
  assert.equal(differing({}, { cordoned: false }), 0)
  assert.ok(differing({}, { weight: 2 }) > 0)
  assert.ok(differing({}, { cordoned: true }) > 0)
  assert.ok(differing({ weight: 2 }, { weight: 2, cordoned: true }) > 0)
  assert.equal(differing({ status: 'dead' }, { status: 'dead', weight: 2, cordoned: true }), 0)
})

test('a small roster is sent whole, a large one is compared first', () => {
  assert.equal(new Summaries(rosterOf('n0', [])).worthwhile, false)
  const many = Array.from({ length: 40 }, (_, i) => ({
    name: `n${i + 1}`,
    incarnation: 1,
    status: 'alive' as const,
  }))
  assert.equal(new Summaries(rosterOf('n0', many)).worthwhile, true)
})
