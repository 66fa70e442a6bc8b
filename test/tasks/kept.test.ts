import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import { KEPT_KEYS_MAX } from '../../src/tasks/kept.ts'
import type { Outcome, TaskRecord, TaskSpec } from '../../src/tasks/task.ts'
import type { TasksInit } from '../../src/tasks/tasks.ts'
import { Lent } from './lent.ts'
import { ringOf, spec, specs } from './samples.ts'
import { Solo } from './solo.ts'

const done: Outcome = { ok: true, result: 'done' }
const alone = ['n1']
const three = ['n1', 'n2', 'n3']

/** Tasks whose keys go from n1, alone, to another node when others come. */
const moving = (count: number): TaskSpec[] =>
  specs(6 * count + 20)
    .filter(({ key }) => ringOf(three).owner(key) === 'n2')
    .slice(0, count)

/** One node that runs all of them, and then loses them to n2. */
function running(list: readonly TaskSpec[], until = 60_000) {
  const lent = new Lent()
  const solo = new Solo(lent, { concurrency: 1_000 })
  const keys = list.map(({ key }) => key)
  solo.step(() => solo.tasks.taskList('work', list, solo.at))
  lent.give(keys, until)
  for (let i = 0; i < 3; i++) solo.tick()
  assert.equal(solo.orders.length, list.length)
  return { lent, solo, keys }
}

const batchesTo = (solo: Solo, to: string) =>
  solo.of('send').flatMap(effect => {
    return effect.to === to && effect.message.type === 'replicate' ? [effect.message] : []
  })

test('a key that is lost while its task runs is kept, and the attempt ends as if nothing had happened', () => {
  const list = moving(2)
  const { solo, keys } = running(list)
  assert.deepEqual(solo.tasks.keptKeys(), [])
  solo.see(three)
  assert.deepEqual(solo.tasks.keptKeys(), keys)
  assert.equal(solo.tasks.keptKeys(), solo.tasks.keptKeys(), 'the same array while nothing changes')
  solo.pass(500)
  assert.deepEqual(solo.of('cancel-attempt'), [])
  solo.end(list[0]?.id ?? '', 1, done)
  assert.equal(solo.record(list[0]?.id ?? '').state, 'succeeded')
})

test('the key is kept until its new owner has the end of its task on disk', () => {
  const list = moving(1)
  const { solo, keys } = running(list)
  solo.see(three)
  solo.end(list[0]?.id ?? '', 1, done)
  assert.deepEqual(solo.tasks.keptKeys(), keys)
  const last = (to: string) => batchesTo(solo, to).at(-1)?.batch ?? -1
  assert.equal(batchesTo(solo, 'n2').at(-1)?.records[0]?.state, 'succeeded')
  solo.hear('n3', { type: 'replicated', batch: last('n3') })
  assert.deepEqual(solo.tasks.keptKeys(), keys, 'another holder is not the owner')
  solo.hear('n2', { type: 'replicated', batch: last('n2') })
  assert.deepEqual(solo.tasks.keptKeys(), [])
})

test('an owner that never confirms gets the key all the same', () => {
  const list = moving(1)
  const { solo } = running(list)
  solo.see(three)
  solo.end(list[0]?.id ?? '', 1, done)
  assert.ok(solo.tasks.nextWake() <= solo.now + 1_000)
  solo.pass(900)
  assert.equal(solo.tasks.keptKeys().length, 1)
  solo.pass(100)
  assert.deepEqual(solo.tasks.keptKeys(), [])
})

test('a fenced attempt keeps its key until its process has ended', () => {
  const list = moving(1)
  const { solo, keys, lent } = running(list)
  solo.see(three)
  lent.take(keys)
  solo.tick()
  assert.equal(solo.metric('attempts_fenced_total'), 1)
  for (const to of three.slice(1)) {
    for (const { batch } of batchesTo(solo, to)) solo.hear(to, { type: 'replicated', batch })
  }
  assert.deepEqual(solo.tasks.keptKeys(), keys)
  solo.end(list[0]?.id ?? '', 1, { ok: false, retryable: true, error: { code: 'CANCELLED', message: '' } })
  assert.deepEqual(solo.tasks.keptKeys(), [])
})

test('a key that is lost and won back is not kept', () => {
  const { solo } = running(moving(1))
  solo.see(three)
  assert.equal(solo.tasks.keptKeys().length, 1)
  solo.see(alone)
  assert.deepEqual(solo.tasks.keptKeys(), [])
  assert.deepEqual(solo.of('cancel-attempt'), [])
})

