import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { layCircle, type Placed } from '../../src/ring/circle.ts'

const placed = fc
  .uniqueArray(fc.tuple(fc.string({ minLength: 1, maxLength: 4 }), fc.integer({ min: 1, max: 5 })), {
    selector: ([name]) => name,
    maxLength: 40,
  })
  .map(members => members.toSorted(([a], [b]) => (a < b ? -1 : 1)))

const changed = (members: readonly Placed[], gone: readonly number[], heavier: readonly number[]): Placed[] =>
  members.flatMap(([name, vnodes], i) =>
    gone.includes(i) ? [] : [[name, heavier.includes(i) ? vnodes + 1 : vnodes] as const],
  )

const few = fc.array(fc.nat(39), { maxLength: 3 })

test('a circle that is mended is the one that would have been laid', () => {
  fc.assert(
    fc.property(placed, few, few, (members, gone, heavier) => {
      const others = changed(members, gone, heavier)
      for (const [from, to] of [
        [members, others],
        [others, members],
      ] as const) {
        const near = { members: from, circle: layCircle(from) }
        assert.deepEqual(layCircle(to, near), layCircle(to))
      }
    }),
  )
})

test('a circle of quite other members is no help, and does no harm', () => {
  fc.assert(
    fc.property(placed, placed, (one, two) => {
      assert.deepEqual(layCircle(two, { members: one, circle: layCircle(one) }), layCircle(two))
    }),
  )
})

test('of equal tokens the member that comes first by name counts, mended or laid', () => {
  const members = Array.from({ length: 60 }, (_, i) => [`n${String(i).padStart(2, '0')}`, 400] as const)
  const circle = layCircle(members)
  const without = members.filter((_, i) => i !== 30)
  assert.deepEqual(layCircle(members, { members: without, circle: layCircle(without) }), circle)
  for (let i = 1; i < circle.tokens.length; i++) {
    const [before, at] = [circle.tokens[i - 1] as number, circle.tokens[i] as number]
    assert.ok(
      before < at || (before === at && (circle.owners[i - 1] as number) <= (circle.owners[i] as number)),
    )
  }
})
