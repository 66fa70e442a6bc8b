import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tasksDefaults } from '../../../src/tasks/config.ts'
import { parseDefinition } from '../../../src/tasks/schedules/definition.ts'
import {
  givenOf,
  isFailure,
  orderSpec,
  readOrder,
  sameDefinition,
} from '../../../src/tasks/schedules/orders.ts'
import { definition, rules } from './samples.ts'

const problemsOf = (value: unknown, name?: string): string[] => {
  const parsed = parseDefinition(value, rules, name)
  return parsed.ok ? [] : parsed.problems.map(({ at }) => at)
}

test('every default is filled in', () => {
  const { maxAttempts, backoffMs, backoffMsMax, timeoutMs } = tasksDefaults(4)
  assert.deepEqual(definition('a', { cron: '0 4 * * *' }), {
    name: 'a',
    timing: { cron: '0 4 * * *', timeZone: 'UTC' },
    task: { type: 'echo', payload: null, priority: 1, maxAttempts, backoffMs, backoffMsMax, timeoutMs },
    catchUp: 'last',
    overlap: 'allow',
    paused: false,
  })
})

test('everything that is wrong is told at once, each with its place', () => {
  const wrong = {
    name: 'not a name',
    cron: '61 * * * *',
    colour: 'red',
    task: { type: '1', key: 'k', timeoutMs: 0 },
    catchUp: 'some',
    overlap: 'maybe',
    paused: 'no',
  }
  const places = [
    'colour',
    'name',
    'cron',
    'task.key',
    'task.type',
    'task.timeoutMs',
    'catchUp',
    'overlap',
    'paused',
  ]
  assert.deepEqual(problemsOf(wrong), places)
})

test('a timing is a cron expression with a zone, or an interval of a second or more', () => {
  const task = { type: 'echo' }
  assert.deepEqual(problemsOf({ task }, 'a'), ['cron'])
  assert.deepEqual(problemsOf({ task, cron: '* * * * *', everyMs: 1_000 }, 'a'), ['cron'])
  assert.deepEqual(problemsOf({ task, everyMs: 999 }, 'a'), ['everyMs'])
  assert.deepEqual(problemsOf({ task, everyMs: 1_000.5 }, 'a'), ['everyMs'])
  assert.deepEqual(problemsOf({ task, everyMs: 1_000, timeZone: 'UTC' }, 'a'), ['timeZone'])
  assert.deepEqual(problemsOf({ task, cron: '* * * * *', timeZone: 'Mars/Phobos' }, 'a'), ['timeZone'])
  assert.deepEqual(problemsOf({ task, cron: '0 0 30 2 *' }, 'a'), ['cron'], 'a day that never comes')
  assert.deepEqual(problemsOf({ task, cron: 5 }, 'a'), ['cron'])
  assert.deepEqual(problemsOf({ task, everyMs: 1_000 }, 'a'), [])
  assert.deepEqual(
    problemsOf({ task, everyMs: 1_000, name: 'b' }, 'a'),
    ['name'],
    'another name than in the path',
  )
  assert.deepEqual(problemsOf('x', 'a'), ['schedule'])
  assert.deepEqual(problemsOf({ everyMs: 1_000 }, 'a'), ['task'])
})

test('a definition travels as one would write it, and comes out the same', () => {
  for (const one of [
    definition('a', {
      cron: '0 4 * * 1-5',
      timeZone: 'Asia/Kathmandu',
      catchUp: 'all',
      task: { type: 'exec', payload: { command: 'x' }, priority: 3 },
    }),
    definition('b', { everyMs: 90_000, overlap: 'skip', paused: true }),
  ]) {
    const parsed = parseDefinition(JSON.parse(JSON.stringify(givenOf(one))), rules)
    assert.ok(parsed.ok)
    assert.ok(sameDefinition(parsed.definition, one))
    const order = readOrder(orderSpec(one.name, { op: 'put', definition: one }), rules)
    assert.deepEqual(order, { op: 'put', definition: one })
  }
})

test('an order that is none is refused with what was expected', () => {
  const good = orderSpec('a', { op: 'pause' })
  assert.deepEqual(readOrder(good, rules), { op: 'pause' })
  for (const changes of [
    { payload: { op: 'explode' } },
    { payload: null },
    { key: 'b' },
    { payload: { op: 'put', schedule: {} } },
  ]) {
    const read = readOrder({ ...good, ...changes }, rules)
    assert.ok(isFailure(read) && read.code === 'SCHEDULE_INVALID')
  }
})
