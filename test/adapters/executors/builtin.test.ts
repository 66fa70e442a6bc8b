import assert from 'node:assert/strict'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { test } from 'node:test'
import { after, instantOf, wallOf } from '../../../src/base/time.ts'
import type { Json } from '../../../src/tasks/task.ts'
import { commandOf, failureOf, metric, orderOf, resultOf, scene } from './scene.ts'

const never = new AbortController().signal

test('echo gives the payload back', async t => {
  const { executors } = scene(t)
  for (const payload of [null, 0, 'text', [1, { a: [] }]] as Json[]) {
    assert.deepEqual(await executors.execute(orderOf('echo', payload), never), { ok: true, result: payload })
  }
})

test('compute counts the primes below n', async t => {
  const { executors } = scene(t)
  const known = [
    [0, 0],
    [2, 0],
    [3, 1],
    [10, 4],
    [100, 25],
    [32_770, 3512],
    [32_772, 3513],
    [1_000_000, 78_498],
  ] as const
  for (const [n, primes] of known) {
    assert.deepEqual(await executors.execute(orderOf('compute', { n }), never), {
      ok: true,
      result: { n, primes },
    })
  }
})

test('compute lets the event loop turn while it works', async t => {
  const { executors } = scene(t)
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  assert.equal(
    resultOf(await executors.execute(orderOf('compute', { n: 20_000_000 }), never))['primes'],
    1_270_607,
  )
  delay.disable()
  // The median of many slices: the worst one belongs to whoever else runs on this machine.
  assert.ok(delay.percentile(50) / 1e6 < 10, `${delay.percentile(50) / 1e6} ms`)
})

test('compute obeys its time limit and its cancel', async t => {
  const { executors } = scene(t)
  const order = orderOf('compute', { n: 100_000_000 }, { timeoutMs: 30 })
  assert.equal(failureOf(await executors.execute(order, never)).code, 'TIMEOUT')
  const abort = new AbortController()
  const outcome = executors.execute(orderOf('compute', { n: 100_000_000 }), abort.signal)
  abort.abort()
  assert.equal(failureOf(await outcome).code, 'CANCELLED')
})

test('an order that comes when the time of its task is over is not carried out, and a late one has what is left', async t => {
  const { executors } = scene(t)
  const over = orderOf('echo', 'payload', { expiresAt: wallOf(Date.now() - 1) })
  assert.equal(failureOf(await executors.execute(over, never)).code, 'EXPIRED')
  const late = orderOf('compute', { n: 100_000_000 }, { expiresAt: wallOf(Date.now() + 30) })
  assert.match(failureOf(await executors.execute(late, never)).message, /^not finished after \d\d? ms/)
})

test('unreliable fails as often as it is told, twice by default, and then succeeds', async t => {
  const { executors } = scene(t)
  const run = (payload: Json, attempt: number) =>
    executors.execute(orderOf('unreliable', payload, { attempt }), never)
  for (const attempt of [1, 2]) {
    assert.deepEqual((({ code, retryable }) => [code, retryable])(failureOf(await run({}, attempt))), [
      'THREW',
      true,
    ])
  }
  assert.deepEqual(resultOf(await run(null, 3)), { attempt: 3 })
  assert.deepEqual(resultOf(await run({ failures: 0 }, 1)), { attempt: 1 })
})

test('wrong payloads are refused with what was expected and what came', t => {
  const { executors } = scene(t)
  const wrong: readonly [string, Json, RegExp][] = [
    ['compute', {}, /payload\.n: expected a whole number from 0 to 100000000, got nothing/],
    ['compute', { n: 1e9 }, /got 1000000000/],
    ['compute', { n: 1, m: 2 }, /payload\.m: expected only the fields n, got 2/],
    ['compute', 'x', /payload: expected an object with n, got "x"/],
    ['unreliable', { failures: -1 }, /payload\.failures/],
    ['unreliable', [], /payload: expected an object/],
  ]
  for (const [type, payload, detail] of wrong) {
    const failure = executors.check(type, payload)
    assert.equal(failure?.code, 'TASK_INVALID')
    assert.match(String(failure?.detail), detail)
    assert.equal(failure?.problems?.length, 1)
  }
})

test('an unknown type is refused by check and, not retryable, by execute', async t => {
  const { executors } = scene(t, { builtin: false, allow: ['http://127.0.0.1:8080/'] })
  assert.deepEqual([...executors.types], ['exec', 'http'])
  const failure = executors.check('echo', {})
  assert.equal(failure?.code, 'EXECUTOR_UNKNOWN')
  assert.match(String(failure?.detail), /expected one of exec, http, got "echo"/)
  const { code, retryable } = failureOf(await executors.execute(orderOf('echo', {}), never))
  assert.deepEqual([code, retryable], ['EXECUTOR_UNKNOWN', false])
  assert.equal(metric(executors, 'attempts_total', { type: 'unknown', outcome: 'EXECUTOR_UNKNOWN' }), 1)
})

test('a type of which nothing is allowed here is not named among those that can be had', t => {
  const saidBy = (config: Parameters<typeof scene>[1]): string | undefined =>
    scene(t, config).executors.check('other', {})?.detail
  assert.equal(saidBy({ builtin: false }), 'type: expected one of exec, got "other".')
  const missing = { sh: commandOf('/no/such/program'), cat: commandOf('/no/such/program') }
  const allowed = { builtin: false, commands: missing, allow: ['http://127.0.0.1:8080/'] }
  assert.equal(saidBy(allowed), 'type: expected one of http, got "other".')
  const none = 'type: expected no task here, as executors allows none, got "other".'
  assert.equal(saidBy({ builtin: false, commands: missing }), none)
})

test('attempts are counted by type and outcome', async t => {
  const { executors } = scene(t)
  await executors.execute(orderOf('echo', 1), never)
  await executors.execute(orderOf('unreliable', {}), never)
  assert.equal(metric(executors, 'attempts_total', { type: 'echo', outcome: 'succeeded' }), 1)
  assert.equal(metric(executors, 'attempts_total', { type: 'unreliable', outcome: 'THREW' }), 1)
  assert.equal(metric(executors, 'attempts_running', { type: 'echo' }), 0)
})

test('compute does not go on when the right to act ends', async t => {
  const { executors } = scene(t)
  const end = after(instantOf(performance.now()), 300)
  const order = orderOf('compute', { n: 100_000_000 }, { until: end })
  assert.equal(failureOf(await executors.execute(order, never)).code, 'FENCED')
  assert.ok(performance.now() < end + 500) // Of a second of work, on a machine that may be busy.
})
