import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import HashRing from 'hashring'
import { AssertionError } from '../../src/base/assert.ts'
import { asNodeId } from '../../src/base/ids.ts'
import { buildRing } from '../../src/ring/build-ring.ts'
import { ringDefaults } from '../../src/ring/config.ts'
import { ketama } from './ketama.ts'
import { anyKeys, keys, member, memberSets, nodes, sparse } from './samples.ts'

const config = ringDefaults()

test('owner and preference list are those of a ketama written independently', () => {
  fc.assert(
    fc.property(memberSets(1, 9), anyKeys, (members, some) => {
      const ring = buildRing(members, sparse)
      const reference = ketama(members, sparse.vnodesPerWeight)
      for (const key of some) {
        assert.deepEqual(ring.preferenceList(key, members.length), reference.list(key))
        assert.equal(ring.owner(key), reference.list(key)[0])
      }
    }),
  )
})

test('owners are those that bare hashring gives to members of equal weight', () => {
  const members = nodes(8)
  const ring = buildRing(members, config)
  const bare = new HashRing(
    members.map(({ id }) => id),
    'md5',
    { 'vnode count': config.vnodesPerWeight },
  )
  for (const key of keys(5_000)) assert.equal(ring.owner(key), bare.get(key))
})

test('names that hashring would parse as addresses go through untouched', () => {
  // Node ids hold no colon today; a ring that split them would put two members on one place.
  const names = ['10.0.0.1:7946', '10.0.0.1:7947', '10.0.0.1', '[::1]:80', 'a:b:c']
  const members = names.map(name => member(name))
  const ring = buildRing(members, sparse)
  const reference = ketama(members, sparse.vnodesPerWeight)
  for (const key of keys(500)) assert.deepEqual(ring.preferenceList(key, 5), reference.list(key))
  assert.deepEqual([...new Set(keys(500).map(key => ring.owner(key)))].sort(), [...names].sort())
})

test('a member keeps its tokens whatever number of vnodes the others have', () => {
  for (const weight of [0.4, 1, 1.6, 40]) {
    const alone = buildRing([member('steady')], config)
    const beside = buildRing([member('steady'), member('other', weight)], config)
    const tokens = new Set(beside.tokens)
    assert.ok(alone.tokens.every(token => tokens.has(token)))
    assert.equal(beside.tokens.length, 400 + Math.round(weight * 100) * 4)
  }
})

test('a weight too small for one vnode still gives one', () => {
  const ring = buildRing([member('a'), member('speck', 0.0001)], config)
  assert.equal(ring.tokens.length, 404)
  assert.ok(ring.share(asNodeId('speck')) > 0)
})

test('the order in which members are given changes nothing', () => {
  fc.assert(
    fc.property(
      memberSets(1, 8).chain(set =>
        fc.tuple(fc.constant(set), fc.shuffledSubarray(set, { minLength: set.length })),
      ),
      anyKeys,
      ([members, shuffled], some) => {
        const a = buildRing(members, sparse)
        const b = buildRing(shuffled, sparse)
        assert.equal(a.checksum, b.checksum)
        assert.deepEqual(a.members, b.members)
        for (const key of some) assert.deepEqual(a.preferenceList(key, 3), b.preferenceList(key, 3))
      },
    ),
  )
})

test('explain agrees with owner and preference list, and its token is the first at or after the hash', () => {
  fc.assert(
    fc.property(memberSets(1, 6), anyKeys, (members, some) => {
      const ring = buildRing(members, sparse)
      for (const key of some) {
        const placement = ring.explain(key, 3)
        assert.equal(placement.owner, ring.owner(key))
        assert.deepEqual(placement.preferenceList, ring.preferenceList(key, 3))
        assert.equal(ring.ownerAt(placement.token), placement.owner)
        const expected = ring.tokens.find(token => token >= placement.hash) ?? ring.tokens[0]
        assert.equal(placement.token, expected)
      }
    }),
  )
})

test('a preference list holds distinct members and as many as asked for or there are', () => {
  const ring = buildRing(nodes(5), config)
  for (const key of keys(200)) {
    for (const count of [0, 1, 3, 5, 9]) {
      const list = ring.preferenceList(key, count)
      assert.equal(list.length, Math.min(count, 5))
      assert.equal(new Set(list).size, list.length)
    }
    assert.deepEqual(ring.preferenceList(key, 3), ring.preferenceList(key, 5).slice(0, 3))
  }
})

test('an empty ring owns nothing and says so', () => {
  const ring = buildRing([], config)
  assert.equal(ring.owner('key'), undefined)
  assert.equal(ring.ownerAt(7), undefined)
  assert.deepEqual(ring.preferenceList('key', 3), [])
  assert.deepEqual(ring.tokens, [])
  assert.equal(ring.share(asNodeId('a')), 0)
  assert.throws(() => ring.explain('key', 3), AssertionError)
})

test('the whole circle belongs to a member that is alone', () => {
  const ring = buildRing([member('only')], config)
  assert.equal(ring.share(asNodeId('only')), 1)
  assert.ok(keys(100).every(key => ring.owner(key) === 'only'))
  assert.equal(ring.ownerAt(0), 'only')
  assert.equal(ring.ownerAt(2 ** 32 - 1), 'only')
})

test('the checksum tells members, weights and every parameter apart', () => {
  const base = [member('a'), member('b')]
  const sums = [
    buildRing(base, config),
    buildRing([member('a'), member('c')], config),
    buildRing([member('a'), member('b', 2)], config),
    buildRing([...base, member('c')], config),
    buildRing(base, { ...config, vnodesPerWeight: 99 }),
    buildRing(base, { ...config, replicas: 2 }),
    buildRing([], config),
  ].map(({ checksum }) => checksum)
  assert.equal(new Set(sums).size, sums.length)
  assert.ok(sums.every(sum => /^[0-9a-f]{16}$/.test(sum)))
})

test('equal members give the same ring, and more rings than are kept do not spoil that', () => {
  const first = buildRing(nodes(3), sparse)
  assert.equal(buildRing([...nodes(3)].reverse(), sparse), first)
  for (let count = 1; count <= 40; count++) buildRing(nodes(count), sparse)
  const again = buildRing(nodes(3), sparse)
  assert.equal(again.checksum, first.checksum)
  assert.deepEqual(
    keys(50).map(key => again.owner(key)),
    keys(50).map(key => first.owner(key)),
  )
})

test('a ring cannot be changed from outside', () => {
  const given = [{ id: asNodeId('a'), weight: 1 }]
  const ring = buildRing(given, config)
  given[0] = { id: asNodeId('b'), weight: 2 }
  assert.deepEqual(ring.members, [member('a')])
  assert.throws(() => (ring.members as RingMemberList).push(member('c')), TypeError)
  assert.throws(() => (ring.tokens as number[]).push(1), TypeError)
})

type RingMemberList = ReturnType<typeof member>[]

test('a member twice, or a weight that is no weight, is a bug', () => {
  assert.throws(() => buildRing([member('a'), member('a', 2)], config), AssertionError)
  for (const weight of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(() => buildRing([member('a', weight)], config), AssertionError)
  }
})
