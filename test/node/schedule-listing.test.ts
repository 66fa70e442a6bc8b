import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { Random } from '../../src/base/random.ts'
import { distinctOf, pageOf } from '../../src/node/schedule-listing.ts'

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

test('whoever lists what it owns by another ring than the node asked is unsure', () => {
  const tell = (ring: string | undefined, ...schedules: Line[]) => ({
    ...{ schedules, more: false, settled: true },
    ...(ring !== undefined && { ring }),
  })
  const page = (...rings: (string | undefined)[]) =>
    pageOf({
      limit: 10,
      waiting: [],
      told: new Map(
        rings.map((ring, i) => [asNodeId(`n${i + 1}`), tell(ring, line(`s${i}`, `n${i + 1}`, 0))]),
      ),
    })
  assert.deepEqual(page('new', 'new', 'new').unsure, [])
  // n1 lost a schedule and knows it, n2 gained it and does not know yet: nobody lists it, and nobody is taking over.
  assert.deepEqual(page('new', 'old', 'new').unsure, ['n2'])
  assert.deepEqual(page('old', 'new', 'new').unsure, ['n2', 'n3'])
  assert.equal(page('old', 'new', 'new').schedules.length, 3, 'what they have is listed all the same')
  assert.deepEqual(page('new', 'new', undefined).unsure, ['n3'], 'it says by no ring')
  assert.deepEqual(page(undefined, undefined).unsure, ['n1', 'n2'], 'and so does the node asked')
})
