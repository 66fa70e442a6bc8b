import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judge, parseLedger, type RecordedAttempt } from './slots.ts'

const slots = [1, 2, 3, 4]
const taskOf = (slot: number): string => `s@${slot}`
const none = (): readonly RecordedAttempt[] => []
const ledger = (...lines: readonly string[]) => parseLedger(lines.map(line => `${line}\n`).join(''))

test('every slot that ran once is counted, and nothing else is found', () => {
  const runs = ledger('s@1 1 n1 9', 's@2 1 n1 9', 's@3 1 n2 10', 's@4 1 n2 10', 'other@1 1 n2 10')
  const found = judge(slots, taskOf, runs, [], none)
  assert.deepEqual(found, { slots: 4, once: 4, lost: [], listed: [], explained: [], twice: [], both: [] })
})

test('a slot that nobody ran is lost unless it is listed', () => {
  const runs = ledger('s@1 1 n1 9', 's@4 1 n1 9')
  const found = judge(slots, taskOf, runs, [{ from: 3, to: 3 }], none)
  assert.deepEqual([found.lost, found.listed, found.once], [[2], [3], 2])
})

test('a second run is explained only by a record that has both attempts and one success', () => {
  const runs = ledger(
    's@1 1 n1 9',
    's@1 2 n2 10',
    's@2 1 n1 9',
    's@2 1 n2 10',
    's@3 1 n1 9',
    's@3 2 n2 10',
    's@4 1 n1 9',
    's@4 2 n1 9',
  )
  const lost = { number: 1, node: 'n1', outcome: 'lost' }
  const done = { number: 2, node: 'n2', outcome: 'succeeded' }
  const records: Readonly<Record<string, readonly RecordedAttempt[]>> = {
    's@1': [lost, done],
    // Both say that they were the first: two owners at once.
    's@2': [{ ...lost, outcome: 'succeeded' }],
    's@3': [{ ...lost, outcome: 'succeeded' }, done],
  }
  const found = judge(slots, taskOf, runs, [], task => records[task] ?? [])
  assert.deepEqual([found.explained, found.twice], [[1], [2, 3, 4]])
})

test('an end that nobody heard of explains a second run, if that began after it on another node under a newer token', () => {
  const runs = ledger('s@1 1 n1 9', 's@1 2 n2 10')
  const first = { number: 1, node: 'n1', outcome: 'succeeded', token: '9', startedAt: 100, endedAt: 168 }
  const second = {
    number: 2,
    node: 'n2',
    outcome: 'succeeded',
    token: '10',
    startedAt: 10_000,
    endedAt: 10_300,
  }
  const explained = (a: RecordedAttempt, b: RecordedAttempt) =>
    judge(slots, taskOf, runs, [], () => [a, b]).explained.length
  assert.equal(explained(first, second), 1)
  assert.equal(explained({ ...first, endedAt: 10_001 }, second), 0, 'both at once')
  assert.equal(explained({ ...first, token: '11' }, second), 0, 'under an older token')
  assert.equal(explained({ ...first, node: 'n2' }, second), 0, 'the node knew its own')
})

test('a slot that is listed as missed and ran all the same is said', () => {
  const found = judge(slots, taskOf, ledger('s@1 1 n1 9', 's@2 1 n1 9'), [{ from: 2, to: 4 }], none)
  assert.deepEqual([found.both, found.lost, found.listed], [[2], [], [3, 4]])
})

test('a ledger with a torn line is refused', () => {
  assert.throws(() => parseLedger('s@1 1 n1 9\ns@2 1\n'), /another shape/)
})
