import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Tally } from './tally.ts'

test('counts of many runs add up, worst figures do not', () => {
  const all = new Tally()
  for (const [crashes, gap] of [
    [1, 300],
    [2, 100],
  ] as const) {
    const one = new Tally()
    one.count('crash', crashes)
    one.count('nothing', 0)
    one.worst('gap', gap)
    all.add(one.counts)
  }
  assert.deepEqual(all.counts, { crash: 3, 'worst gap': 300 })
})
