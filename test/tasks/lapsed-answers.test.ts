/** What was promised an answer before the right lapsed for a moment: it is not told what the owner no longer knows for sure. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asTaskId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import { orderSpec } from '../../src/tasks/schedules/orders.ts'
import { scheduleIdOf } from '../../src/tasks/schedules/state.ts'
import type { TaskRecord, TaskSpec } from '../../src/tasks/task.ts'
import { freshRecord } from '../../src/tasks/transition.ts'
import { own, ready, ring, Scene, THREE } from './scene.ts'
import { definition, nextSlot } from './schedules/samples.ts'

/** The wall clock of the scene when it begins, ms. */
const START = 1_700_000_000_000

/** The right is lost for so long, in ms, and comes back under a later term, under which everybody is asked anew. */
function lapse(scene: Scene, ms: number): void {
  scene.solo.step(() => {
    scene.right.end()
    return []
  })
  scene.solo.pass(ms)
  scene.right.held = true
  scene.take(9)
}

test('a task whose copies were under way in a lapse, and come after it, is kept by whoever accepts it then', () => {
  const scene = ready({ inventoryMs: 10_000 })
  const { solo } = scene
  const submitted = solo.submit(own('a', { runAt: wallOf(START + 60_000) }))
  solo.pass(500)
  lapse(scene, 1_500)
  // Enough for the key to be complete, not enough to know that nobody else has the task.
  scene.answer('n3')
  scene.acknowledge('n3')
  assert.equal(scene.code(submitted), 'ok')
  scene.answer('n2')
  solo.pass(200)
  assert.notEqual(solo.tasks.get(asTaskId('a')), undefined)
  assert.deepEqual(solo.logged('ended-copy-dropped'), [])
})

test('an owner that lost its right sends nothing of its queue before it has judged it', () => {
  const scene = ready({ inventoryMs: 10_000 })
  const { solo } = scene
  solo.submit(own('a'))
  solo.pass(200)
  for (const node of ['n2', 'n3']) scene.sent(node, 'replicate')
  lapse(scene, 3_000)
  const sent = (): number => ['n2', 'n3'].flatMap(node => scene.sent(node, 'replicate')).length
  assert.equal(sent(), 0, 'neither before it has its right again, nor when it asks')
  scene.answer('n3')
  solo.pass(1_500)
  assert.equal(sent(), 0, 'if n2 has not got it either, it has ended')
  scene.answer('n2', [solo.record('a')])
  solo.pass(1_500)
  assert.ok(sent() > 0)
  assert.deepEqual(solo.logged('ended-copy-dropped'), [])
})

test('what others have ended in the lapse never leaves', () => {
  const scene = ready()
  const { solo } = scene
  solo.submit(own('a'))
  solo.pass(200)
  for (const node of ['n2', 'n3']) scene.sent(node, 'replicate')
  lapse(scene, 3_000)
  for (const node of ['n2', 'n3']) scene.answer(node)
  solo.pass(3_000)
  for (const node of ['n2', 'n3']) assert.deepEqual(scene.sent(node, 'replicate'), [])
  assert.equal(solo.logged('ended-copy-dropped').length, 1)
})

/** An end that is on no other disk when the right lapses, and the record that a later owner made of the task meanwhile. */
function overtaken(scene: Scene): { theirs: TaskRecord } {
  const { solo } = scene
  solo.submit(own('a'))
  for (let i = 0; i < 3; i++) scene.acknowledge('n2')
  solo.pass(150)
  scene.acknowledge('n2')
  scene.acknowledge('n3')
  const before = solo.record('a')
  solo.end('a', 1, { ok: true, result: 'ours' })
  const revision = before.revision + 3
  const theirs = { ...before, state: 'succeeded', result: 'theirs', revision, term: 7, settledAt: wallOf(1) }
  return { theirs: theirs as TaskRecord }
}

test('who asks for the end of a task after a lapse is told it only by an owner that has asked all others', () => {
  const scene = ready()
  const { solo } = scene
  const { theirs } = overtaken(scene)
  lapse(scene, 3_000)
  const asked = solo.request({ kind: 'get', task: asTaskId('a'), waitMs: 5_000 })
  solo.pass(250)
  scene.acknowledge('n3')
  assert.equal(scene.code(asked), 'TAKEOVER_INCOMPLETE')
  assert.notEqual(solo.record('a').term, 9)
  scene.answer('n2', [theirs])
  assert.equal(solo.record('a').result, 'theirs')
})

