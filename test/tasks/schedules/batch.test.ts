import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Failure } from '../../../src/base/errors.ts'
import { asNodeId } from '../../../src/base/ids.ts'
import { orderSpec } from '../../../src/tasks/schedules/orders.ts'
import { isSchedule, scheduleIdOf } from '../../../src/tasks/schedules/state.ts'
import { parseTaskSpec } from '../../../src/tasks/spec.ts'
import { Lent } from '../lent.ts'
import { Solo } from '../solo.ts'
import { definition, rules } from './samples.ts'

const everySecond = definition('s', { everyMs: 1_000 })

test('a slot, its task and the start of it are one batch, and nothing runs before it is on disk', () => {
  const solo = new Solo(undefined)
  solo.pass(200)
  solo.submit(orderSpec('s', { op: 'put', definition: everySecond }))
  solo.diskHangs = true
  solo.pass(1_200)
  const batch = solo.of('persist').find(({ writes }) => writes.some(({ key }) => key.startsWith('s@')))
  assert.ok(batch)
  const keys = batch.writes.map(({ key }) => key)
  assert.deepEqual(
    [keys[0]?.slice(0, 2), keys[1]],
    ['s@', scheduleIdOf('s')],
    'the task before the note of it',
  )
  assert.ok(batch.then.some(effect => effect.kind === 'execute'))
  assert.deepEqual(solo.orders, [], 'nothing runs while the disk hangs')
  solo.diskGoesOn()
  assert.equal(solo.orders.length, 1)
})

test('without the right to act nothing is made, and an order is refused', () => {
  const right = new Lent()
  const solo = new Solo(right)
  solo.pass(200)
  const early = solo.reply(solo.submit(orderSpec('s', { op: 'put', definition: everySecond })))
  assert.equal(early !== undefined && !early.ok && early.failure.code, 'NOT_ACTING')
  right.give(['s'], solo.now + 3_000)
  const put = solo.reply(solo.submit(orderSpec('s', { op: 'put', definition: everySecond })))
  assert.ok(put?.ok && isSchedule(put.record))
  solo.pass(2_100)
  const made = solo.logged('slot-run').length
  assert.equal(made, 2)
  right.take(['s'])
  solo.pass(3_000)
  assert.equal(solo.logged('slot-run').length, made)
  right.give(['s'], solo.now + 10_000)
  solo.pass(1_000)
  assert.ok(solo.logged('slot-run').length >= made + 3, 'what was late for less than 5 s is made')
})

test('a schedule is no task: it is not listed among them, counts among none, and never starts', () => {
  const solo = new Solo(undefined)
  solo.pass(200)
  solo.submit(orderSpec('s', { op: 'put', definition: definition('s', { everyMs: 86_400_000 }) }))
  solo.pass(1_000)
  assert.deepEqual(solo.tasks.page({ scope: 'all' }).tasks, [])
  assert.equal(
    Object.values(solo.tasks.counts().owned).reduce((sum, count) => sum + count),
    0,
  )
  assert.deepEqual(solo.orders, [])
  assert.equal(solo.metric('schedules_owned'), 1)
  assert.ok(solo.tasks.drained())
})

test('nobody can hand in a task that looks like a schedule', () => {
  for (const task of [{ type: 'schedule' }, { type: 'echo', id: scheduleIdOf('s') }]) {
    const parsed = parseTaskSpec({ key: 's', ...task }, rules.defaults, () => 'made')
    assert.ok(!parsed.ok && parsed.problems.length === 1, JSON.stringify(parsed))
  }
})

test('a node that reads no cron expressions says so', () => {
  const solo = new Solo(undefined)
  solo.pass(200)
  const reply = solo.reply(solo.submit(orderSpec('s', { op: 'put', definition: definition('s') })))
  assert.ok(reply !== undefined && !reply.ok)
  assert.equal(reply.failure.code, 'SCHEDULE_INVALID')
  assert.match(reply.failure.detail, /everyMs/)
})

test('a schedule for whose tasks its owner has no executor is taken only when another node has one', () => {
  const check = (type: string): Failure | undefined => {
    if (type === 'echo') return undefined
    const code = type === 'exec' ? 'COMMAND_NOT_ALLOWED' : 'EXECUTOR_UNKNOWN'
    return { code, detail: 'this node has none.' }
  }
  const put = (type: string, serving: readonly string[]): string => {
    const more = { check, types: new Set(['echo']), serving: () => serving.map(asNodeId) }
    const solo = new Solo(undefined, {}, ['n1'], more)
    solo.pass(200)
    const given = definition('s', { everyMs: 86_400_000, task: { type } })
    const reply = solo.reply(solo.submit(orderSpec('s', { op: 'put', definition: given })))
    return reply?.ok === true ? 'ok' : `${reply?.failure.code}: ${reply?.failure.detail}`
  }
  assert.equal(put('resize', ['n2']), 'ok')
  const said = 'this node has none. Said by node n1, which owns the key.'
  assert.equal(put('resize', []), `EXECUTOR_UNKNOWN: ${said}`)
  // As of a task: a command that is not allowed here is for whoever configures this node.
  assert.equal(put('exec', ['n2']), `COMMAND_NOT_ALLOWED: ${said}`)
})
