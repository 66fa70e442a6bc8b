import assert from 'node:assert/strict'
import { test } from 'node:test'
import { shapeOf } from './shape.ts'
import { drawSlots } from './slots.ts'

const UNTIL = 48_000

test('every seventh seed has schedules, and the others are as they were without', () => {
  for (let seed = 1; seed <= 140; seed++) {
    const { configured, orders } = drawSlots(shapeOf(seed), UNTIL)
    assert.equal(configured.length > 0, seed % 7 === 0, `seed ${seed}`)
    if (seed % 7 !== 0) assert.deepEqual(orders, [])
  }
})

test('whoever is paused is resumed later, and all kinds of schedules come up', () => {
  const plans = Array.from({ length: 60 }, (_, i) => drawSlots(shapeOf(7 * (i + 1)), UNTIL))
  const kinds = new Set<string>()
  for (const { configured, orders } of plans) {
    for (const { catchUp, overlap } of configured) kinds.add(catchUp).add(overlap)
    const open = new Map<string, number>()
    for (const fault of orders.toSorted((a, b) => a.at - b.at)) {
      assert.ok(fault.kind === 'schedule' && fault.at <= UNTIL)
      open.set(fault.name, (open.get(fault.name) ?? 0) + (fault.op === 'pause' ? 1 : -1))
      assert.ok((open.get(fault.name) ?? 0) >= 0, 'first it is paused')
    }
    assert.ok([...open.values()].every(count => count === 0))
  }
  assert.deepEqual([...kinds].sort(), ['all', 'allow', 'last', 'none', 'skip'])
})
