/** What moves when members come and go, and how evenly the circle is shared: why there is a ring at all. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { asNodeId } from '../../src/base/ids.ts'
import { buildRing } from '../../src/ring/build-ring.ts'
import { ringDefaults } from '../../src/ring/config.ts'
import { diffRings } from '../../src/ring/diff.ts'
import { position } from '../../src/ring/hash.ts'
import type { Ring } from '../../src/ring/ring.ts'
import { anyKeys, keys, member, memberSets, nodes, sparse } from './samples.ts'

const config = ringDefaults()
const CIRCLE = 2 ** 32

/** Two sets where the second lacks one member of the first. */
const departures = memberSets(2, 8).chain(members =>
  fc
    .nat({ max: members.length - 1 })
    .map(i => ({ members, gone: members[i]?.id, rest: members.toSpliced(i, 1) })),
)

test('when a member leaves exactly its keys move, and not one key more', () => {
  fc.assert(
    fc.property(departures, anyKeys, ({ members, gone, rest }, some) => {
      const before = buildRing(members, sparse)
      const after = buildRing(rest, sparse)
      for (const key of some) {
        const owner = before.owner(key)
        assert.equal(after.owner(key) !== owner, owner === gone)
      }
      const lost = before.preferenceList('any', 99).filter(id => id !== gone)
      assert.deepEqual(after.preferenceList('any', 99), lost)
    }),
  )
})

test('when a member joins keys move only to it', () => {
  fc.assert(
    fc.property(departures, anyKeys, ({ members, gone, rest }, some) => {
      const before = buildRing(rest, sparse)
      const after = buildRing(members, sparse)
      for (const key of some) {
        if (after.owner(key) !== before.owner(key)) assert.equal(after.owner(key), gone)
      }
    }),
  )
})

test('over the whole circle, what a leave moves is the share of the departed to the last position', () => {
  fc.assert(
    fc.property(departures, ({ members, gone, rest }) => {
      const before = buildRing(members, sparse)
      const changes = diffRings(before, buildRing(rest, sparse))
      assert.ok(changes.every(change => change.before === gone && change.after !== gone))
      assert.equal(moved(changes), before.share(asNodeId(String(gone))) * CIRCLE)
    }),
  )
})

test('the diff says of every key what comparing the two rings says', () => {
  fc.assert(
    fc.property(memberSets(0, 6), memberSets(0, 6), anyKeys, (a, b, some) => {
      const before = buildRing(a, sparse)
      const after = buildRing(b, sparse)
      const changes = diffRings(before, after)
      for (const at of probes(some, before, after)) {
        const found = changes.filter(({ from, to }) => from <= at && at <= to)
        const expected =
          before.ownerAt(at) === after.ownerAt(at)
            ? []
            : [{ before: before.ownerAt(at), after: after.ownerAt(at) }]
        assert.deepEqual(
          found.map(change => ({ before: change.before, after: change.after })),
          expected,
        )
      }
    }),
  )
})

test('ranges of a diff are in order, apart, and as long as they can be', () => {
  fc.assert(
    fc.property(memberSets(0, 6), memberSets(0, 6), (a, b) => {
      const changes = diffRings(buildRing(a, sparse), buildRing(b, sparse))
      changes.forEach((change, i) => {
        assert.ok(0 <= change.from && change.from <= change.to && change.to < CIRCLE)
        const last = changes[i - 1]
        if (!last) return
        assert.ok(last.to < change.from)
        if (last.to + 1 === change.from) {
          assert.notDeepEqual([last.before, last.after], [change.before, change.after])
        }
      })
    }),
  )
})

test('a ring does not differ from itself, and differs everywhere from an empty one', () => {
  const ring = buildRing(nodes(8), config)
  const empty = buildRing([], config)
  assert.deepEqual(diffRings(ring, buildRing([...nodes(8)].reverse(), config)), [])
  assert.equal(moved(diffRings(empty, ring)), CIRCLE)
  assert.equal(moved(diffRings(ring, empty)), CIRCLE)
  const gained = diffRings(empty, ring).filter(({ after }) => after === 'node-3')
  assert.equal(moved(gained), ring.share(asNodeId('node-3')) * CIRCLE)
})

test('shares add up to exactly one', () => {
  fc.assert(
    fc.property(memberSets(1, 12), members => {
      const ring = buildRing(members, sparse)
      const positions = ring.members.reduce((sum, { id }) => sum + ring.share(id) * CIRCLE, 0)
      assert.equal(positions, CIRCLE)
    }),
  )
})

test('a position is the same whether it is remembered, forgotten or too long to be remembered', () => {
  const word = (key: string): number => createHash('md5').update(key).digest().readUInt32LE(0)
  const early = ['first', 'x'.repeat(256), 'x'.repeat(257)]
  for (const key of [...early, ...keys(10_000), ...early, ...early]) assert.equal(position(key), word(key))
})

test('a share is the fraction of keys that a member really gets', () => {
  const ring = buildRing(nodes(8), config)
  const counts = new Map<string, number>()
  const many = keys(80_000)
  for (const key of many) {
    const owner = String(ring.owner(key))
    counts.set(owner, (counts.get(owner) ?? 0) + 1)
  }
  for (const { id } of ring.members) {
    const expected = ring.share(id)
    // Five standard deviations of a binomial count.
    const tolerance = 5 * Math.sqrt((expected * (1 - expected)) / many.length)
    assert.ok(Math.abs((counts.get(id) ?? 0) / many.length - expected) < tolerance, id)
  }
})

test('members of equal weight own about as much: within a fifth of the fair share for 3 to 32', () => {
  for (const count of [3, 8, 16, 32]) {
    const ring = buildRing(nodes(count), config)
    const shares = ring.members.map(({ id }) => ring.share(id) * count)
    assert.ok(Math.min(...shares) > 0.8, `${count}: least ${Math.min(...shares)}`)
    assert.ok(Math.max(...shares) < 1.2, `${count}: most ${Math.max(...shares)}`)
  }
})

test('eight members own 12.5 % with a spread of about 0.7 %, over many sets of names', () => {
  const deviations: number[] = []
  for (let set = 0; set < 40; set++) {
    const ring = buildRing(
      Array.from({ length: 8 }, (_, i) => member(`set${set}-node${i}`)),
      config,
    )
    deviations.push(...ring.members.map(({ id }) => ring.share(id) - 0.125))
  }
  const spread = Math.sqrt(deviations.reduce((sum, d) => sum + d * d, 0) / deviations.length)
  assert.ok(spread > 0.003 && spread < 0.009, `standard deviation ${spread}`)
})

test('a weight is a proportion', () => {
  const given = [0.25, 0.5, 1, 1, 2, 4]
  const total = given.reduce((sum, weight) => sum + weight, 0)
  const ring = buildRing(
    given.map((weight, i) => member(`w${i}`, weight)),
    config,
  )
  given.forEach((weight, i) => {
    const ratio = (ring.share(asNodeId(`w${i}`)) * total) / weight
    assert.ok(ratio > 0.7 && ratio < 1.3, `weight ${weight}: ${ratio} of its fair share`)
  })
})

function moved(changes: ReturnType<typeof diffRings>): number {
  return changes.reduce((sum, { from, to }) => sum + to - from + 1, 0)
}

/** Where the keys lie, the ends of the circle, and both sides of every token: that is where an off-by-one would show. */
function probes(some: readonly string[], ...rings: readonly Ring[]): readonly number[] {
  const tokens = rings.flatMap(ring => ring.tokens)
  return [...some.map(position), 0, CIRCLE - 1, ...tokens.flatMap(t => [t, (t + 1) % CIRCLE])]
}
