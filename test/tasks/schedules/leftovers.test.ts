/** Old copies of schedules that were deleted, and dropped elsewhere: nobody runs them, and none that lives is taken for one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asTaskId, type TaskId } from '../../../src/base/ids.ts'
import { orderSpec, type ScheduleOrder } from '../../../src/tasks/schedules/orders.ts'
import { isSchedule, type ScheduleRecord, scheduleIdOf } from '../../../src/tasks/schedules/state.ts'
import type { TaskRecord } from '../../../src/tasks/task.ts'
import { ready, ring, Scene } from '../scene.ts'
import { definition, nextSlot } from './samples.ts'

const NAME = ['a', 'b', 'c', 'd', 'e', 'f'].find(name => ring.owner(name) === 'n1') as string
const id = scheduleIdOf(NAME)
const everySecond = definition(NAME, { everyMs: 1_000 })

const known = (scene: Scene): boolean => scene.solo.tasks.get(id) !== undefined
const slots = (scene: Scene): number => scene.solo.logged('slot-run').length
const order = (scene: Scene, asked: ScheduleOrder): string => scene.solo.submit(orderSpec(NAME, asked))

function pass(scene: Scene): void {
  scene.solo.pass(2_500, () => {
    for (const holder of ['n2', 'n3']) scene.acknowledge(holder)
  })
}

/** All three holders have it. */
function scheduled(): Scene {
  const scene = ready({}, { nextSlot })
  const put = order(scene, { op: 'put', definition: everySecond })
  for (const holder of ['n2', 'n3']) scene.acknowledge(holder)
  assert.equal(scene.code(put), 'ok')
  return scene
}

/** A copy as it lies on the disk of whoever was away since. */
function old(): ScheduleRecord {
  const record = scheduled().solo.record(id)
  assert.ok(isSchedule(record))
  return structuredClone(record)
}

/** Its owner comes back with its old copy, under a new term. @param n2Has so has another holder */
function back(n2Has: boolean): Scene {
  const record = old()
  const scene = new Scene({}, { nextSlot, records: [record] })
  scene.solo.now = 600_000
  scene.take(9)
  scene.answer('n2', n2Has ? [structuredClone(record)] : [])
  scene.answer('n3')
  return scene
}

test('whoever was away while it was deleted does not run its old copy where both others have none', () => {
  const scene = back(false)
  pass(scene)
  assert.equal(known(scene), false)
  assert.equal(slots(scene), 0)
  assert.equal(scene.solo.logged('ended-copy-dropped').length, 1)
})

test('a complete owner does not take a schedule that it does not know, and says that it is over', () => {
  const scene = ready({}, { nextSlot })
  const record = { ...old(), term: 4 }
  scene.solo.hear('n3', {
    type: 'replicate',
    batch: 1,
    records: [record],
    ring: ring.checksum,
    terms: [0],
  })
  assert.deepEqual(scene.sent('n3', 'replicated').at(-1)?.ended, [0])
  pass(scene)
  assert.equal(known(scene), false)
  assert.equal(slots(scene), 0)
})

test('one that lives, as two holders have it, stays and runs', () => {
  const scene = back(true)
  const { term, copies } = scene.solo.record(id)
  assert.deepEqual([term, copies], [5, 2], 'copies that meet say still on how many disks it counted')
  pass(scene)
  assert.ok(slots(scene) > 0)
})

for (const lives of [false, true]) {
  const title = lives ? 'one that lives runs on' : 'what others deleted is neither run nor obeyed'
  test(`after this node had no right for a while, under the same ring, ${title}`, () => {
    const scene = scheduled()
    const record = scene.solo.record(id)
    scene.solo.step(() => {
      scene.right.end()
      return []
    })
    scene.solo.step(() => {
      scene.right.held = true
      scene.right.take(9)
      return []
    })
    scene.answer('n2', lives ? [structuredClone(record)] : [])
    scene.answer('n3')
    const pause = order(scene, { op: 'pause' })
    const resume = order(scene, { op: 'resume' })
    pass(scene)
    const answer = lives ? 'ok' : 'SCHEDULE_UNKNOWN'
    assert.deepEqual([scene.code(pause), scene.code(resume)], [answer, answer])
    assert.equal(known(scene), lives)
    assert.equal(slots(scene) > 0, lives)
  })
}

