import assert from 'node:assert/strict'
import { test } from 'node:test'
import { shownOf } from './claims.ts'
import type { Measured } from './measure.ts'

function round(queue: string, some: Partial<Measured> = {}): Measured {
  return {
    queue,
    name: queue === 'ours' ? 'Roundtable, 8 daemons' : queue,
    round: 1,
    fsyncMs: [0.5, 1],
    bulkPerS: 20_000,
    drainPerS: 15_000,
    singlesPerS: 5_000,
    addsPerS: 5_200,
    startMs: [1, 2, 3],
    singleCpuMs: 0.2,
    drainCpuMs: 0.1,
    ...(queue === 'ours' && { halfLoadDelayMs: 12, halfLoadPerS: 2_500, copies: 2 }),
    ...some,
  }
}

const theirs = round('bullmq', { drainPerS: 10_000 })

const failing = (...measured: readonly Measured[]): readonly string[] =>
  shownOf(measured, [])
    .filter(({ holds }) => holds === false)
    .map(({ claim }) => claim)

test('as fast as BullMQ, drained half as fast again, and with a quiet event loop: every claim holds', () => {
  const shown = shownOf([round('ours'), theirs], [])
  assert.deepEqual(
    shown.filter(({ holds }) => holds !== undefined).map(({ holds }) => holds),
    [true, true, true, true, true],
  )
})

for (const [what, some, claim] of [
  ['slower single adds', { singlesPerS: 4_990 }, 'single adds, end to end: ours over BullMQ'],
  ['a slower bulk add', { bulkPerS: 19_900 }, 'bulk add: ours over BullMQ'],
  ['no bulk add at all', { bulkPerS: null }, 'bulk add: ours over BullMQ'],
  ['a drain of less than half as fast again', { drainPerS: 14_900 }, 'drain of a backlog: ours over BullMQ'],
  ['a busy event loop', { halfLoadDelayMs: 20.5 }, 'event loop delay p99 at half load'],
  ['one copy for a 202', { copies: 1.98 }, 'durable copies that a 202 told of'],
] as const) {
  test(`${what} does not hold`, () => assert.deepEqual(failing(round('ours', some), theirs), [claim]))
}

test('the medians of the rounds are compared, and the worst round counts for the event loop', () => {
  const slow = round('ours', { singlesPerS: 100, halfLoadDelayMs: 30 })
  assert.deepEqual(failing(round('ours'), slow, round('ours'), theirs), ['event loop delay p99 at half load'])
})

test('without BullMQ nothing is claimed against it, and what was left out is said with its reason', () => {
  const left = [{ name: 'bullmq', why: 'no redis-server' }]
  const shown = shownOf([round('ours')], left)
  assert.ok(shown.some(({ claim, figure }) => claim === 'bullmq is left out' && figure === 'no redis-server'))
  assert.ok(
    shown.filter(({ claim }) => claim.endsWith('over BullMQ')).every(({ holds }) => holds === undefined),
  )
})
