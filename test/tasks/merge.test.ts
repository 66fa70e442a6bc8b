import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { asNodeId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import { compareAttempts, mergeRecords } from '../../src/tasks/merge.ts'
import { ATTEMPTS_KEPT, type Attempt, type TaskRecord } from '../../src/tasks/task.ts'
import { freshRecord } from '../../src/tasks/transition.ts'
import { spec } from './samples.ts'

const fresh = freshRecord(spec('t'), 'api', wallOf(1_000), [asNodeId('n1')], 1)
const node = fc.constantFrom('n1', 'n2', 'n3').map(asNodeId)

const attempt: fc.Arbitrary<Attempt> = fc
  .record({
    number: fc.integer({ min: 1, max: 12 }),
    node,
    startedAt: fc.integer({ min: 0, max: 3 }).map(wallOf),
    token: fc.option(fc.constantFrom('1', '2')),
    end: fc.option(
      fc.record({
        outcome: fc.constantFrom('succeeded', 'failed', 'lost', 'cancelled', 'fenced'),
        endedAt: fc.integer({ min: 4, max: 6 }).map(wallOf),
        message: fc.option(fc.constantFrom('a', 'b')),
      }),
    ),
  })
  .map(({ number, node, startedAt, token, end }) => ({
    number,
    node,
    startedAt,
    ...(token && { token }),
    ...(end && { outcome: end.outcome as 'failed', endedAt: end.endedAt }),
    ...(end?.message && { error: { code: 'THREW' as const, message: end.message } }),
  }))

/** As records hold them: in order, each once, the newest. */
const attempts = fc
  .uniqueArray(attempt, { maxLength: ATTEMPTS_KEPT + 6, comparator: (a, b) => compareAttempts(a, b) === 0 })
  .map(list => list.sort(compareAttempts).slice(-ATTEMPTS_KEPT))

const record: fc.Arbitrary<TaskRecord> = fc
  .record({
    state: fc.constantFrom('ready', 'running', 'retrying', 'succeeded', 'dead', 'cancelled'),
    revision: fc.integer({ min: 0, max: 3 }),
    attempts,
    result: fc.option(fc.constantFrom(null, 1, 'x', { b: 1, a: [] }), { nil: undefined }),
    settledAt: fc.option(fc.constantFrom(wallOf(5), wallOf(6)), { nil: undefined }),
    payload: fc.constantFrom(null, 1),
    uncounted: fc.option(fc.integer({ min: 1, max: 2 }), { nil: undefined }),
    rounds: fc.integer({ min: 0, max: 2 }),
    after: fc.integer({ min: 1, max: 2 }),
    acceptedAt: fc.constantFrom(wallOf(1_000), wallOf(1_001)),
  })
  .map(({ state, attempts: list, result, settledAt, payload, uncounted, rounds, after, ...rest }) => ({
    ...fresh,
    ...rest,
    spec: { ...fresh.spec, payload },
    state: state as 'ready',
    attempts: list,
    ...(result !== undefined && { result }),
    ...(uncounted !== undefined && { uncounted }),
    ...(rounds > 0 && { redriven: { times: rounds, after, at: wallOf(7) } }),
    ...(settledAt !== undefined && { settledAt }),
  }))

/** As nodes in quorum mode have them too: a life that began later has no lower term. */
const written: fc.Arbitrary<TaskRecord> = fc
  .tuple(record, fc.option(fc.integer({ min: 0, max: 1 }), { nil: undefined }))
  .map(([each, owner]) => {
    if (owner === undefined) return { ...each, acceptedAt: fresh.acceptedAt }
    return { ...each, acceptedAt: wallOf(each.acceptedAt + owner), term: 5 + owner }
  })
const triple = fc.oneof(fc.tuple(record, record, record), fc.tuple(written, written, written))

const RUNS = { numRuns: 2_000 }

test('it does not matter which copy comes first', () => {
  fc.assert(
    fc.property(triple, ([a, b]) => assert.deepEqual(mergeRecords(a, b), mergeRecords(b, a))),
    RUNS,
  )
})

test('it does not matter in which order three copies meet', () => {
  fc.assert(
    fc.property(triple, ([a, b, c]) =>
      assert.deepEqual(mergeRecords(mergeRecords(a, b), c), mergeRecords(a, mergeRecords(b, c))),
    ),
    RUNS,
  )
})

test('a copy that is met again changes nothing, and is the very same value', () => {
  fc.assert(
    fc.property(triple, ([a, b]) => {
      const merged = mergeRecords(a, b)
      assert.equal(mergeRecords(a, a), a)
      assert.equal(mergeRecords(merged, structuredClone(b)), merged)
      assert.equal(mergeRecords(merged, structuredClone(a)), merged)
    }),
    RUNS,
  )
})

test('under terms two lives of an id have nothing in common; without, both sides of a partition accepted one task', () => {
  const tried = (life: number, term?: number): TaskRecord => {
    const ran = { number: 1, node: asNodeId(`n${life}`), startedAt: wallOf(life), outcome: 'failed' as const }
    return { ...fresh, acceptedAt: wallOf(life), attempts: [ran], uncounted: life, ...(term && { term }) }
  }
  const second = { ...tried(2, 6), uncounted: 1 }
  assert.equal(mergeRecords(tried(1, 6), second), second)
  assert.equal(mergeRecords(tried(1, 5), second), second)
  assert.equal(mergeRecords(second, tried(1)), second)
  assert.equal(mergeRecords(tried(1), tried(2)).attempts.length, 2)
})

test('what is settled stays settled, but for another round that somebody ordered', () => {
  fc.assert(
    fc.property(record, record, (a, b) => {
      const rounds = Math.max(...[a, b].map(({ redriven }) => redriven?.times ?? 0))
      const states = [a, b]
        .filter(({ redriven }) => (redriven?.times ?? 0) === rounds)
        .map(({ state }) => state)
      const best = (['succeeded', 'dead', 'cancelled'] as const).find(state => states.includes(state))
      if (best !== undefined) assert.equal(mergeRecords(a, b).state, best)
    }),
    RUNS,
  )
})

test('nobody who ran it is forgotten while there is room', () => {
  fc.assert(
    fc.property(record, record, (a, b) => {
      const merged = mergeRecords(a, b).attempts
      const all = [...a.attempts, ...b.attempts]
      const names = new Set(all.map(each => `${each.number} ${each.startedAt} ${each.node}`))
      assert.equal(merged.length, Math.min(ATTEMPTS_KEPT, names.size))
      assert.deepEqual([...merged].sort(compareAttempts), merged)
    }),
    RUNS,
  )
})

test('among unsettled copies the one with more attempts is right, then the one changed more often', () => {
  const one = { number: 1, node: asNodeId('n1'), startedAt: wallOf(1) }
  const two = { number: 2, node: asNodeId('n2'), startedAt: wallOf(2) }
  const older: TaskRecord = { ...fresh, state: 'retrying', revision: 9, attempts: [one] }
  const newer: TaskRecord = { ...fresh, state: 'running', revision: 4, attempts: [one, two] }
  assert.equal(mergeRecords(older, newer).state, 'running')
  assert.equal(
    mergeRecords({ ...older, revision: 2 }, { ...older, state: 'ready', revision: 3 }).state,
    'ready',
  )
})

test('the end of an attempt is believed rather than that it was given up', () => {
  const open = { number: 1, node: asNodeId('n1'), startedAt: wallOf(1) }
  const lost: TaskRecord = {
    ...fresh,
    revision: 3,
    attempts: [{ ...open, outcome: 'lost', endedAt: wallOf(9) }],
  }
  const done: TaskRecord = {
    ...fresh,
    revision: 2,
    attempts: [{ ...open, outcome: 'failed', endedAt: wallOf(2) }],
  }
  assert.equal(mergeRecords(lost, done).attempts[0]?.outcome, 'failed')
  assert.equal(mergeRecords(lost, done).revision, 3)
})

test('of two that gave an attempt up the first was nearer to its end', () => {
  const open = { number: 1, node: asNodeId('n1'), startedAt: wallOf(1) }
  const givenUpAt = (ms: number): TaskRecord => ({
    ...fresh,
    attempts: [{ ...open, outcome: 'lost', endedAt: wallOf(ms) }],
  })
  assert.equal(mergeRecords(givenUpAt(9), givenUpAt(4)).attempts[0]?.endedAt, 4)
  assert.equal(mergeRecords(givenUpAt(4), givenUpAt(9)).attempts[0]?.endedAt, 4)
})

test('another try of a dead letter wins over the copies that say dead, whatever they have tried', () => {
  fc.assert(
    fc.property(record, record, (a, b) => {
      const older = { ...a, redriven: { times: 1, after: 1, at: wallOf(7) } }
      const newer = { ...b, redriven: { times: 2, after: 1, at: wallOf(8) } }
      assert.equal(mergeRecords(older, newer).state, newer.state)
      assert.equal(mergeRecords(newer, older).redriven?.times, 2)
    }),
    RUNS,
  )
})

test('of one owner the task that was accepted later is right, however often the one before was changed', () => {
  const ended: TaskRecord = { ...fresh, state: 'cancelled', term: 5, revision: 7 }
  const anew: TaskRecord = { ...fresh, acceptedAt: wallOf(2_000), term: 5 }
  assert.equal(mergeRecords(ended, anew), anew)
  assert.equal(mergeRecords(anew, { ...ended, term: 6 }).state, 'cancelled', 'a later owner')
})
