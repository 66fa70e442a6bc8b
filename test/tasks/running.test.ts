import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Failure } from '../../src/base/errors.ts'
import { asNodeId, asTaskId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import type { Outcome, TaskRecord, TaskSpec } from '../../src/tasks/task.ts'
import { freshRecord } from '../../src/tasks/transition.ts'
import { Lent } from './lent.ts'
import { spec } from './samples.ts'
import { Solo } from './solo.ts'

const done: Outcome = { ok: true, result: 'done' }
const EPOCH = 1_700_000_000_000
const listed = (solo: Solo, tasks: readonly TaskSpec[]): void =>
  solo.step(() => solo.tasks.taskList('work', tasks, solo.at))
const started = (solo: Solo): string[] => solo.orders.map(({ task }) => task)
const waiting = (solo: Solo, task: string): string | undefined => solo.tasks.waiting(asTaskId(task))?.code

test('a task whose type its owner has no executor for waits, visibly, and keeps no other waiting', () => {
  const types = new Set(['echo'])
  const solo = new Solo(undefined, {}, ['n1'], { types, serving: () => [asNodeId('n7')] })
  listed(solo, [spec('a', { type: 'exec', priority: 0 }), spec('b', { type: 'exec' }), spec('c')])
  solo.pass(500)
  assert.deepEqual(started(solo), ['c'])
  assert.deepEqual([solo.record('a').state, waiting(solo, 'a')], ['ready', 'no-executor'])
  assert.match(
    solo.tasks.waiting(asTaskId('a'))?.detail ?? '',
    /no executor of type exec; these have one: n7$/,
  )
  assert.deepEqual(
    solo.logged('executor-missing').map(({ fields }) => fields),
    [{ taskType: 'exec', queued: 2, servedBy: ['n7'] }],
  )
  assert.equal(solo.metric('tasks_without_executor'), 2)
  listed(solo, [])
  solo.pass(200)
  assert.equal(solo.logged('executor-missing-over').length, 1)
  assert.equal(solo.metric('tasks_without_executor'), 0)
})

test('a submission for which this owner has no executor is taken only when another node has one', () => {
  const unknown: Failure = { code: 'EXECUTOR_UNKNOWN', detail: 'type: unknown.' }
  const check = (type: string) => (type === 'echo' ? undefined : unknown)
  const alone = new Solo(undefined, {}, ['n1'], { check, types: new Set(['echo']) })
  const refused = alone.reply(alone.submit(spec('x', { type: 'exec' })))
  assert.ok(refused && !refused.ok && refused.failure.code === 'EXECUTOR_UNKNOWN')
  const serving = () => [asNodeId('n2')]
  const known = new Solo(undefined, {}, ['n1'], { check, types: new Set(['echo']), serving })
  assert.ok(known.reply(known.submit(spec('x', { type: 'exec' })))?.ok)
  assert.equal(waiting(known, 'x'), 'no-executor')
})

test('no more of a type runs than its limit, and the others go on', () => {
  const solo = new Solo(undefined, { typeConcurrency: { exec: 1 }, concurrency: 3 })
  listed(solo, [spec('a', { type: 'exec' }), spec('b', { type: 'exec' }), spec('c'), spec('d'), spec('e')])
  assert.deepEqual(started(solo), ['a', 'c', 'd'])
  assert.equal(waiting(solo, 'b'), 'type-limit')
  assert.equal(waiting(solo, 'e'), 'slots')
  solo.end('a', 1, done)
  assert.deepEqual(started(solo).slice(3), ['b'])
  assert.deepEqual(solo.tasks.counts().queue.types, [
    { name: 'echo', queued: 1, running: 2 },
    { name: 'exec', queued: 0, running: 1, limit: 1 },
  ])
})

test('no more of a group runs than the task or the node says, whatever the types', () => {
  const solo = new Solo(undefined, { groupConcurrency: { held: 1 }, concurrency: 10 })
  const ofGroup = (id: string, group: string, more: Partial<TaskSpec> = {}) => spec(id, { group, ...more })
  listed(solo, [
    ofGroup('a', 'g', { groupLimit: 2 }),
    ofGroup('b', 'g', { groupLimit: 2, type: 'exec' }),
    ofGroup('c', 'g', { groupLimit: 2 }),
    ofGroup('d', 'held'),
    ofGroup('e', 'held'),
    ofGroup('f', 'open'),
    ofGroup('g', 'open'),
  ])
  assert.deepEqual(started(solo).sort(), ['a', 'b', 'd', 'f', 'g'])
  assert.deepEqual([waiting(solo, 'c'), waiting(solo, 'e')], ['group-limit', 'group-limit'])
  solo.end('b', 1, done)
  solo.end('d', 1, done)
  assert.deepEqual(started(solo).slice(5), ['c', 'e'])
})

test('tasks of a key run one at a time unless all of them are concurrent, and the lone one is not overtaken', () => {
  const solo = new Solo(undefined, { concurrency: 10 })
  const of = (id: string, concurrent: boolean) => spec(id, { key: 'k', ...(concurrent && { concurrent }) })
  listed(solo, [of('a', true), of('b', true), of('c', false), of('d', true)])
  assert.deepEqual(started(solo), ['a', 'b'])
  assert.deepEqual([waiting(solo, 'c'), waiting(solo, 'd')], ['key-busy', 'key-order'])
  solo.end('a', 1, done)
  assert.equal(started(solo).length, 2)
  solo.end('b', 1, done)
  assert.deepEqual(started(solo).slice(2), ['c'])
  assert.equal(waiting(solo, 'd'), 'key-busy')
  solo.end('c', 1, done)
  assert.deepEqual(started(solo).slice(3), ['d'])
})

test('a dead letter of long ago that is tried again begins to age then: it does not go before what is urgent', () => {
  const solo = new Solo(undefined, { concurrency: 1 })
  solo.submit(spec('old', { priority: 3, maxAttempts: 1 }))
  solo.end('old', 1, { ok: false, retryable: true, error: { code: 'THREW', message: 'no' } })
  solo.pass(600_000)
  solo.submit(spec('runs'))
  solo.request({ kind: 'retry', task: asTaskId('old'), key: 'old' })
  solo.submit(spec('urgent', { priority: 0 }))
  solo.end('runs', 1, done)
  solo.end('urgent', 1, done)
  assert.deepEqual(started(solo), ['old', 'runs', 'urgent', 'old'])
})

test('a task that is to run later is scheduled until then', () => {
  const solo = new Solo(undefined)
  const reply = solo.reply(solo.submit(spec('later', { runAt: wallOf(EPOCH + 5_000) })))
  assert.ok(reply?.ok && 'record' in reply && reply.record.state === 'scheduled')
  solo.pass(4_900)
  assert.deepEqual([started(solo), waiting(solo, 'later')], [[], 'run-at'])
  assert.ok(solo.tasks.nextWake() <= 5_000)
  solo.pass(200)
  assert.deepEqual(started(solo), ['later'])
})

test('one that was cancelled before its time, and is tried again, waits for it all the same', () => {
  const solo = new Solo(undefined)
  solo.submit(spec('later', { runAt: wallOf(EPOCH + 5_000) }))
  const of = { task: asTaskId('later'), key: 'later' }
  solo.request({ kind: 'cancel', ...of })
  assert.ok(solo.reply(solo.request({ kind: 'retry', ...of }))?.ok)
  solo.pass(4_900)
  assert.deepEqual([started(solo), waiting(solo, 'later')], [[], 'run-at'])
  solo.pass(200)
  assert.deepEqual(started(solo), ['later'])
})

test('a task that waits behind another expires in time', () => {
  const solo = new Solo(undefined)
  const expiresAt = wallOf(EPOCH + 3_000)
  listed(solo, [spec('a', { key: 'k' }), spec('b', { key: 'k', expiresAt })])
  solo.pass(2_900)
  assert.equal(solo.record('b').state, 'ready')
  assert.ok(solo.tasks.nextWake() <= 3_000)
  solo.pass(200)
  assert.deepEqual([solo.record('b').state, solo.record('b').error?.code], ['dead', 'EXPIRED'])
  assert.equal(solo.metric('tasks_expired_total'), 1)
  assert.equal(solo.logged('task-dead').length, 1)
  solo.end('a', 1, done)
  assert.deepEqual(started(solo), ['a'])
})

test('an attempt has no more time than the whole task', () => {
  const solo = new Solo(undefined)
  listed(solo, [spec('a', { expiresAt: wallOf(EPOCH + 700), timeoutMs: 60_000 })])
  assert.deepEqual(
    solo.orders.map(({ timeoutMs }) => timeoutMs),
    [700],
  )
  solo.pass(750)
  solo.end('a', 1, { ok: false, retryable: true, error: { code: 'TIMEOUT', message: 'killed' } })
  assert.deepEqual([solo.record('a').state, solo.record('a').error?.code], ['dead', 'EXPIRED'])
})

test('one whose start waited for the disk beyond the time of its task is a dead letter that was not carried out', () => {
  const solo = new Solo(undefined)
  const expiresAt = wallOf(EPOCH + 3_000)
  solo.diskHangs = true
  solo.submit(spec('a', { expiresAt, maxAttempts: 1 }))
  solo.pass(5_000)
  solo.diskGoesOn()
  // Whoever carries it out looks at the clock, too: what says so comes behind the disk.
  assert.deepEqual(
    solo.orders.map(order => order.expiresAt),
    [expiresAt],
  )
  solo.end('a', 1, { ok: false, retryable: true, error: { code: 'EXPIRED', message: 'over' } })
  const { state, error } = solo.record('a')
  assert.deepEqual([state, error?.code, solo.outcomes('a')], ['dead', 'EXPIRED', [['n1', 'cancelled']]])
  assert.match(error?.message ?? '', /it was not tried/)
})

test('only who may act for its key lets a task expire', () => {
  const lent = new Lent()
  const solo = new Solo(lent)
  listed(solo, [spec('a', { expiresAt: wallOf(EPOCH + 500) })])
  solo.pass(3_000)
  assert.equal(solo.record('a').state, 'ready')
  lent.give(['a'], 60_000)
  solo.pass(1_100)
  assert.deepEqual([solo.record('a').state, started(solo)], ['dead', []])
})

/** A task that may be tried once runs on n2, which then goes away. */
function overtaken(sawEnd: boolean): { readonly solo: Solo; readonly lent: Lent } {
  const lent = new Lent()
  const solo = new Solo(lent, {}, ['n1', 'n2'], { sawEnd: () => sawEnd })
  const holders = [asNodeId('n2'), asNodeId('n1')]
  const running: TaskRecord = {
    ...freshRecord(spec('t', { maxAttempts: 1 }), 'api', wallOf(EPOCH), holders, 1),
    state: 'running',
    attempts: [{ number: 1, node: asNodeId('n2'), startedAt: wallOf(EPOCH + 10), token: '7' }],
    revision: 3,
  }
  solo.hear('n2', { type: 'replicate', batch: 1, records: [running] })
  solo.see(['n1'])
  solo.pass(100)
  assert.equal(solo.record('t').state, 'running', 'without leave nobody calls it lost')
  lent.give(['t'], 60_000)
  solo.pass(100)
  return { solo, lent }
}

test('in quorum mode an attempt on a node that fell silent was fenced: it counts for nothing, and is tried again', () => {
  const { solo } = overtaken(false)
  assert.deepEqual(solo.outcomes('t'), [
    ['n2', 'fenced'],
    ['n1', undefined],
  ])
  solo.end('t', 2, done)
  assert.equal(solo.record('t').state, 'succeeded')
})

test('an attempt on a node whose process was seen to end counts', () => {
  const { solo } = overtaken(true)
  assert.deepEqual(solo.outcomes('t'), [['n2', 'lost']])
  assert.deepEqual([solo.record('t').state, solo.record('t').error?.code], ['dead', 'NODE_CRASHED'])
})

test('what a node says of its own crash, when it is back, takes the place of what others concluded', () => {
  const { solo } = overtaken(false)
  const told = solo.record('t').attempts[0]
  assert.ok(told)
  const error = { code: 'NODE_CRASHED', message: 'the process of node n2 ended while it ran this' } as const
  const theirs: TaskRecord = {
    ...solo.record('t'),
    state: 'dead',
    attempts: [{ ...told, outcome: 'lost', endedAt: wallOf(EPOCH + 9_000), error }],
    revision: 4,
  }
  solo.see(['n1', 'n2'])
  solo.hear('n2', { type: 'replicate', batch: 2, records: [{ ...theirs, state: 'running' }] })
  assert.deepEqual(solo.outcomes('t')[0], ['n2', 'lost'])
})

test('the end of an attempt that does not run here ends no other one of its task', () => {
  const solo = new Solo(undefined)
  listed(solo, [spec('a', { maxAttempts: 3 })])
  solo.end('a', 1, { ok: false, error: { code: 'EXIT_NONZERO', message: 'once' }, retryable: true })
  solo.pass(60_000)
  assert.deepEqual(started(solo), ['a', 'a'])
  // The executor says a second time how the first one ended.
  solo.end('a', 1, done)
  assert.equal(solo.record('a').state, 'running')
  assert.equal(solo.metric('attempt_ends_unknown_total'), 1)
  assert.equal(solo.logged('attempt-end-unknown').length, 1)
  solo.end('a', 2, { ok: true, result: 'second' })
  assert.deepEqual([solo.record('a').state, solo.record('a').result], ['succeeded', 'second'])
})
