/** Can the judge of a takeover fail? It is given a repeat that is right, and then the same with one thing wrong. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startsElsewhere, type Taken, takeoverClaims } from './takeover-claims.ts'

const RIGHT: Taken = { victim: 'n4', firstStartS: 0.6, allOwnedS: 2, allEndedS: 9, succeeded: 100 }

const failing = (taken: readonly Taken[], repeats = taken.length) =>
  takeoverClaims(taken, { count: 100, repeats })
    .filter(({ holds }) => holds === false)
    .map(({ claim }) => claim)

const [ALL, FIRST, OWNED, RAN] = [
  'takeovers',
  '100 queued tasks, kill -9 of their owner: the first starts elsewhere',
  'all of them have an owner again',
  'all of them ran, and succeeded',
]

test('takeovers that keep to their limits', () => {
  assert.deepEqual(failing([RIGHT, RIGHT]), [])
})

test('one of several is late, its tasks never start, have no owner for long, or did not all run', () => {
  const one = (more: Partial<Taken>) => failing([RIGHT, { ...RIGHT, ...more }, RIGHT])
  assert.deepEqual(one({ firstStartS: 1.01 }), [FIRST])
  assert.deepEqual(one({ firstStartS: null }), [FIRST])
  assert.deepEqual(one({ allOwnedS: 5.01 }), [OWNED])
  assert.deepEqual(one({ succeeded: 99 }), [RAN])
  assert.deepEqual(one({ succeeded: 101 }), [RAN])
})

test('a takeover that was left out, and none at all', () => {
  assert.deepEqual(failing([RIGHT], 2), [ALL])
  assert.deepEqual(failing([], 0), [ALL, FIRST, OWNED, RAN])
})

const KEYS = new Set(['a', 'b'])
const record = (id: string, state: 'succeeded' | 'ready', ...starts: readonly number[]) => ({
  spec: { id },
  state,
  attempts: starts.map(startedAt => ({ startedAt })),
})

test('starts are of the tasks in question, after the kill, and of each once', () => {
  assert.deepEqual(
    startsElsewhere([record('a', 'succeeded', 90, 110), record('b', 'succeeded', 120)], KEYS, 100),
    [110, 120],
  )
  const before = [record('a', 'succeeded', 90), record('b', 'succeeded', 120)]
  assert.deepEqual(startsElsewhere(before, KEYS, 100), [120], 'one that ran before is missing')
})

test('not all have succeeded while one has no end, is nowhere, or stands there twice', () => {
  const a = record('a', 'succeeded', 110)
  assert.equal(startsElsewhere([a, record('b', 'ready')], KEYS, 100), undefined)
  assert.equal(startsElsewhere([a, record('c', 'succeeded', 110)], KEYS, 100), undefined)
  assert.equal(startsElsewhere([a, a], KEYS, 100), undefined)
})
