import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instantOf } from '../../src/base/time.ts'
import { EXTEND_MS, FENCE_MS } from '../../src/tasks/execution.ts'
import type { Outcome } from '../../src/tasks/task.ts'
import { LOOKS_MAX } from '../../src/tasks/work.ts'
import { Lent } from './lent.ts'
import { spec, specs } from './samples.ts'
import { Solo } from './solo.ts'

const done: Outcome = { ok: true, result: 'done' }
const failed = (code: 'FENCED' | 'CANCELLED' | 'SIGNALLED' | 'RUNNER_LOST'): Outcome => ({
  ok: false,
  retryable: true,
  error: { code, message: 'ended' },
})

/** One node that owns every key, with tasks `a`, `b`, ... of a shared list. */
function made(tasks: readonly string[], changes: Parameters<typeof spec>[1] = {}) {
  const lent = new Lent()
  const solo = new Solo(lent)
  const load = () =>
    solo.tasks.taskList(
      'work',
      tasks.map(id => spec(id, changes)),
      solo.at,
    )
  solo.step(load)
  return { lent, solo }
}

test('without leave nothing starts, and nobody asks again while nothing changes', () => {
  const { lent, solo } = made(['a', 'b', 'c'])
  assert.equal(solo.metric('tasks_withheld'), 3)
  const { asked } = lent
  solo.pass(2_000, () => assert.ok(solo.tasks.nextWake() > solo.now, 'there is nothing to do at once'))
  assert.equal(lent.asked, asked)
  assert.deepEqual(solo.orders, [])
})

test('a task starts when leave for its key comes, under its token and until its end', () => {
  const { lent, solo } = made(['a', 'b'])
  lent.give(['b'], 1_900, '77')
  solo.tick()
  const [order] = solo.orders
  assert.equal(solo.orders.length, 1)
  assert.deepEqual([order?.task, order?.token, order?.until], ['b', { value: '77', safe: true }, 1_900])
  assert.equal(solo.record('b').attempts[0]?.token, '77')
  assert.equal(solo.metric('tasks_withheld'), 1)
})

test('leave that comes between two ticks is used in the same step', () => {
  const { lent, solo } = made(['a'])
  lent.give(['a'], 2_000)
  solo.step(() => [])
  assert.equal(solo.orders.length, 1)
})

test('with thousands of keys without leave a step looks at a bounded number, and at each once', () => {
  const lent = new Lent()
  const solo = new Solo(lent)
  const list = specs(3 * LOOKS_MAX)
  solo.step(() => solo.tasks.taskList('work', list, solo.at))
  let before = 0
  for (let steps = 0; solo.tasks.nextWake() <= solo.now; steps++) {
    assert.ok(steps < 20 && lent.asked - before <= LOOKS_MAX + 1)
    before = lent.asked
    solo.tick()
  }
  assert.equal(solo.metric('tasks_withheld'), list.length)
  assert.ok(lent.asked <= list.length + 20, `asked ${lent.asked} times`)
  lent.give([list.at(-1)?.key ?? ''], 5_000)
  for (let steps = 0; solo.orders.length === 0; steps++) {
    assert.ok(steps < 20)
    solo.tick()
  }
  assert.equal(solo.orders[0]?.task, list.at(-1)?.id)
})

test('leave that is about to end starts nothing, and its renewal does', () => {
  const { lent, solo } = made(['a'])
  lent.give(['a'], FENCE_MS)
  solo.tick()
  assert.equal(solo.orders.length, 0)
  lent.give(['a'], FENCE_MS + 500)
  solo.tick()
  assert.equal(solo.orders.length, 1)
})

