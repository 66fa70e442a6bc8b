import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asTaskId } from '../../src/base/ids.ts'
import { type Instant, wallOf } from '../../src/base/time.ts'
import { Handoffs, TIMED_MAX } from '../../src/tasks/handoffs.ts'
import type { TaskRecord } from '../../src/tasks/task.ts'
import { Lent } from './lent.ts'
import { ringOf, spec, specs } from './samples.ts'
import { Solo } from './solo.ts'

const three = ['n1', 'n2', 'n3']

/** n1, which gains a key with two listed tasks from n2, and has no right to start them yet. */
function gaining(config = {}) {
  const task = specs(50).find(({ key }) => ringOf(three).owner(key) === 'n2')
  assert.ok(task)
  const twins = [task, { ...spec('twin'), key: task.key }]
  const lent = new Lent()
  const solo = new Solo(lent, config, three)
  solo.step(() => solo.tasks.taskList('work', twins, solo.at))
  solo.see(['n1'])
  assert.equal(solo.metric('handoffs_timed'), 1)
  const settled = (id: string): TaskRecord => ({
    ...solo.record(id),
    state: 'succeeded',
    attempts: [
      {
        number: 1,
        node: asNodeId('n2'),
        startedAt: wallOf(2),
        endedAt: wallOf(9),
        token: '50',
        outcome: 'succeeded',
      },
    ],
    holders: three.map(asNodeId),
    settledAt: wallOf(1_700_000_000_009),
    revision: 4,
  })
  const hear = (id: string) => solo.hear('n2', { type: 'replicate', batch: 9, records: [settled(id)] })
  return { lent, solo, task, hear }
}

test('a gained key is not waited for any longer once all of its tasks have settled elsewhere', () => {
  const { solo, task, hear } = gaining()
  hear(task.id)
  assert.equal(solo.metric('handoffs_timed'), 1, 'the twin is to start yet')
  hear('twin')
  assert.equal(solo.record('twin').state, 'succeeded')
  assert.equal(solo.metric('handoffs_timed'), 0)
})

test('a gained key whose tasks were taken off their list is not waited for any longer', () => {
  const { solo, task } = gaining()
  solo.step(() => solo.tasks.taskList('work', [task], solo.at))
  assert.equal(solo.metric('handoffs_timed'), 1)
  solo.step(() => solo.tasks.taskList('work', [], solo.at))
  assert.equal(solo.metric('handoffs_timed'), 0)
})

test('what one task of a key waited for is measured though the other settled elsewhere', () => {
  const { lent, solo, task, hear } = gaining()
  hear(task.id)
  solo.pass(400)
  lent.give([task.key], solo.now + 2_000)
  solo.tick()
  assert.deepEqual(
    ['handoff_waits_total', 'handoff_wait_ms_max', 'handoffs_timed'].map(name => solo.metric(name)),
    [1, 400, 0],
  )
})

const at = (ms: number): Instant => ms as Instant
const timed = (handoffs: Handoffs): number | undefined =>
  handoffs.metrics().find(({ name }) => name === 'handoffs_timed')?.samples[0]?.value

test('tasks without end do not use up what can be timed', () => {
  const handoffs = new Handoffs()
  const each = (call: (key: string, task: ReturnType<typeof asTaskId>) => void) => {
    for (let i = 0; i < 2 * TIMED_MAX; i++) call(`key/${i % 5_000}`, asTaskId(`task-${i}`))
  }
  for (const end of ['ended', 'lost', 'started'] as const) {
    each((key, task) => handoffs.gained(key, task, at(0)))
    assert.equal(timed(handoffs), 5_000)
    each((key, task) => {
      if (end === 'ended') handoffs.ended(key, task)
      else if (end === 'lost') handoffs.lost(key)
      else handoffs.started(key, at(10))
    })
    assert.equal(timed(handoffs), 0, end)
  }
  for (let i = 0; i < 2 * TIMED_MAX; i++) handoffs.gained(`key/${i}`, asTaskId(`task-${i}`), at(20))
  assert.equal(timed(handoffs), TIMED_MAX)
})
