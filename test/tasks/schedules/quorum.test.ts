/** Schedules where copies are counted: what is decided of a slot, and what a new owner makes of what it finds. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../../src/base/ids.ts'
import { wallOf } from '../../../src/base/time.ts'
import { mergeRecords } from '../../../src/tasks/merge.ts'
import { obey, orderSpec } from '../../../src/tasks/schedules/orders.ts'
import {
  isSchedule,
  recordOf,
  type ScheduleDefinition,
  type ScheduleRecord,
  type ScheduleState,
  scheduleIdOf,
  slotTaskId,
} from '../../../src/tasks/schedules/state.ts'
import type { TaskRecord } from '../../../src/tasks/task.ts'
import { freshRecord } from '../../../src/tasks/transition.ts'
import { ready, ring, Scene, THREE } from '../scene.ts'
import { definition, nextSlot } from './samples.ts'

const WALL = 1_700_000_000_000
const NAME = ['a', 'b', 'c', 'd', 'e', 'f'].find(name => ring.owner(name) === 'n1') as string
const everySecond = definition(NAME, { everyMs: 1_000, catchUp: 'all' })
const HOLDERS = ring.preferenceList(NAME, 3)

function stored(scene: Scene): ScheduleRecord {
  const record = scene.solo.record(scheduleIdOf(NAME))
  assert.ok(isSchedule(record))
  return record
}

/** A scene with the schedule, on two disks. */
function scheduled(): Scene {
  const scene = ready({}, { nextSlot })
  const id = scene.solo.submit(orderSpec(NAME, { op: 'put', definition: everySecond }))
  assert.equal(scene.code(id), undefined, 'one disk has it')
  scene.acknowledge('n2')
  assert.equal(scene.code(id), 'ok')
  return scene
}

/** As an owner before left it: under its term, decided up to here. */
function left(decidedMs: number, changes: Partial<ScheduleDefinition> = {}, term = 4): ScheduleRecord {
  const put = { op: 'put', definition: { ...everySecond, ...changes } } as const
  const begun = obey(undefined, NAME, put, 'api', wallOf(WALL - 60_000)) as ScheduleState
  const state = { ...begun, decided: { ...begun.decided, to: WALL + decidedMs } }
  return { ...recordOf(state, HOLDERS, 7), term }
}

test('a slot runs when its task and attempt are on two disks, and counts as decided then', () => {
  const scene = scheduled()
  scene.solo.pass(1_050)
  const task = slotTaskId(NAME, WALL + 1_000)
  assert.equal(scene.solo.record(task).state, 'running')
  assert.deepEqual([scene.solo.orders.length, stored(scene).schedule.decided.made], [0, 0])
  const sent = scene.acknowledge('n3').flatMap(({ records }) => records)
  assert.ok(sent.some(({ spec }) => spec.id === task))
  for (const record of sent.filter(isSchedule))
    assert.equal(record.schedule.decided.made, 0, 'no copy of it says more than disks have')
  assert.equal(scene.solo.orders.length, 1)
  const { decided } = stored(scene).schedule
  assert.deepEqual([decided.made, decided.to, stored(scene).term], [1, WALL + 1_000, 5])
})

test('while the other holders are silent no further slot is made; they are made up for when they answer', () => {
  const scene = scheduled()
  scene.solo.pass(3_050)
  assert.equal(scene.solo.logged('slot-run').length, 1)
  scene.acknowledge('n2')
  scene.solo.pass(50, () => scene.acknowledge('n2'))
  assert.equal(scene.solo.logged('slot-run').length, 3)
  scene.solo.pass(100, () => scene.acknowledge('n2'))
  assert.equal(stored(scene).schedule.decided.made, 3)
})

test('a new owner takes a task that it finds for the slot that it is, however late it comes', () => {
  for (const catchUp of ['none', 'last', 'all'] as const) {
    const scene = new Scene({}, { nextSlot })
    const task = slotTaskId(NAME, WALL - 29_000)
    const { task: template } = everySecond
    const made = freshRecord(
      { id: task, key: NAME, ...template },
      `schedule:${NAME}`,
      wallOf(WALL - 29_000),
      HOLDERS,
      1,
    )
    const ran = {
      ...made,
      revision: 3,
      state: 'succeeded' as const,
      settledAt: wallOf(WALL - 28_990),
      term: 4,
    }
    scene.take()
    scene.answer('n2', [left(-30_000, { catchUp }), ran])
    scene.answer('n3')
    scene.solo.pass(600, () => {
      scene.acknowledge('n2')
      scene.acknowledge('n3')
    })
    const { decided } = stored(scene).schedule
    assert.ok(decided.to >= WALL, catchUp)
    const from = decided.lately[0]?.from
    assert.equal(from, catchUp === 'all' ? undefined : WALL - 28_000, `${catchUp}: it is not listed`)
    assert.deepEqual(
      scene.solo.orders.filter(order => order.task === task),
      [],
      'nor does it run again',
    )
  }
})