test('while the right is renewed the executors are told so, and not more often than it moves', () => {
  const { lent, solo } = made(['a', 'b'])
  lent.give(['a', 'b'], 2_000)
  solo.tick()
  solo.pass(3_000, () => lent.give(['a', 'b'], solo.now + 2_000))
  const extensions = solo.of('extend')
  assert.ok(extensions.length >= 10 && extensions.length <= 3_000 / EXTEND_MS)
  for (const { attempts } of extensions) assert.deepEqual(attempts.map(({ task }) => task).sort(), ['a', 'b'])
  const ends = extensions.map(({ until }) => until as number)
  assert.deepEqual(
    [...ends].sort((a, b) => a - b),
    ends,
  )
  assert.ok((ends.at(-1) ?? 0) > solo.now + 2_000 - EXTEND_MS)
  solo.end('a', 1, done)
  assert.equal(solo.record('a').state, 'succeeded')
})

test('keys whose rights end at different times are told apart', () => {
  const { lent, solo } = made(['a', 'b'])
  lent.give(['a', 'b'], 2_000)
  solo.tick()
  lent.give(['a'], 2_300)
  lent.give(['b'], 2_600)
  solo.tick()
  assert.deepEqual(
    solo.of('extend').map(({ until, attempts }) => [until, attempts.map(({ task }) => task)]),
    [
      [2_300, ['a']],
      [2_600, ['b']],
    ],
  )
})

test('in available mode nothing is extended, kept, stopped or withheld', () => {
  const solo = new Solo(undefined)
  solo.step(() => solo.tasks.taskList('work', [spec('a')], solo.at))
  solo.see(['n1', 'n2', 'n3'])
  solo.pass(3_000)
  assert.deepEqual(solo.of('extend'), [])
  assert.deepEqual(solo.tasks.keptKeys(), [])
  const [order] = solo.orders
  assert.equal(order?.token.safe, false)
  assert.equal('until' in (order ?? {}), false)
  solo.end('a', 1, done)
  assert.equal(solo.record('a').state, 'succeeded')
})

test('a right that is not renewed stops the attempt half a second before its end', () => {
  const { lent, solo } = made(['a'], { maxAttempts: 1 })
  lent.give(['a'], 2_000, '77')
  solo.tick()
  assert.equal(solo.tasks.nextWake(), 2_000 - FENCE_MS)
  solo.now = 2_000 - FENCE_MS - 1
  solo.tick()
  assert.deepEqual(solo.of('cancel-attempt'), [])
  solo.now++
  solo.tick()
  assert.ok(solo.of('cancel-attempt').some(({ task, attempt }) => task === 'a' && attempt === 1))
  assert.deepEqual(solo.logged('task-fenced')[0]?.fields, {
    task: 'a',
    key: 'a',
    attempt: 1,
    token: '77',
    reason: 'leave-ends',
  })
  assert.equal(solo.metric('attempts_fenced_total'), 1)
  assert.equal(solo.record('a').state, 'ready')
  solo.end('a', 1, failed('CANCELLED'))
  assert.deepEqual(solo.outcomes('a'), [['n1', 'fenced']])
})

test('a stop is ordered at once, and again behind a disk that holds the start back', () => {
  const { lent, solo } = made(['a'])
  solo.diskHangs = true
  lent.give(['a'], 2_000)
  solo.tick()
  lent.take(['a'])
  solo.tick()
  assert.equal(solo.of('cancel-attempt').length, 1)
  assert.deepEqual(solo.orders, [])
  solo.diskGoesOn()
  const order = solo.effects.findIndex(({ kind }) => kind === 'execute')
  assert.ok(solo.effects.findLastIndex(({ kind }) => kind === 'cancel-attempt') > order)
})

test('a right that is taken away stops the attempt at once', () => {
  const { lent, solo } = made(['a'])
  lent.give(['a'], 60_000)
  solo.tick()
  lent.take(['a'])
  solo.step(() => [])
  assert.equal(solo.logged('task-fenced')[0]?.fields['reason'], 'no-leave')
})