test('of too many lost keys those whose tasks began last are given up', () => {
  const list = moving(KEPT_KEYS_MAX + 3)
  const { solo } = running(list)
  solo.see(three)
  const stopped = solo.logged('task-fenced').map(({ fields }) => fields['task'])
  const last = solo.orders.slice(-3).map(({ task }) => task)
  assert.deepEqual(stopped, last)
  assert.ok(solo.tasks.keptKeys().length > KEPT_KEYS_MAX, 'they still run')
  for (const task of last) {
    solo.end(task, 1, { ok: false, retryable: true, error: { code: 'CANCELLED', message: '' } })
  }
  for (const { batch } of batchesTo(solo, 'n2')) solo.hear('n2', { type: 'replicated', batch })
  assert.equal(solo.tasks.keptKeys().length, KEPT_KEYS_MAX)
})

/** A task of n1 that is said to run on n2. */
function runsElsewhere(id: string): TaskRecord {
  return {
    spec: spec(id),
    source: 'api',
    state: 'running',
    acceptedAt: wallOf(1),
    attempts: [{ number: 1, node: asNodeId('n2'), startedAt: wallOf(2), token: '50' }],
    holders: three.map(asNodeId),
    revision: 3,
  }
}

/** One node of three that hears of a task which n2 runs, and owns it. */
function gaining(more: Partial<TasksInit> = {}) {
  const id = specs(50).find(
    ({ key }) => ringOf(three).owner(key) === 'n1' && ringOf(['n1', 'n3']).owner(key) === 'n1',
  )?.id
  assert.ok(id)
  const lent = new Lent()
  const solo = new Solo(lent, {}, three, more)
  solo.hear('n3', { type: 'replicate', batch: 1, records: [runsElsewhere(id)] })
  solo.pass(1_000)
  return { lent, solo, id }
}

test('a task that another node may still run waits for the right, and then that attempt was fenced', () => {
  const { lent, solo, id } = gaining()
  assert.equal(solo.metric('tasks_elsewhere'), 1)
  lent.give([id], solo.now + 2_000)
  solo.step(() => [])
  assert.equal(solo.metric('tasks_elsewhere'), 0)
  assert.deepEqual(solo.outcomes(id), [
    ['n2', 'fenced'],
    ['n1', undefined],
  ])
  assert.equal(solo.metric('attempts_lost_total'), 0)
  assert.deepEqual(solo.logged('task-fenced')[0]?.fields['nodes'], ['n2'])
})

test('a node that seems dead is waited for as well; its attempt was fenced, or lost if its end was seen', () => {
  for (const outcome of ['fenced', 'lost'] as const) {
    const { lent, solo, id } = gaining({ sawEnd: () => outcome === 'lost' })
    solo.see(['n1', 'n3'])
    solo.pass(1_000)
    assert.equal(solo.metric('tasks_elsewhere'), 1)
    lent.give([id], solo.now + 2_000)
    solo.step(() => [])
    assert.deepEqual(solo.outcomes(id), [
      ['n2', outcome],
      ['n1', undefined],
    ])
    assert.equal(solo.metric('attempts_lost_total'), outcome === 'lost' ? 1 : 0)
  }
})

test('an end that comes from the other node first ends the waiting', () => {
  const { solo, id } = gaining()
  const record = runsElsewhere(id)
  const [attempt] = record.attempts
  assert.ok(attempt)
  const attempts = [{ ...attempt, endedAt: wallOf(9), outcome: 'succeeded' as const }]
  const settled: TaskRecord = {
    ...record,
    state: 'succeeded',
    attempts,
    settledAt: wallOf(1_700_000_000_009),
    revision: 4,
  }
  solo.hear('n2', { type: 'replicate', batch: 9, records: [settled] })
  assert.equal(solo.metric('tasks_elsewhere'), 0)
  assert.equal(solo.record(id).state, 'succeeded')
})

test('the time from gaining a key to its first start is measured, once for a key', () => {
  const [task] = moving(1)
  assert.ok(task)
  const lent = new Lent()
  const solo = new Solo(lent, {}, three)
  const twins = [task, { ...spec('twin'), key: task.key }]
  solo.step(() => solo.tasks.taskList('work', twins, solo.at))
  solo.see(alone)
  assert.equal(solo.metric('handoffs_timed'), 1)
  solo.pass(400)
  lent.give([task.key], solo.now + 2_000)
  solo.tick()
  solo.end(solo.orders[0]?.task ?? '', 1, done)
  assert.equal(solo.orders.length, 2)
  assert.deepEqual(
    ['handoff_waits_total', 'handoff_wait_ms_total', 'handoff_wait_ms_max', 'handoffs_timed'].map(name =>
      solo.metric(name),
    ),
    [1, 400, 400, 0],
  )
})