test('what was made far back in a gap that is not walked through runs no second time, and no range of missed ones spans it', () => {
  const scene = new Scene({}, { nextSlot })
  const { task: template } = everySecond
  const slot = WALL - 3_000_000
  const task = slotTaskId(NAME, slot)
  const made = freshRecord({ id: task, key: NAME, ...template }, `schedule:${NAME}`, wallOf(slot), HOLDERS, 1)
  const ran = { ...made, revision: 3, state: 'succeeded' as const, settledAt: wallOf(slot + 10), term: 4 }
  scene.take()
  scene.answer('n2', [left(-6_000_000, { catchUp: 'none' }), ran])
  scene.answer('n3')
  for (let i = 0; i < 400 && scene.solo.logged('slot-missed').length === 0; i++)
    scene.solo.pass(100, () => {
      scene.acknowledge('n2')
      scene.acknowledge('n3')
    })
  const { decided } = stored(scene).schedule
  assert.ok(decided.to >= WALL)
  const ranges = decided.lately.map(({ from, to }) => [(from - slot) / 1_000, (to - slot) / 1_000])
  assert.deepEqual(ranges[0]?.[0], -2_999)
  assert.ok(ranges.length >= 2 && !ranges.some(([from = 0, to = 0]) => from <= 0 && to >= 0), `${ranges}`)
  assert.deepEqual(
    scene.solo.orders.filter(order => order.task === task),
    [],
  )
})

test('nothing is decided before the takeover is complete, and an order is told to come again', () => {
  const scene = new Scene({}, { nextSlot })
  scene.take()
  scene.solo.pass(2_000)
  const early = scene.solo.submit(orderSpec(NAME, { op: 'pause' }))
  assert.equal(scene.code(early), 'TAKEOVER_INCOMPLETE')
  scene.answer('n2', [left(-1_000)])
  const paused = scene.solo.submit(orderSpec(NAME, { op: 'pause' }))
  scene.acknowledge('n2')
  assert.equal(scene.code(paused), 'ok')
  assert.ok(stored(scene).schedule.ordered.paused)
})

test('of two copies that of the later owner is right, decided further or not', () => {
  const further = left(5_000)
  const later = left(1_000, { catchUp: 'none' }, 9)
  assert.equal(mergeRecords(further, later), later)
  assert.equal(mergeRecords(later, further), later)
  const same = { ...left(1_000), revision: 8 }
  assert.equal(mergeRecords(further, same), same, 'of one owner the later change')
})

test('a disk that takes no new work makes no slots, and refuses orders with the reason', () => {
  const failure = { code: 'STORE_FULL', detail: 'no room.', retryAfterS: 10 } as const
  const disk: { failure: typeof failure | undefined } = { failure: undefined }
  const scene = ready({}, { nextSlot, disk })
  scene.solo.submit(orderSpec(NAME, { op: 'put', definition: everySecond }))
  scene.acknowledge('n2')
  disk.failure = failure
  scene.solo.pass(3_000, () => scene.acknowledge('n2'))
  assert.deepEqual(scene.solo.logged('slot-run'), [])
  assert.equal(scene.code(scene.solo.submit(orderSpec(NAME, { op: 'pause' }))), 'STORE_FULL')
  disk.failure = undefined
  scene.solo.pass(1_000, () => scene.acknowledge('n2'))
  assert.ok(scene.solo.logged('slot-run').length >= 3)
})

test('the task of a slot is not dropped before the slot counts as decided here', () => {
  const scene = ready({ settledMax: 0 }, { nextSlot })
  scene.solo.submit(orderSpec(NAME, { op: 'put', definition: everySecond }))
  scene.acknowledge('n2')
  scene.solo.pass(1_050)
  const task = slotTaskId(NAME, WALL + 1_000)
  const ended = { ...scene.solo.record(task), state: 'succeeded' as const, settledAt: wallOf(WALL + 1_001) }
  // A holder that heard of its end, and not yet that the slot is decided.
  const holder = new Scene({ settledMax: 0 }, { self: asNodeId('n2'), nextSlot })
  const tell = (records: readonly TaskRecord[], batch: number) =>
    holder.solo.hear('n1', {
      type: 'replicate',
      batch,
      records,
      ring: ring.checksum,
      terms: records.map(() => 5),
    })
  tell([stored(scene), { ...ended, term: 5 }], 1)
  assert.equal(holder.solo.record(task).state, 'succeeded')
  scene.acknowledge('n3')
  tell([stored(scene)], 2)
  holder.solo.tick()
  assert.equal(holder.solo.tasks.get(task), undefined)
})

test('the members of the scene are the holders', () => {
  assert.deepEqual([...HOLDERS].sort(), THREE.map(asNodeId))
})