test('a task that is fenced again and again has lost no attempt, nor is it poison', () => {
  const { lent, solo } = made(['a'], { maxAttempts: 2 })
  for (let number = 1; number <= 40; number++) {
    lent.give(['a'], solo.now + 2_000)
    solo.tick()
    assert.equal(solo.orders.at(-1)?.attempt, number)
    lent.take(['a'])
    solo.tick()
    solo.end('a', number, failed('CANCELLED'))
  }
  assert.equal(solo.record('a').state, 'ready')
  lent.give(['a'], solo.now + 2_000)
  solo.tick()
  const { wall } = solo.at
  solo.end('a', 41, failed('SIGNALLED'))
  const record = solo.record('a')
  assert.equal(record.state, 'retrying', 'the first failure is the first try')
  assert.ok((record.notBefore ?? 0) - wall <= record.spec.backoffMs, 'and pauses like one')
})

for (const code of ['FENCED', 'SIGNALLED', 'RUNNER_LOST'] as const) {
  test(`an attempt that ends ${code} when its right is over was fenced, without an order of ours`, () => {
    const { lent, solo } = made(['a'], { maxAttempts: 1 })
    lent.give(['a'], 2_000)
    solo.tick()
    solo.now = 9_000
    solo.end('a', 1, failed(code))
    assert.equal(solo.record('a').state, 'ready')
    assert.deepEqual(solo.outcomes('a'), [['n1', 'fenced']])
    assert.equal(solo.metric('attempts_fenced_total'), 1)
  })
}

test('an executor may stop an attempt while this node still has the right', () => {
  const { lent, solo } = made(['a'], { maxAttempts: 1 })
  lent.give(['a'], 2_000)
  solo.tick()
  solo.end('a', 1, failed('FENCED'))
  assert.equal(solo.outcomes('a')[0]?.[1], 'fenced')
  assert.equal(solo.logged('task-fenced')[0]?.fields['reason'], 'deadline')
  assert.equal(solo.orders.length, 2, 'and is tried again, for it still has the right')
})

test('a result that comes after the right is not committed', () => {
  const { lent, solo } = made(['a'])
  lent.give(['a'], 2_000)
  solo.tick()
  solo.now = 12_000
  solo.end('a', 1, done)
  assert.equal(solo.record('a').state, 'ready')
  assert.deepEqual(solo.outcomes('a'), [['n1', 'fenced']])
  assert.equal(solo.metric('results_refused_total'), 1)
  const [attempt] = solo.record('a').attempts
  const tookMs = (attempt?.endedAt ?? 0) - (attempt?.startedAt ?? 0)
  assert.equal(tookMs, 2_000, 'it ended with its right, not when this node noticed')
})

test('a result that comes while the attempt is being stopped counts if the right still lasts', () => {
  const { lent, solo } = made(['a'])
  lent.give(['a'], 2_000)
  solo.tick()
  solo.now = 1_600
  solo.tick()
  assert.equal(solo.outcomes('a')[0]?.[1], 'fenced')
  solo.end('a', 1, done)
  assert.equal(solo.record('a').state, 'succeeded')
})

test('a result does not count when the right was gone in between, even if it is back', () => {
  const { lent, solo } = made(['a'])
  lent.give(['a'], 2_000)
  solo.tick()
  lent.take(['a'])
  solo.tick()
  lent.give(['a'], 3_000, '101')
  solo.tick()
  assert.equal(solo.orders.length, 1, 'the process of before has not ended')
  solo.end('a', 1, done)
  assert.equal(solo.outcomes('a')[0]?.[1], 'fenced')
  assert.deepEqual(
    solo.orders.map(({ token }) => token.value),
    ['100', '101'],
  )
})

test('a right that ran out unseen and came back does not make a result count', () => {
  const { lent, solo } = made(['a'])
  lent.give(['a'], 2_000)
  solo.tick()
  solo.now = 9_000
  lent.give(['a'], 11_000, '101')
  solo.end('a', 1, done)
  assert.equal(solo.outcomes('a')[0]?.[1], 'fenced')
})

test('a right without a word on its moves is looked at in every step', () => {
  let until = 2_000
  const right = {
    version: 0,
    leaveFor: () => ({ until: instantOf(until), token: { value: '1', safe: true } }),
  }
  const solo = new Solo(right)
  solo.step(() => solo.tasks.taskList('work', [spec('a')], solo.at))
  until = 3_000
  solo.step(() => [])
  assert.equal(solo.of('extend').length, 1)
})
