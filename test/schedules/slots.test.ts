import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Hit, judge, parseLedger, type RecordedAttempt } from './slots.ts'

const slots = [1, 2, 3, 4]
const taskOf = (slot: number): string => `s@${slot}`
const none = (): readonly RecordedAttempt[] => []
const ledger = (...lines: readonly string[]) => parseLedger(lines.map(line => `${line}\n`).join(''))

test('every slot that ran once is counted, and nothing else is found', () => {
  const runs = ledger('s@1 1 n1 9', 's@2 1 n1 9', 's@3 1 n2 10', 's@4 1 n2 10', 'other@1 1 n2 10')
  const found = judge(slots, taskOf, runs, [], none, [])
  assert.deepEqual(found, { slots: 4, once: 4, lost: [], listed: [], explained: [], twice: [], both: [] })
})

test('a slot that nobody ran is lost unless it is listed', () => {
  const runs = ledger('s@1 1 n1 9', 's@4 1 n1 9')
  const found = judge(slots, taskOf, runs, [{ from: 3, to: 3 }], none, [])
  assert.deepEqual([found.lost, found.listed, found.once], [[2], [3], 2])
})

const KILL: Hit = { kind: 'kill', node: 'n1', from: 1_000, to: 4_000 }
const CUT: Hit = { kind: 'cut', node: 'n1', from: 1_000, to: 100_000 }
const twoRuns = ledger('s@1 1 n1 9', 's@1 2 n2 10')
const lost = { number: 1, node: 'n1', outcome: 'lost', token: '9', startedAt: 900, endedAt: 3_000 }
const done = { number: 2, node: 'n2', outcome: 'succeeded', token: '10', startedAt: 3_100, endedAt: 3_168 }
const isExplained = (attempts: readonly RecordedAttempt[], hits: readonly Hit[], runs = twoRuns): boolean => {
  const { explained, twice } = judge(slots, taskOf, runs, [], () => attempts, hits)
  assert.equal(explained.length + twice.length, 1)
  return explained.length === 1
}

test('a second run is explained only by a record that has both attempts and one success', () => {
  assert.equal(isExplained([lost, done], [KILL]), true)
  // Both say that they were the first: two owners at once.
  const twins = ledger('s@1 1 n1 9', 's@1 1 n2 10')
  assert.equal(isExplained([{ ...lost, outcome: 'succeeded' }], [KILL], twins), false)
  assert.equal(isExplained([{ ...lost, outcome: 'succeeded' }, done], [KILL], twins), false)
  assert.equal(isExplained([], [KILL]), false, 'nobody knows it any more')
  assert.equal(isExplained([lost], [KILL]), false, 'no end')
  for (const outcome of ['failed', 'cancelled', undefined]) {
    const { outcome: _, ...first } = lost
    assert.equal(isExplained([{ ...first, ...(outcome && { outcome }) }, done], [KILL]), false, outcome)
  }
})

test('an attempt that was lost is explained by a hit of its own node while it was under way, and by no other', () => {
  assert.equal(isExplained([lost, done], []), false)
  assert.equal(isExplained([lost, done], [{ ...KILL, node: 'n2' }]), false, 'another node')
  assert.equal(isExplained([{ ...lost, startedAt: 1_001 }, done], [KILL]), false, 'begun after the kill')
  assert.equal(isExplained([lost, { ...done, startedAt: 999 }], [KILL]), false, 'run again before the kill')
  const late = { ...done, startedAt: 200_000, endedAt: 200_100 }
  assert.equal(isExplained([{ ...lost, startedAt: 104_999 }, late], [CUT]), true, 'in the aftermath')
  assert.equal(isExplained([{ ...lost, startedAt: 105_001 }, late], [CUT]), false, 'long after the heal')
})

test('an attempt whose node lost its right is explained by a hit of anybody at that time', () => {
  const fenced = { ...lost, outcome: 'fenced', endedAt: 2_500 }
  const elsewhere = { ...KILL, node: 'n5' }
  assert.equal(isExplained([fenced, done], [elsewhere]), true)
  assert.equal(isExplained([fenced, done], []), false)
  assert.equal(isExplained([{ ...fenced, endedAt: 999 }, done], [elsewhere]), false, 'fenced before the hit')
  assert.equal(isExplained([{ ...fenced, startedAt: 12_001, endedAt: 12_100 }, done], [elsewhere]), false)
})

test('an end that nobody heard of explains a second run, if that began after it on another node under a newer token', () => {
  const first = { ...lost, outcome: 'succeeded', endedAt: 968 }
  assert.equal(isExplained([first, done], [KILL]), true)
  assert.equal(isExplained([first, done], []), false, 'nobody was hit')
  assert.equal(isExplained([first, done], [{ ...KILL, node: 'n2' }]), false, 'another one was hit')
  assert.equal(
    isExplained([first, { ...done, startedAt: 9_000 }], [{ ...KILL, from: 2_969 }]),
    false,
    'known by then',
  )
  assert.equal(isExplained([{ ...first, endedAt: 3_101 }, done], [KILL]), false, 'both at once')
  assert.equal(isExplained([{ ...first, token: '11' }, done], [KILL]), false, 'under an older token')
  assert.equal(isExplained([{ ...first, node: 'n2' }, done], [KILL]), false, 'the node knew its own')
})

test('a slot that is listed as missed and ran all the same is said', () => {
  const found = judge(slots, taskOf, ledger('s@1 1 n1 9', 's@2 1 n1 9'), [{ from: 2, to: 4 }], none, [])
  assert.deepEqual([found.both, found.lost, found.listed], [[2], [], [3, 4]])
})

test('a ledger with a torn line is refused', () => {
  assert.throws(() => parseLedger('s@1 1 n1 9\ns@2 1\n'), /another shape/)
})
