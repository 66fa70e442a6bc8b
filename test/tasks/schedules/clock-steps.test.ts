/** Schedules under wall clocks that are wrong, or are set. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isoOf } from '../../../src/base/iso.ts'
import type { ScheduleRecord } from '../../../src/tasks/schedules/state.ts'
import { definition } from './samples.ts'
import { START, Subject } from './subject.ts'

test('a wall clock that goes back makes no slot again, and one that leaps leaves the policy to decide', () => {
  const subject = new Subject()
  subject.put(definition('s', { catchUp: 'last' }))
  for (let i = 0; i < 10; i++) subject.pass(1_000)
  subject.pass(1_000, -8_000)
  for (let i = 0; i < 9; i++) subject.pass(1_000)
  assert.equal(subject.made('s').length, 11)
  subject.pass(1_000, 3_600_000)
  assert.ok(subject.made('s').length <= 11 + 6)
  assert.equal(subject.decidedOf('s').to, Math.floor(subject.wall / 1_000) * 1_000)
})

test('a clock more than 5 s from the others pauses everything and says so', () => {
  const subject = new Subject()
  subject.put(definition('s'))
  subject.pass(1_000)
  subject.schedules.clockIs(5_001)
  subject.pass(3_000)
  assert.equal(subject.made('s').length, 1)
  const record = subject.host.of('s') as ScheduleRecord
  assert.match(String(subject.schedules.waits(record, subject.now)), /5001 ms ahead of/)
  const refused = subject.order('t', { op: 'put', definition: definition('t') })
  assert.equal('code' in refused && refused.code, 'NOT_READY')
  subject.schedules.clockIs(-20)
  subject.pass(100)
  assert.equal(subject.made('s').length, 4, 'what was missed for less than 5 s is on time')
  const said = subject.events.filter(({ event }) => event.startsWith('schedules-')).map(({ event }) => event)
  assert.deepEqual(said, ['schedules-paused', 'schedules-resumed'])
})

test('the first schedule is judged by the clock of now as any other is', () => {
  const subject = new Subject()
  subject.schedules.clockIs(-5_001)
  const refused = subject.order('s', { op: 'put', definition: definition('s') })
  assert.equal('code' in refused && refused.code, 'NOT_READY')
  subject.schedules.clockIs(0)
  subject.put(definition('s'))
})

test('a schedule that was accepted by a clock far ahead begins anew when it is deleted and put again', () => {
  const subject = new Subject()
  subject.wall += 3_600_000
  subject.put(definition('s'))
  subject.pass(2_000)
  const early = subject.made('s')
  assert.equal(early.length, 2)
  subject.pass(1_000, 1_000 - 3_600_000)
  subject.pass(2_000)
  assert.deepEqual(subject.made('s'), early, 'the last slot only rises')
  const waits = subject.schedules.waits(subject.host.of('s') as ScheduleRecord, subject.now)
  assert.match(String(waits), /decided already.*delete it and put it again/)
  subject.order('s', { op: 'delete' })
  subject.put(definition('s'))
  subject.pass(3_000)
  const { made, missed, anew } = subject.decidedOf('s')
  assert.deepEqual([subject.made('s').length - early.length, made, missed], [3, 3, 0])
  assert.equal(anew, subject.host.of('s')?.schedule.ordered.version)
  // What was made before its time is not made again.
  subject.pass(3_600_000)
  assert.equal(new Set(subject.made('s')).size, subject.made('s').length)
  for (const id of early) assert.ok(subject.made('s').includes(id))
})

test('a clock that is set back far says of each schedule, once, up to when nothing is made', () => {
  const subject = new Subject()
  subject.put(definition('s', { everyMs: 1_000 }))
  subject.put(definition('t', { everyMs: 1_000, paused: true }))
  subject.pass(3_000)
  subject.pass(1_000, -600_000)
  for (let i = 0; i < 5; i++) subject.pass(1_000)
  const said = subject.events.filter(({ event }) => event === 'schedule-ahead').map(({ fields }) => fields)
  assert.deepEqual(said, [{ schedule: 's', decidedTo: isoOf(START + 3_000), aheadMs: 600_000 }])
})

test('one that is deleted and put again within the same slots goes on where it was', () => {
  const subject = new Subject()
  subject.put(definition('s'))
  subject.pass(2_000)
  // Another owner, whose clock is a little behind.
  subject.pass(100, -3_000)
  subject.order('s', { op: 'delete' })
  subject.put(definition('s'))
  assert.deepEqual([subject.decidedOf('s').to, subject.decidedOf('s').made], [START + 2_000, 2])
})

test('what waits for disks while a schedule begins anew is not written into it', () => {
  const subject = new Subject()
  subject.wall += 3_600_000
  subject.put(definition('s'))
  subject.host.slow = true
  subject.pass(1_000)
  subject.pass(100, 100 - 3_600_000)
  subject.order('s', { op: 'delete' })
  subject.put(definition('s'))
  subject.disks(true)
  assert.deepEqual([subject.decidedOf('s').to, subject.decidedOf('s').made], [subject.wall, 0])
})

test('a clock that is set back between two lives makes no slot twice and loses none, and it is said', () => {
  const before = new Subject()
  before.put(definition('s', { catchUp: 'all' }))
  before.pass(5_000)
  const subject = new Subject()
  for (const [name, record] of before.host.records) subject.host.records.set(name, record)
  for (const [id, spec] of before.host.tasks) subject.host.tasks.set(id, spec)
  subject.wall = START - 60_000
  for (let i = 0; i < 50; i++) subject.pass(1_000)
  assert.deepEqual([subject.made('s').length, subject.decidedOf('s').to], [5, START + 5_000])
  assert.match(
    String(subject.schedules.waits(subject.host.of('s') as ScheduleRecord, subject.now)),
    /decided already/,
  )
  assert.deepEqual(
    subject.events.filter(({ event }) => event === 'schedule-ahead').map(({ fields }) => fields['schedule']),
    ['s'],
  )
  for (let i = 0; i < 20; i++) subject.pass(1_000)
  const { made, missed, to } = subject.decidedOf('s')
  assert.deepEqual([made, missed, to], [10, 0, START + 10_000])
  assert.equal(subject.made('s').length, 10)
})