test('who has asked for it before the lapse is not told it either', () => {
  const scene = ready()
  const { solo } = scene
  const { theirs } = overtaken(scene)
  const asked = solo.request({ kind: 'get', task: asTaskId('a'), waitMs: 60_000 })
  lapse(scene, 3_000)
  scene.acknowledge('n3')
  const reply = solo.reply(asked)
  assert.equal(reply?.ok, reply === undefined ? undefined : false)
  scene.answer('n2', [theirs])
  scene.acknowledge('n2')
  assert.equal(solo.record('a').result, 'theirs')
})

/** An owner with one queued task that it has asked all others about; then its right lapses, and they answer that they have nothing. */
function emptied(changes: Partial<TaskSpec> = {}, state: Partial<TaskRecord> = {}): Scene {
  const task = own('next', { type: 'nobody', ...changes })
  const record = { ...freshRecord(task, 'api', wallOf(START), THREE.map(asNodeId), 1), term: 4, copies: 2 }
  const records = [{ ...record, ...state }]
  const scene = new Scene({ inventoryMs: 10_000 }, { records, types: new Set(['echo']) })
  scene.take()
  for (const from of ['n2', 'n3']) scene.answer(from, records)
  lapse(scene, 1_000)
  for (const from of ['n2', 'n3']) scene.answer(from)
  return scene
}

test('what others may have ended in a lapse becomes no dead letter when its time is over', () => {
  const scene = emptied({ expiresAt: wallOf(START + 6_000) })
  scene.solo.pass(10_000)
  assert.equal(scene.solo.tasks.get(asTaskId('next')), undefined)
  assert.equal(scene.solo.tasks.final(asTaskId('next')), undefined)
  assert.equal(scene.solo.logged('ended-copy-dropped').length, 1)
})

test('nor when a copy of before comes at the moment when its time is over', () => {
  const scene = emptied({ expiresAt: wallOf(START + 6_000) })
  const { solo } = scene
  const older = { ...solo.record('next'), revision: 3, state: 'retrying', notBefore: wallOf(START) } as const
  solo.now = 6_500
  solo.hear('n4', { type: 'replicate', batch: 1, records: [older], ring: ring.checksum, terms: [0] })
  assert.notEqual(solo.tasks.get(asTaskId('next'))?.state, 'dead')
  solo.pass(5_000)
  assert.equal(solo.tasks.get(asTaskId('next')), undefined)
  assert.equal(solo.logged('ended-copy-dropped').length, 1)
  assert.deepEqual(solo.logged('task-dead'), [])
})

for (const [kind, state] of [
  ['cancel', {}],
  ['retry', { state: 'retrying', revision: 3, notBefore: wallOf(START + 600_000) }],
] as const)
  test(`an order to ${kind} what others may have ended in a lapse is not obeyed`, () => {
    const scene = emptied({}, state)
    const task = asTaskId('next')
    const ordered = scene.solo.request({ kind, task, key: own('next').key })
    scene.solo.pass(500)
    assert.equal(scene.code(ordered), 'TASK_UNKNOWN')
    assert.deepEqual(scene.solo.orders, [])
  })

/** An order under term 5 that reached nobody; another owner wrote the record anew under 7; then this node has the key again. */
function outdated(scene: Scene, theirs: TaskRecord): void {
  scene.sent('n2', 'replicate')
  scene.sent('n3', 'replicate')
  lapse(scene, 1_000)
  for (const node of ['n2', 'n3']) scene.answer(node, [theirs])
  acknowledge(scene)
}

const acknowledge = (scene: Scene) =>
  scene.solo.pass(300, () => {
    for (const node of ['n2', 'n3']) scene.acknowledge(node)
  })

test('who ordered another try is not told that it will come where another owner wrote the end anew meanwhile', () => {
  const scene = ready({ inventoryMs: 10_000 })
  const { solo } = scene
  const { id: task, key } = own('a', { maxAttempts: 1 })
  solo.submit(own('a', { maxAttempts: 1 }))
  acknowledge(scene)
  solo.end('a', 1, { ok: false, error: { code: 'THREW', message: 'x' }, retryable: false })
  acknowledge(scene)
  const before = solo.record('a')
  assert.equal(before.state, 'dead')
  const asked = solo.request({ kind: 'retry', task, key })
  outdated(scene, { ...before, term: 7, revision: before.revision + 1 })
  assert.equal(solo.record('a').state, 'dead')
  assert.equal(scene.code(asked), 'RIGHT_ENDED')
})

