import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { Random } from '../../src/base/random.ts'
import { distinctOf } from '../../src/node/schedule-listing.ts'

type Line = Parameters<typeof distinctOf>[0][number]

const line = (name: string, owner: string, decidedTo: number): Line => ({
  ...{ name, owner: asNodeId(owner), decidedTo, timing: { everyMs: 1_000 }, type: 'echo' },
  ...{ source: 'api', paused: false, made: 0, missed: 0 },
})

test('of a schedule that two nodes take for theirs the one is listed that got further', () => {
  const all = [
    line('b', 'n2', 5),
    line('a', 'n3', 7),
    line('b', 'n1', 6),
    line('a', 'n2', 7),
    line('c', 'n1', 0),
  ]
  assert.deepEqual(
    distinctOf(all).map(({ name, owner }) => `${name} ${owner}`),
    ['a n2', 'b n1', 'c n1'],
  )
})

test('what it costs to put lists together does not grow with the square of their length', () => {
  let looks = 0
  const random = new Random(3)
  const count = 4_000
  const all = Array.from({ length: count }, (_, i) =>
    Object.defineProperty({ ...line('', 'n1', i) }, 'name', {
      get: () => {
        looks++
        return names[i]
      },
    }),
  )
  const names = all.map(() => `s${random.below(1_000_000)}`)
  assert.equal(distinctOf(all).length, new Set(names).size)
  assert.ok(looks < 60 * count, `${looks} looks`)
})
