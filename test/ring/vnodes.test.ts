/** Weights are shares: whatever they are, a ring costs no more than one of a thousand members of weight 1. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { asNodeId } from '../../src/base/ids.ts'
import { buildRing } from '../../src/ring/build-ring.ts'
import { ringDefaults } from '../../src/ring/config.ts'
import { checksumOf } from '../../src/ring/hash.ts'
import type { RingMember } from '../../src/ring/ring.ts'
import { VNODES_MAX, vnodesOf } from '../../src/ring/vnodes.ts'
import { ketama } from './ketama.ts'
import { member } from './samples.ts'

const config = ringDefaults()
const heavy = (count: number): readonly RingMember[] =>
  Array.from({ length: count }, (_, i) => member(`node-${i + 1}`, 100))
const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0)

test('up to a sum of weights of 1,024 each member has a hundred vnodes a weight', () => {
  for (const weights of [Array(1_024).fill(1), Array(10).fill(100), [0.001, 0.25, 1.337, 100, 900]]) {
    const { counts, halvings } = vnodesOf(weights, 100)
    assert.equal(halvings, 0)
    const expected = weights.map(weight => Math.max(1, Math.round(weight * 100)))
    assert.deepEqual(counts, expected)
  }
})

test('no ring has more vnodes than the limit, but for one of each member', () => {
  const weight = fc.double({ min: 0.01, max: 100, noNaN: true })
  const weights = fc.array(weight, { maxLength: 400, size: 'max' })
  fc.assert(
    fc.property(weights, fc.integer({ min: 1, max: 1_000 }), (given, vnodesPerWeight) => {
      const { counts, halvings } = vnodesOf(given, vnodesPerWeight)
      assert.ok(sum(counts) <= VNODES_MAX + given.length)
      assert.ok(counts.every(count => Number.isInteger(count) && count >= 1))
      if (halvings > 0) assert.ok(sum(counts) > VNODES_MAX / 2 - given.length, 'nor less than half of it')
    }),
  )
})

test('three hundred members of weight 100 lay as many tokens as a thousand of weight 1, and share alike', () => {
  const ring = buildRing(heavy(300), config)
  assert.ok(ring.tokens.length <= 4 * VNODES_MAX, `${ring.tokens.length} tokens`)
  const shares = ring.members.map(({ id }) => 300 * ring.share(id))
  assert.ok(Math.min(...shares) > 0.75 && Math.max(...shares) < 1.25)
})

test('a ring of halved vnodes is the ketama of these, and a weight stays a proportion', () => {
  const members = [...heavy(12), member('half', 50), member('speck', 0.01)]
  const ring = buildRing(members, config)
  const expected = [...new Set(ketama(members, 50).points.map(({ token }) => token))]
  assert.ok(ring.tokens.length === expected.length && ring.tokens.every((token, i) => token === expected[i]))
  const ratio = ring.share(asNodeId('half')) / ring.share(asNodeId('node-1'))
  assert.ok(ratio > 0.45 && ratio < 0.55, `${ratio}`)
})

test('who comes or goes changes no tokens of those that stay, as long as the sum stays between two doublings', () => {
  const [few, many] = [11, 20].map(count => vnodesOf(Array(count).fill(100), 100).counts)
  assert.deepEqual(new Set(few), new Set([5_000]))
  assert.deepEqual(new Set(many), new Set([5_000]))
})

test('nodes that would lay all tokens do not take such a ring for theirs', () => {
  for (const members of [heavy(11), [member('a'), member('b', 2)]]) {
    const isPlain = buildRing(members, config).checksum === plainChecksum(members)
    assert.equal(isPlain, members.length === 2)
  }
})

/** As nodes make it that know of no halving. */
function plainChecksum(members: readonly RingMember[]): string {
  const sorted = members.toSorted((a, b) => (a.id < b.id ? -1 : 1))
  const { version, hash, vnodesPerWeight, replicas } = config
  const pairs = sorted.map(({ id, weight }) => [id, weight])
  return checksumOf(JSON.stringify([version, hash, vnodesPerWeight, replicas, pairs]))
}
