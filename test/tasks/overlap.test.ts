import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import { OVERLAP_ATTEMPTS_MAX, OVERLAP_KEYS_MAX, Overlaps, overlaps } from '../../src/tasks/overlap.ts'
import type { Attempt, TaskRecord } from '../../src/tasks/task.ts'
import { freshRecord } from '../../src/tasks/transition.ts'
import { spec } from './samples.ts'

const attempt = (node: string, startedAt: number, endedAt?: number): Attempt => ({
  number: 1,
  node: asNodeId(node),
  startedAt: wallOf(startedAt),
  ...(endedAt === undefined ? {} : { endedAt: wallOf(endedAt) }),
})

test('attempts of two nodes overlap when each began before the other ended', () => {
  assert.equal(overlaps([attempt('a', 0, 10), attempt('b', 9, 20)]), true)
  assert.equal(overlaps([attempt('b', 9, 20), attempt('a', 0, 10)]), true)
  assert.equal(overlaps([attempt('a', 0, 100), attempt('b', 9, 20)]), true)
  assert.equal(overlaps([attempt('a', 0), attempt('b', 9, 20)]), true)
  assert.equal(overlaps([attempt('a', 0, 5), attempt('c', 6, 8), attempt('b', 7)]), true)
})

test('one after the other, or twice on one node, is no overlap', () => {
  assert.equal(overlaps([attempt('a', 0, 10), attempt('b', 10, 20)]), false)
  assert.equal(overlaps([attempt('a', 0, 10), attempt('a', 5, 20)]), false)
  assert.equal(overlaps([attempt('a', 0)]), false)
  assert.equal(overlaps([]), false)
})

const record = (id: string, attempts: readonly Attempt[], key = 'k'): TaskRecord => ({
  ...freshRecord(spec(id, { key }), 'api', wallOf(0), [], 1),
  attempts,
})

/** What the histogram shows: every bucket, sum and count. */
function shown(subject: Overlaps): Readonly<Record<string, number>> {
  const [histogram] = subject.metrics()
  assert.ok(histogram)
  return Object.fromEntries(
    histogram.samples.map(({ suffix, labels, value }) => [labels?.['le'] ?? suffix ?? '', value]),
  )
}

test('an overlap is measured once, when both ends are known', () => {
  const subject = new Overlaps()
  const [running, done] = [record('t', [attempt('a', 0)]), record('t', [attempt('a', 0, 900)])]
  const both = record('t', [attempt('a', 0, 900), attempt('b', 500)])
  const over = record('t', [attempt('a', 0, 900), attempt('b', 500, 2_000)])
  subject.note(undefined, running)
  subject.note(running, done)
  subject.note(done, both)
  assert.equal(shown(subject)['_count'], 0)
  subject.note(both, over)
  subject.note(over, { ...over, revision: 9 })
  subject.note(both, over)
  const found = shown(subject)
  assert.deepEqual([found['_count'], found['_sum'], found['+Inf']], [1, 0.4, 1])
  assert.deepEqual([found['0.1'], found['0.5'], found['300']], [0, 1, 1])
})

test('two tasks of one key on two nodes overlap, those of two keys or of one node do not', () => {
  const subject = new Overlaps()
  subject.note(undefined, record('t', [attempt('a', 0, 900)]))
  subject.note(undefined, record('u', [attempt('a', 0, 900)]))
  subject.note(undefined, record('v', [attempt('b', 0, 900)], 'other'))
  subject.note(undefined, record('w', [attempt('b', 900, 1_000)]))
  assert.equal(shown(subject)['_count'], 0)
  subject.note(undefined, record('x', [attempt('b', 800, 1_000)]))
  assert.equal(shown(subject)['_count'], 2)
  assert.ok(Math.abs((shown(subject)['_sum'] ?? 0) - 0.2) < 1e-9)
})

test('an attempt that was given up for lost is measured when its node tells how it ended', () => {
  const subject = new Overlaps()
  const lost = { ...attempt('a', 0, 100), outcome: 'lost' } as const
  const taken = record('t', [lost, { ...attempt('b', 150, 700), number: 2 }])
  subject.note(undefined, taken)
  assert.equal(shown(subject)['_count'], 0)
  const back = { ...attempt('a', 0, 400), outcome: 'succeeded' } as const
  subject.note(taken, record('t', [back, { ...attempt('b', 150, 700), number: 2 }]))
  assert.deepEqual([shown(subject)['_count'], shown(subject)['_sum']], [1, 0.25])
})

test('what is remembered is bounded, and says how much it is', () => {
  const subject = new Overlaps()
  const watched = () => subject.metrics()[1]?.samples[0]?.value
  for (let i = 0; i < OVERLAP_KEYS_MAX + 5; i++)
    subject.note(undefined, record(`t${i}`, [attempt('a', 0, 9)], `k${i}`))
  const most = watched() ?? 0
  assert.ok(most >= OVERLAP_KEYS_MAX / 2 && most <= OVERLAP_KEYS_MAX, String(most))
  subject.note(undefined, record('early', [attempt('b', 0, 9)], 'k0'))
  assert.equal(shown(subject)['_count'], 0)
  for (let i = 0; i < OVERLAP_ATTEMPTS_MAX; i++)
    subject.note(undefined, record(`u${i}`, [attempt('a', i * 10, i * 10 + 9)], 'busy'))
  subject.note(undefined, record('last', [attempt('b', 0, 1_000)], 'busy'))
  assert.equal(shown(subject)['_count'], OVERLAP_ATTEMPTS_MAX)
})