test('what the configuration says is put anew where an old copy of it is over', () => {
  const scene = back(false)
  scene.solo.tasks.schedules.configured([everySecond])
  pass(scene)
  assert.equal(scene.solo.logged('ended-copy-dropped').length, 1)
  assert.equal(scene.solo.logged('schedule-put').length, 1)
  assert.ok(slots(scene) > 0)
})

/** Comes back with a slot's task that nobody else ever got. @param lives the schedule is there still, as another holder has it */
function backWithSlot(lives: boolean): { readonly scene: Scene; readonly slot: TaskRecord } {
  const before = scheduled()
  const schedule = structuredClone(before.solo.record(id))
  before.solo.pass(1_200)
  const made = before.solo.logged('slot-run').map(({ fields }) => asTaskId(String(fields?.['task'])))
  assert.equal(made.length, 1)
  const slot = structuredClone(before.solo.record(made[0] as TaskId))
  const scene = new Scene({}, { nextSlot, records: [schedule, slot] })
  scene.solo.now = 600_000
  scene.take(9)
  scene.answer('n2', lives ? [structuredClone(schedule)] : [])
  scene.answer('n3')
  return { scene, slot }
}

test('the task of an open slot that never counted is not dropped, and its slot, however late, is not listed as missed', () => {
  const { scene, slot } = backWithSlot(true)
  pass(scene)
  assert.equal(scene.solo.logged('ended-copy-dropped').length, 0)
  assert.ok(scene.solo.tasks.get(slot.spec.id))
  const { schedule } = scene.solo.record(id)
  const at = Date.parse(slot.spec.id.slice(NAME.length + 1))
  assert.ok(schedule && schedule.decided.to > at && schedule.decided.missed > 0)
  assert.ok(!schedule.decided.lately.some(({ from, to }) => from <= at && at <= to))
})

test('one of a schedule that is over itself is over', () => {
  const { scene, slot } = backWithSlot(false)
  pass(scene)
  assert.equal(scene.solo.tasks.get(slot.spec.id), undefined)
  assert.equal(known(scene), false)
})

const slotOfTask = ({ spec }: TaskRecord): number => Date.parse(spec.id.slice(NAME.length + 1))

/** What a later owner, which had never heard of the slot's task, made of the schedule: the slot is listed as missed. */
function listing(term: number, schedule: TaskRecord): TaskRecord {
  const scene = new Scene({}, { nextSlot, records: [structuredClone(schedule)] })
  scene.solo.now = 600_000
  scene.take(term)
  scene.answer('n2', [structuredClone(schedule)])
  scene.answer('n3')
  pass(scene)
  return structuredClone(scene.solo.record(id))
}

/**
 * Its owner comes back with a slot's task that nobody else ever got, while voters do not know of every ring: nobody can tell by the
 * answers whether it counted. @param term of who listed the slot as missed
 */
function backAfterListing(term: number): { readonly scene: Scene; readonly slot: TaskRecord } {
  const before = scheduled()
  const schedule = structuredClone(before.solo.record(id))
  before.solo.pass(1_200)
  const [made] = before.solo.logged('slot-run').map(({ fields }) => asTaskId(String(fields?.['task'])))
  const slot = structuredClone(before.solo.record(made as TaskId))
  const later = listing(term, { ...schedule, term: 3 })
  assert.ok(
    later.schedule?.decided.lately.some(({ from, to }) => from <= slotOfTask(slot) && slotOfTask(slot) <= to),
  )
  const scene = new Scene({}, { nextSlot, records: [schedule, slot] })
  scene.right.epochs.rings = 'lost'
  scene.solo.now = 610_000
  scene.take(9)
  // Copies that were written by others since: what a takeover notes is of now.
  scene.answer('n2', [{ ...later, term: 8 }])
  scene.answer('n3')
  return { scene, slot }
}

const runsOf = ({ solo }: Scene, { spec }: TaskRecord): number =>
  solo.orders.filter(order => order.task === spec.id).length

test('what a later owner listed as missed is not run by one who comes back with a copy that never counted', () => {
  const { scene, slot } = backAfterListing(7)
  pass(scene)
  assert.equal(runsOf(scene, slot), 0)
  assert.equal(scene.solo.tasks.get(slot.spec.id), undefined)
  const dropped = scene.solo.logged('ended-copy-dropped').map(({ fields }) => fields?.['task'])
  assert.deepEqual(dropped, [slot.spec.id])
})

test('what was listed before the task was written is no evidence: it runs', () => {
  const { scene, slot } = backAfterListing(4)
  pass(scene)
  assert.ok(runsOf(scene, slot) > 0)
})
