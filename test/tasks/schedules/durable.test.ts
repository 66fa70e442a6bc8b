/** What is decided of a slot while its task is not durable yet. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instantOf } from '../../../src/base/time.ts'
import { type ScheduleRecord, slotTaskId } from '../../../src/tasks/schedules/state.ts'
import { definition } from './samples.ts'
import { START, Subject } from './subject.ts'

test('a slot is decided once its task is durable, and no other before it', () => {
  const subject = new Subject()
  subject.put(definition('s', { catchUp: 'all' }))
  subject.host.slow = true
  subject.pass(1_000)
  subject.pass(1_000)
  assert.deepEqual(subject.made('s'), [slotTaskId('s', START + 1_000)])
  assert.equal(subject.decidedOf('s').to, START)
  subject.disks(true)
  assert.deepEqual(subject.decidedOf('s').to, START + 1_000)
  subject.pass(0)
  assert.equal(subject.made('s').length, 2)
  subject.disks(false)
  assert.equal(subject.decidedOf('s').made, 1, 'not where its task may be lost')
  subject.pass(0)
  subject.disks(true)
  assert.deepEqual([subject.decidedOf('s').made, subject.made('s').length], [2, 2])
})

test('an order that comes while a slot waits for disks is kept, and so is the slot', () => {
  for (const order of [
    { op: 'pause' },
    { op: 'delete' },
    { op: 'put', definition: definition('s', { everyMs: 10_000 }) },
  ] as const) {
    const subject = new Subject()
    subject.put(definition('s'))
    subject.host.slow = true
    subject.pass(1_500)
    subject.order('s', order)
    subject.disks(true)
    const { ordered, decided } = (subject.host.of('s') as ScheduleRecord).schedule
    assert.deepEqual([decided.made, ordered.version], [1, START + 1], order.op)
    assert.equal(decided.to, order.op === 'put' ? START + 1_500 : START + 1_000)
  }
})

test('whoever lost the right while disks were slow writes nothing more', () => {
  const subject = new Subject()
  subject.put(definition('s'))
  subject.host.slow = true
  subject.pass(1_000)
  subject.host.decides = false
  subject.disks(true)
  assert.equal(subject.decidedOf('s').to, START)
})

test('a late slot whose task is there was made by the owner before: it is not listed, whatever the policy', () => {
  for (const catchUp of ['none', 'last', 'all']) {
    const subject = new Subject()
    subject.put(definition('s', { catchUp }))
    subject.host.slow = true
    subject.pass(1_000)
    // Another owner, which knows the task and not what was decided.
    subject.host.decides = false
    subject.disks(false)
    subject.pass(20_000)
    subject.host.decides = true
    subject.host.slow = false
    subject.pass(0)
    const { missed, lately, made } = subject.decidedOf('s')
    assert.equal(made + missed, 21)
    assert.ok(
      lately.every(({ from }) => from > START + 1_000),
      catchUp,
    )
    assert.equal(subject.events.filter(({ event }) => event === 'slot-run').length, made)
  }
})

test('a slot that was made before stands in no range of those that were missed around it', () => {
  const subject = new Subject()
  subject.put(definition('s', { catchUp: 'last' }))
  subject.host.decides = false
  subject.pass(40_000)
  const made = START + 20_000
  subject.host.make({ ...definition('s').task, id: slotTaskId('s', made), key: 's' })
  subject.host.decides = true
  subject.pass(0)
  const { missed, lately } = subject.decidedOf('s')
  assert.deepEqual([missed, lately.map(({ count }) => count)], [33, [19, 14]])
  assert.ok(!lately.some(({ from, to }) => from <= made && made <= to))
})

test('missed slots are said and counted once, when the record says so, however often that is tried', () => {
  const subject = new Subject()
  subject.put(definition('s', { catchUp: 'last' }))
  subject.host.decides = false
  subject.pass(60_000)
  subject.host.decides = true
  subject.host.slow = true
  const said = () => subject.events.filter(({ event }) => event === 'slot-missed')
  const counted = () => {
    const now = instantOf(subject.mono)
    const found = subject.schedules.metrics(now).find(({ name }) => name === 'slots_missed_total')
    return found?.samples.reduce((sum, { value }) => sum + value, 0)
  }
  for (let tries = 0; tries < 3; tries++) {
    subject.pass(100)
    assert.deepEqual([said().length, counted()], [0, 0], 'nothing is decided yet')
    subject.disks(false)
  }
  subject.pass(100)
  subject.disks(true)
  assert.deepEqual(
    said().map(({ fields }) => [fields['count'], fields['reason']]),
    [[55, 'late']],
  )
  assert.deepEqual([counted(), subject.decidedOf('s').missed], [55, 55])
})

test('a schedule that stands still since its task is on too few disks says so', () => {
  const subject = new Subject()
  subject.put(definition('s'))
  subject.host.slow = true
  const waits = () => subject.schedules.waits(subject.host.of('s') as ScheduleRecord, subject.now)
  subject.pass(1_000)
  subject.pass(1_000)
  assert.equal(waits(), undefined, 'disks may take a moment')
  subject.pass(5_000)
  assert.match(String(waits()), /since 2023-11-14T22:13:21Z is not yet on as many disks/)
  subject.disks(true)
  subject.pass(0)
  subject.disks(true)
  assert.equal(waits(), undefined)
})
