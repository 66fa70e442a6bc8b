import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { appendPiece, type PieceLine, piecesLeft, readPieces, sumPieces, unitedPieces } from './ledger.ts'

const line = (more: Partial<PieceLine>): PieceLine => ({
  ...{ commit: 'abc', code: 'c0de', given: '', from: 1, to: 10, failed: [], seconds: 1, counts: {} },
  at: '2026-01-01T00:00:00Z',
  ...more,
})

test('pieces of one code add up over commits, those of another stand apart', () => {
  const sums = sumPieces([
    line({ counts: { crash: 2, 'worst gap': 7 } }),
    line({ from: 11, to: 20, failed: [12, 13], commit: 'def', counts: { crash: 3, 'worst gap': 5 } }),
    line({ code: 'other' }),
  ])
  const { code, commits, seeds, failed, seconds, ranges, counts } = sums[0] ?? assert.fail('no sum')
  assert.deepEqual([code, commits, seeds, failed, seconds], ['c0de', ['abc', 'def'], 20, [12, 13], 2])
  assert.deepEqual(ranges, [[1, 20]])
  assert.deepEqual(counts, { crash: 5, 'worst gap': 7 })
  assert.deepEqual(
    sums.map(sum => sum.code),
    ['c0de', 'other'],
  )
})

test('a seed that was run twice counts once, and a gap is seen', () => {
  const sums = sumPieces([
    line({ from: 5, to: 15, failed: [6] }),
    line({ failed: [6] }),
    line({ from: 30, to: 31 }),
  ])
  assert.deepEqual(
    sums.map(({ seeds, ranges, failed }) => ({ seeds, ranges, failed })),
    [
      {
        seeds: 17,
        ranges: [
          [1, 15],
          [30, 31],
        ],
        failed: [6],
      },
    ],
  )
})

test('a line that was handed on counts once', () => {
  const [first, second] = [line({ counts: { crash: 2 } }), line({ from: 11, to: 20, counts: { crash: 3 } })]
  const [sum] = sumPieces(unitedPieces([first], [{ ...first }, second]))
  assert.deepEqual([sum?.seeds, sum?.counts], [20, { crash: 5 }])
})

test('runs of a fixed shape are not mixed with drawn ones', () => {
  assert.equal(sumPieces([line({}), line({ given: 'nodes 8' })]).length, 2)
})

test('what is done is not run again, and the rest comes in pieces', () => {
  assert.deepEqual(piecesLeft([1, 10], [], 4), [
    [1, 4],
    [5, 8],
    [9, 10],
  ])
  const done = [
    [8, 9],
    [2, 3],
    [50, 60],
  ] as const
  assert.deepEqual(piecesLeft([1, 10], done, 4), [
    [1, 1],
    [4, 7],
    [10, 10],
  ])
  assert.deepEqual(piecesLeft([5, 8], [[1, 6]], 4), [[7, 8]])
  assert.deepEqual(piecesLeft([5, 8], [[1, 100]], 4), [])
})

test('lines are kept in a file, damage names its line, and half a line at the end is let go', t => {
  const directory = mkdtempSync(join(tmpdir(), 'roundtable-ledger-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const file = join(directory, 'below', 'ledger.ndjson')
  assert.deepEqual(readPieces(file), [])
  appendPiece(file, line({}))
  appendPiece(file, line({ from: 11, to: 20 }))
  assert.deepEqual(readPieces(file), [line({}), line({ from: 11, to: 20 })])
  appendFileSync(file, '{"commit"')
  assert.equal(readPieces(file).length, 2)
  appendPiece(file, line({ from: 21, to: 30 }))
  assert.equal(readPieces(file).length, 3)
  appendFileSync(file, '{"commit"\n')
  assert.throws(() => readPieces(file), /line 4: expected JSON/)
})
