/** The wall clock of an owner is set while tasks wait for a time. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asTaskId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import { Lent } from './lent.ts'
import { spec } from './samples.ts'
import { Solo } from './solo.ts'

const HOUR = 3_600_000
const MINUTE = 60_000
const WALL = 1_700_000_000_000
const DONE = { ok: true, result: null } as const

/** Lets minutes pass, each in one step, as far as the node is awake then. */
function minutes(solo: Solo, count: number): void {
  for (let passed = 0; passed < count; passed++) {
    solo.now += MINUTE
    solo.tick()
  }
}

test('a clock that was 10 h behind and is set right starts a task at its time, and not after its end', () => {
  const solo = new Solo(undefined)
  const runAt = wallOf(WALL + 10 * HOUR + 5 * MINUTE)
  solo.submit(spec('later', { runAt, expiresAt: wallOf(WALL + 11 * HOUR) }))
  minutes(solo, 1)
  solo.wallSetMs = 10 * HOUR
  minutes(solo, 3)
  assert.equal(solo.orders.length, 0)
  assert.equal(solo.tasks.nextWake(), solo.now + MINUTE)
  minutes(solo, 1)
  assert.equal(solo.orders.length, 1)
})

test('a clock that was 2 h ahead and is set right starts no task before its time', () => {
  const solo = new Solo(undefined)
  const runAt = wallOf(WALL + 3 * HOUR)
  solo.submit(spec('early', { runAt }))
  minutes(solo, 1)
  solo.wallSetMs = -2 * HOUR
  minutes(solo, 5 * 60 - 2)
  assert.equal(solo.orders.length, 0)
  assert.ok(solo.tasks.nextWake() > solo.now)
  minutes(solo, 1)
  assert.equal(solo.at.wall, runAt)
  assert.equal(solo.orders.length, 1)
})

test('nor one whose time seemed to have come, and that still waited for its turn when the clock was set right', () => {
  const solo = new Solo(undefined, { concurrency: 1 })
  solo.submit(spec('first', { timeoutMs: 24 * HOUR }))
  solo.submit(spec('before', { runAt: wallOf(WALL + 3 * HOUR) }))
  solo.wallSetMs = 4 * HOUR
  minutes(solo, 1)
  solo.submit(spec('while', { runAt: wallOf(WALL + 3 * HOUR) }))
  assert.deepEqual([solo.record('before').state, solo.record('while').state], ['ready', 'ready'])
  solo.wallSetMs = 0
  solo.end('first', 1, DONE)
  assert.equal(solo.orders.length, 1)
  assert.equal(solo.tasks.waiting(asTaskId('before'))?.code, 'run-at')
  minutes(solo, 3 * 60 - 2)
  assert.equal(solo.orders.length, 1)
  assert.equal(solo.tasks.nextWake(), solo.now + MINUTE)
  minutes(solo, 1)
  solo.end('before', 1, DONE)
  assert.deepEqual(
    solo.orders.map(({ task }) => task),
    ['first', 'before', 'while'],
  )
})

test('what waits for its turn ends by the clock that was set, no sooner and no later', () => {
  for (const setMs of [10 * HOUR, -2 * HOUR]) {
    const solo = new Solo(undefined, { concurrency: 1 })
    solo.submit(spec('first', { timeoutMs: 24 * HOUR }))
    const expiresAt = wallOf(WALL + 12 * HOUR)
    solo.submit(spec('second', { expiresAt }))
    solo.wallSetMs = setMs
    minutes(solo, (12 * HOUR - setMs) / MINUTE - 1)
    assert.equal(solo.record('second').state, 'ready')
    minutes(solo, 1)
    assert.equal(solo.record('second').error?.code, 'EXPIRED')
  }
})

const FAILED = { ok: false, retryable: true, error: { code: 'EXIT_NONZERO', message: 'once' } } as const

test('the pause before a retry is as long as it was meant, whatever becomes of the clock', () => {
  for (const setMs of [10 * HOUR, -2 * HOUR]) {
    const solo = new Solo(undefined)
    solo.submit(spec('again', { backoff: 'fixed', backoffMs: 10 * MINUTE, backoffMsMax: 10 * MINUTE }))
    solo.end('again', 1, FAILED)
    solo.wallSetMs = setMs
    minutes(solo, 9)
    assert.equal(solo.orders.length, 1)
    minutes(solo, 1)
    assert.equal(solo.orders.length, 2)
  }
})

test('what has begun once goes on without waiting for its time again, where the clock is set back before that', () => {
  const solo = new Solo(undefined)
  solo.submit(spec('again', { runAt: wallOf(WALL + HOUR), backoff: 'fixed', backoffMs: MINUTE }))
  solo.wallSetMs = HOUR
  minutes(solo, 1)
  solo.end('again', 1, FAILED)
  solo.wallSetMs = -HOUR
  minutes(solo, 2)
  assert.equal(solo.orders.length, 2)
})

test('also where the ring changes meanwhile, and the task is placed anew', () => {
  for (const setMs of [10 * HOUR, -2 * HOUR]) {
    const solo = new Solo(undefined)
    solo.submit(spec('again', { backoff: 'fixed', backoffMs: 10 * MINUTE, backoffMsMax: HOUR }))
    for (const attempt of [1, 2]) {
      solo.end('again', attempt, FAILED)
      minutes(solo, 4)
      solo.wallSetMs += setMs
      for (const ring of [['n1', 'n2'], ['n1']]) solo.see(ring)
      minutes(solo, 5)
      assert.equal(solo.orders.length, attempt)
      minutes(solo, 1)
      assert.equal(solo.orders.length, attempt + 1)
    }
  }
})

test('what was accepted before a clock was set back still goes before what came after, at any priority', () => {
  const solo = new Solo(undefined, { concurrency: 1 })
  solo.submit(spec('runs'))
  solo.submit(spec('first'))
  solo.submit(spec('low', { priority: 3 }))
  solo.wallSetMs = -HOUR
  minutes(solo, 3)
  for (const id of ['second', 'third']) solo.submit(spec(id))
  for (const id of ['runs', 'first', 'low', 'second']) solo.end(id, 1, { ok: true, result: null })
  assert.deepEqual(
    solo.orders.map(({ task }) => task),
    ['runs', 'first', 'low', 'second', 'third'],
  )
})

test('what seemed over to a clock that was ahead, while nobody might end it, ends by the clock that was set right', () => {
  const lent = new Lent()
  const solo = new Solo(lent, {}, ['n1'], { types: new Set(['echo']), serving: () => [] })
  const task = spec('a', { type: 'other', expiresAt: wallOf(WALL + HOUR) })
  solo.step(() => solo.tasks.taskList('work', [task], solo.at))
  solo.wallSetMs = 10 * HOUR
  minutes(solo, 1)
  solo.wallSetMs = 0
  lent.give(['a'], 2 * HOUR)
  minutes(solo, 58)
  assert.equal(solo.record('a').state, 'ready')
  minutes(solo, 1)
  assert.equal(solo.record('a').error?.code, 'EXPIRED')
})
