/** What every implementation of the port `Executors` keeps to, the real one and any that plays it in memory. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asTaskId } from '../../src/base/ids.ts'
import { after, instantOf } from '../../src/base/time.ts'
import type { AttemptOrder } from '../../src/node/machine.ts'
import type { Executors } from '../../src/runtime/ports.ts'
import type { Json } from '../../src/tasks/task.ts'

const order = (type: string, payload: Json): AttemptOrder => ({
  task: asTaskId('contract-1'),
  key: 'contract',
  type,
  payload,
  attempt: 1,
  node: asNodeId('contract-node'),
  timeoutMs: 5_000,
  token: { value: '1', safe: false },
})

/**
 * @param make new executors that know the type `echo`
 * @param endless an order for work that never ends by itself
 */
export function executorsContract(
  name: string,
  make: () => Executors,
  endless: { readonly type: string; readonly payload: Json },
): void {
  const never = new AbortController().signal

  test(`${name}: an attempt ends with an outcome that holds its result`, async t => {
    const executors = make()
    t.after(() => executors.stop())
    assert.ok(executors.types.has('echo'))
    assert.equal(executors.check('echo', { a: 1 }), undefined)
    assert.deepEqual(await executors.execute(order('echo', { a: 1 }), never), { ok: true, result: { a: 1 } })
  })

  test(`${name}: an unknown type is refused by check, and by execute for good`, async t => {
    const executors = make()
    t.after(() => executors.stop())
    assert.equal(executors.check('no-such-type', {})?.code, 'EXECUTOR_UNKNOWN')
    const outcome = await executors.execute(order('no-such-type', {}), never)
    assert.equal(outcome.ok, false)
    assert.equal(outcome.ok || outcome.error.code, 'EXECUTOR_UNKNOWN')
    assert.equal(outcome.ok || outcome.retryable, false)
  })

  test(`${name}: an aborted attempt ends as cancelled, before and after it began`, async t => {
    const executors = make()
    t.after(() => executors.stop())
    const begun = new AbortController()
    const running = executors.execute(order(endless.type, endless.payload), begun.signal)
    const early = await executors.execute(order('echo', 1), AbortSignal.abort())
    assert.equal(early.ok || early.error.code, 'CANCELLED')
    begun.abort()
    const late = await running
    assert.equal(late.ok || late.error.code, 'CANCELLED')
  })

  test(`${name}: stop ends what runs, may be called again, and nothing starts after it`, async () => {
    const executors = make()
    const running = executors.execute(order(endless.type, endless.payload), never)
    await Promise.all([executors.stop(), executors.stop()])
    const outcome = await running
    assert.equal(outcome.ok || outcome.error.code, 'CANCELLED')
    const afterwards = await executors.execute(order('echo', 1), never)
    assert.equal(afterwards.ok || afterwards.error.code, 'CANCELLED')
    await executors.stop()
  })

  test(`${name}: an attempt whose right ends is over before that, as fenced, and a renewal moves the end`, async t => {
    const executors = make()
    t.after(() => executors.stop())
    const inMs = (ms: number) => after(instantOf(performance.now()), ms)
    const late = await executors.execute({ ...order('echo', 1), until: inMs(-1) }, never)
    assert.equal(late.ok || late.error.code, 'FENCED')
    const short = inMs(900)
    const endless1 = { ...order(endless.type, endless.payload), attempt: 1, until: short }
    const endless2 = { ...order(endless.type, endless.payload), attempt: 2, until: short }
    const [first, second] = [executors.execute(endless1, never), executors.execute(endless2, never)]
    const long = inMs(2_500)
    executors.extend([endless2], long)
    executors.extend([endless2], short)
    const ended = await first
    assert.ok(performance.now() < short)
    assert.equal(ended.ok || ended.error.code, 'FENCED')
    const renewed = await second
    assert.ok(performance.now() > short && performance.now() < long)
    assert.equal(renewed.ok || renewed.error.code, 'FENCED')
  })

  test(`${name}: what runs can be looked at, and what nobody reports on or knows cannot`, async t => {
    const executors = make()
    t.after(() => executors.stop())
    const begun = { ...order(endless.type, endless.payload), attempt: 3 }
    const stop = new AbortController()
    const running = executors.execute(begun, stop.signal)
    assert.equal((await executors.look(begun.task, begun.attempt, 100))?.running, true)
    assert.equal(await executors.look(begun.task, 4, 100), undefined)
    assert.equal(await executors.look(asTaskId('another'), begun.attempt, 100), undefined)
    assert.equal(executors.report('no-such-address', { fraction: 0.5 }), false)
    stop.abort()
    await running
    assert.notEqual((await executors.look(begun.task, begun.attempt, 100))?.running, true)
  })

  test(`${name}: metric names are unique and their values are numbers`, async t => {
    const executors = make()
    t.after(() => executors.stop())
    await executors.execute(order('echo', 1), never)
    const metrics = executors.metrics()
    assert.equal(new Set(metrics.map(metric => metric.name)).size, metrics.length)
    for (const { samples } of metrics) for (const { value } of samples) assert.ok(Number.isFinite(value))
  })
}
