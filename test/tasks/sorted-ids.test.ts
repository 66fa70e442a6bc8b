import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { asTaskId } from '../../src/base/ids.ts'
import { SortedIds } from '../../src/tasks/sorted-ids.ts'

const idOf = (number: number) => asTaskId(`t${String(number).padStart(5, '0')}`)

test('what came and has not gone is there once, in order, from any place on', () => {
  const calls = fc.array(fc.tuple(fc.boolean(), fc.nat(3_000)), { maxLength: 4_000 })
  fc.assert(
    fc.property(calls, fc.nat(3_000), (all, from) => {
      const sorted = new SortedIds()
      const model = new Set<string>()
      for (const [comes, number] of all) {
        const id = idOf(number)
        if (comes) assert.equal(sorted.add(id), !model.has(id))
        else assert.equal(sorted.remove(id), model.has(id))
        if (comes) model.add(id)
        else model.delete(id)
      }
      const expected = [...model].sort()
      assert.deepEqual([...sorted.above()], expected)
      assert.equal(sorted.size, expected.length)
      assert.deepEqual(
        [...sorted.above(idOf(from))],
        expected.filter(id => id > idOf(from)),
      )
    }),
    { numRuns: 200 },
  )
})

test('many that come in order, and go again, leave nothing behind', () => {
  const sorted = new SortedIds()
  for (let i = 0; i < 20_000; i++) sorted.add(idOf(i))
  assert.deepEqual(
    [...sorted.above()],
    Array.from({ length: 20_000 }, (_, i) => idOf(i)),
  )
  for (let i = 0; i < 20_000; i++) sorted.remove(idOf(i))
  assert.equal(sorted.size, 0)
  assert.deepEqual([...sorted.above()], [])
})