test('who cancelled a task is not told that it is cancelled where another owner began it meanwhile', () => {
  const scene = ready({ inventoryMs: 10_000 })
  const { solo } = scene
  const waiting = own('a', { runAt: wallOf(1_700_000_100_000) })
  solo.submit(waiting)
  acknowledge(scene)
  const before = solo.record('a')
  const asked = solo.request({ kind: 'cancel', task: waiting.id, key: waiting.key })
  const attempts = [{ number: 1, node: asNodeId('n2'), startedAt: wallOf(5), token: '7' }]
  outdated(scene, { ...before, term: 7, revision: before.revision + 1, state: 'running', attempts })
  assert.notEqual(solo.record('a').state, 'cancelled')
  assert.equal(scene.code(asked), 'RIGHT_ENDED')
})

test('who changed a schedule is not told so where another owner has another order, and is where the order stands', () => {
  for (const stands of [false, true]) {
    const name = 'abcdefgh'.split('').find(each => ring.owner(each) === 'n1') ?? assert.fail('no such name')
    const scene = ready({ inventoryMs: 10_000 }, { nextSlot })
    const { solo } = scene
    solo.submit(orderSpec(name, { op: 'put', definition: definition(name, { everyMs: 3_600_000 }) }))
    acknowledge(scene)
    const before = solo.record(scheduleIdOf(name))
    const asked = solo.submit(orderSpec(name, { op: 'pause' }))
    const paused = solo.record(scheduleIdOf(name))
    const { ordered, decided } = before.schedule ?? assert.fail('it is a schedule')
    const schedule = { ordered: { ...ordered, version: ordered.version + 1 }, decided }
    outdated(scene, {
      ...(stands ? paused : { ...before, schedule }),
      term: 7,
      revision: paused.revision + 1,
    })
    assert.equal(scene.code(asked), stands ? 'ok' : 'RIGHT_ENDED')
  }
})

for (const state of ['ready', 'running'] as const)
  test(`what others ended in a lapse does not come back by a copy that says ${state}`, () => {
    const scene = ready()
    const { solo } = scene
    const acknowledge = (): void => {
      for (const node of ['n2', 'n3']) scene.acknowledge(node)
    }
    solo.submit(own('a', { runAt: wallOf(START + 100_000) }))
    solo.pass(300, acknowledge)
    const record = solo.record('a')
    lapse(scene, 600)
    for (const node of ['n2', 'n3']) scene.answer(node)
    const attempts = [{ number: 1, node: asNodeId('n4'), startedAt: wallOf(9), token: '1' }]
    const stray: TaskRecord = { ...record, state, term: 6, copies: 2, revision: 4, attempts }
    solo.hear('n4', { type: 'replicate', batch: 9, records: [stray], ring: 'other', terms: [0] })
    solo.pass(1_000, acknowledge)
    assert.deepEqual(solo.orders, [])
    assert.equal(solo.logged('ended-copy-dropped').length, 1)
  })

for (const [state, outcome] of [
  ['dead', { ok: false, error: { code: 'THREW', message: 'no' }, retryable: false }],
  ['succeeded', { ok: true, result: 'done' }],
] as const)
  test(`what is ${state} ${state === 'dead' ? 'may have been tried again by another owner, and is told' : 'stays so, and is told by whoever knows it, and not only'} under the right to act`, () => {
    const scene = ready()
    const { solo } = scene
    solo.submit(own('a'))
    const acknowledge = (): void => {
      for (const node of ['n2', 'n3']) scene.acknowledge(node)
    }
    solo.pass(300, acknowledge)
    solo.end('a', 1, outcome)
    solo.pass(300, acknowledge)
    const told = (): string | undefined => scene.code(solo.request({ kind: 'get', task: asTaskId('a') }))
    const unsure = (code: string): string => (state === 'succeeded' ? 'ok' : code)
    assert.equal(solo.tasks.final(asTaskId('a'))?.state, state)
    assert.equal(told(), 'ok')
    lapse(scene, 3_000)
    assert.equal(told(), unsure('TAKEOVER_INCOMPLETE'))
    for (const node of ['n2', 'n3']) scene.answer(node)
    solo.step(() => {
      scene.right.end()
      return []
    })
    assert.equal(told(), unsure('NOT_ACTING'))
  })
