import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { appendShard, readShards, type ShardLine, sumShards } from './ledger.ts'

const line = (more: Partial<ShardLine>): ShardLine => ({
  ...{ commit: 'abc', given: '', from: 1, to: 10, violations: 0, seconds: 1, at: '2026-01-01T00:00:00Z' },
  ...more,
})

test('shards of one commit add up, those of another stand apart', () => {
  const sums = sumShards([line({}), line({ from: 11, to: 20, violations: 2 }), line({ commit: 'def' })])
  assert.deepEqual(sums, [
    { commit: 'abc', given: '', seeds: 20, violations: 2, seconds: 2, ranges: ['1-20'] },
    { commit: 'def', given: '', seeds: 10, violations: 0, seconds: 1, ranges: ['1-10'] },
  ])
})

test('a seed that was run twice counts once, and a gap is seen', () => {
  const sums = sumShards([line({ from: 5, to: 15 }), line({}), line({ from: 30, to: 31 })])
  assert.deepEqual(
    sums.map(({ seeds, ranges }) => ({ seeds, ranges })),
    [{ seeds: 17, ranges: ['1-15', '30-31'] }],
  )
})

test('runs of a fixed shape are not mixed with drawn ones', () => {
  assert.equal(sumShards([line({}), line({ given: 'nodes 8' })]).length, 2)
})

test('lines are kept in a file, and damage names its line', t => {
  const directory = mkdtempSync(join(tmpdir(), 'roundtable-ledger-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const file = join(directory, 'below', 'ledger.ndjson')
  assert.deepEqual(readShards(file), [])
  appendShard(file, line({}))
  appendShard(file, line({ from: 11, to: 20 }))
  assert.deepEqual(readShards(file), [line({}), line({ from: 11, to: 20 })])
  appendFileSync(file, '{"commit"\n')
  assert.throws(() => readShards(file), /line 3: expected JSON/)
})
