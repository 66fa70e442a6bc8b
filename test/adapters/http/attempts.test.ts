/** What the API tells of attempts, takes from them, and does to them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asTaskId } from '../../../src/base/ids.ts'
import { wallOf } from '../../../src/base/time.ts'
import type { TaskReply, TaskRequest } from '../../../src/tasks/messages.ts'
import type { TaskRecord } from '../../../src/tasks/task.ts'
import { record } from './sample-node.ts'
import { type Answer, isProblem, post, schemaOf, subject } from './subject.ts'

async function problemOf(answer: Promise<Answer>, code: Parameters<typeof isProblem>[1]) {
  const problem = isProblem(await answer, code)
  return problem as { readonly detail: string; readonly problems?: readonly { readonly at: string }[] }
}

const matches = (name: Parameters<typeof schemaOf>[0], value: unknown) => schemaOf(name).parse(value)

const at = wallOf(1_790_000_000_000)
const progress = { fraction: 0.3, done: 3, total: 10, note: 'layers', at }

const runningRecord = (id: string): TaskRecord => {
  const { result: _, settledAt: __, ...rest } = record({ id: asTaskId(id) })
  const first = {
    number: 1,
    node: asNodeId('node-1'),
    startedAt: at,
    endedAt: at,
    outcome: 'failed',
  } as const
  return {
    ...rest,
    state: 'running',
    attempts: [first, { number: 2, node: asNodeId('node-2'), startedAt: at }],
  }
}

const running = async (request: TaskRequest): Promise<TaskReply> => {
  const id = request.kind === 'submit' ? request.spec.id : request.task
  const found = runningRecord(id)
  const shown = request.kind === 'cancel' ? { ...found, state: 'cancelled' as const, settledAt: at } : found
  return { ok: true, record: shown, existed: true, durableCopies: 1 }
}

test('a task that runs is shown with what its attempt says of its progress', async () => {
  const { ask, looks } = await subject({
    reply: running,
    look: { ok: true, look: { running: true, progress } },
  })
  const answer = await ask('/v1/tasks/t1')
  assert.equal(answer.statusCode, 200)
  matches('TaskRecord', answer.json())
  assert.deepEqual(answer.json<{ progress: unknown }>().progress, progress)
  assert.deepEqual(looks, [{ node: 'node-2', task: 't1', attempt: 2, logBytes: 0 }])
})

test('nobody is kept from the record because its node does not say how far it is; what has ended is not asked for', async () => {
  const failure = { code: 'NODE_UNREACHABLE', detail: 'node-2 did not answer' } as const
  const silent = await subject({ reply: running, look: { ok: false, failure } })
  const answer = await silent.ask('/v1/tasks/t1')
  assert.equal(answer.statusCode, 200)
  assert.ok(!('progress' in answer.json<object>()))
  const ended = await subject()
  assert.equal((await ended.ask('/v1/tasks/t1')).statusCode, 200)
  assert.deepEqual(ended.looks, [])
})

test('the log of an attempt is that of the last one, or of the one asked for, from the node that has it', async () => {
  const look = {
    running: true,
    progress,
    stdout: { text: 'out\n', cutBytes: 7 },
    stderr: { text: '', cutBytes: 0 },
  }
  const { ask, looks } = await subject({ reply: running, look: { ok: true, look } })
  const answer = await ask('/v1/tasks/t%2F1/log')
  assert.equal(answer.statusCode, 200)
  matches('TaskLog', answer.json())
  assert.deepEqual(answer.json(), { task: 't/1', attempt: 2, node: 'node-2', ...look })
  const first = await ask('/v1/tasks/t1/log?attempt=1&bytes=100')
  assert.equal(first.json<{ node: string }>().node, 'node-1')
  assert.deepEqual(looks, [
    { node: 'node-2', task: 't/1', attempt: 2, logBytes: 16_384 },
    { node: 'node-1', task: 't1', attempt: 1, logBytes: 100 },
  ])
})

test('a task whose id ends as the path of a log does is found with that slash encoded', async () => {
  const { ask, looks } = await subject({ look: { ok: true, look: { running: true } } })
  assert.equal((await ask('/v1/tasks/t1%2Flog')).json<TaskRecord>().spec.id, 't1/log')
  assert.deepEqual(looks, [])
})

test('an id before a fixed end of the path has its slashes as they are or encoded', async () => {
  const look = { running: true, stdout: { text: '', cutBytes: 0 }, stderr: { text: '', cutBytes: 0 } }
  const { ask, looks, requests } = await subject({ look: { ok: true, look } })
  for (const id of ['t/1', 't%2F1', 't/a//b/', 't%2Flog', 't/log', 't/100%25']) {
    const task = decodeURIComponent(id)
    const log = await ask(`/v1/tasks/${id}/log?bytes=10`)
    assert.deepEqual([log.statusCode, log.json<{ task: string }>().task], [200, task])
    assert.deepEqual(looks.at(-1), { node: 'node-1', task, attempt: 1, logBytes: 10 })
    for (const kind of ['cancel', 'retry']) {
      assert.equal((await ask(post(`/v1/tasks/${id}/${kind}`, {}))).statusCode, 200)
      assert.deepEqual(requests.at(-1), { kind, task, key: 'k1' })
    }
  }
  assert.equal((await ask({ method: 'HEAD', url: '/v1/tasks/t/1/log' })).statusCode, 200)
  assert.equal((await ask('/v1/tasks/t/1')).json<TaskRecord>().spec.id, 't/1')
  const refused = await ask(post('/v1/tasks/t/1', {}))
  assert.deepEqual([refused.statusCode, refused.headers['allow']], [405, 'GET, HEAD'])
})

test('a log that nobody has is said to be none, and why', async () => {
  const { ask } = await subject({ reply: running })
  assert.match(
    (await problemOf(ask('/v1/tasks/t1/log'), 'LOG_UNKNOWN')).detail,
    /node-2 keeps nothing of attempt 2/,
  )
  assert.match(
    (await problemOf(ask('/v1/tasks/t1/log?attempt=9'), 'LOG_UNKNOWN')).detail,
    /holds no attempt 9/,
  )
  const untried = await subject({
    reply: async () => ({
      ok: true,
      record: { ...runningRecord('t1'), attempts: [] },
      existed: true,
      durableCopies: 1,
    }),
  })
  assert.match((await problemOf(untried.ask('/v1/tasks/t1/log'), 'LOG_UNKNOWN')).detail, /not tried yet/)
  const known = await subject()
  await problemOf(known.ask('/v1/tasks/unknown/log'), 'TASK_UNKNOWN')
  const failure = { code: 'NODE_UNREACHABLE', detail: 'node-2 is gone' } as const
  const gone = await subject({ reply: running, look: { ok: false, failure } })
  await problemOf(gone.ask('/v1/tasks/t1/log'), 'NODE_UNREACHABLE')
})

test('a wrong query of a log is refused with all that is wrong', async () => {
  const { ask } = await subject()
  const { problems } = await problemOf(ask('/v1/tasks/t1/log?attempt=0&bytes=99999&tail=1'), 'BAD_REQUEST')
  assert.deepEqual(problems?.map(each => each.at).sort(), ['attempt', 'bytes', 'tail'])
  await problemOf(ask('/v1/tasks/t1?bytes=1'), 'BAD_REQUEST')
})

test('a cancellation goes to whoever runs the task, and its answer is the record', async () => {
  const { ask, requests } = await subject({ reply: running })
  const answer = await ask(post('/v1/tasks/t1/cancel', {}))
  assert.equal(answer.statusCode, 200)
  matches('TaskRecord', answer.json())
  assert.equal(answer.json<TaskRecord>().state, 'cancelled')
  assert.deepEqual(requests, [
    { kind: 'get', task: 't1' },
    { kind: 'cancel', task: 't1', key: 'k1', runsOn: 'node-2' },
  ])
})

test('a cancellation that cannot be is refused as the owner says; one of nothing goes no further', async () => {
  const settled = await subject({
    reply: async request =>
      request.kind === 'cancel'
        ? { ok: false, failure: { code: 'TASK_SETTLED', detail: 'task t1 is succeeded' } }
        : { ok: true, record: record(), existed: true, durableCopies: 1 },
  })
  assert.match(
    (await problemOf(settled.ask(post('/v1/tasks/t1/cancel', {})), 'TASK_SETTLED')).detail,
    /succeeded/,
  )
  const none = await subject()
  await problemOf(none.ask(post('/v1/tasks/unknown/cancel', {})), 'TASK_UNKNOWN')
  assert.equal(none.requests.length, 1)
  await problemOf(none.ask(post('/v1/tasks/t1/cancel', { why: 'x' })), 'BAD_REQUEST')
})

test('cancelling needs the token that writes, and reporting progress none', async () => {
  const { ask, reports } = await subject({ config: { writeToken: 'x'.repeat(32) } })
  await problemOf(ask(post('/v1/tasks/t1/cancel', {})), 'UNAUTHORIZED')
  const answer = await ask(post('/v1/progress/known', { done: 3, total: 12, note: 'layers' }))
  assert.equal(answer.statusCode, 200)
  assert.deepEqual(reports, [['known', { fraction: 0.25, done: 3, total: 12, note: 'layers' }]])
})

test('progress that is none is refused, and that of an attempt that is over is told to stop', async () => {
  const { ask, reports } = await subject()
  const { problems } = await problemOf(
    ask(post('/v1/progress/known', { fraction: 2, done: -1 })),
    'BAD_REQUEST',
  )
  assert.deepEqual(
    problems?.map(each => each.at),
    ['fraction', 'done'],
  )
  assert.deepEqual(reports, [])
  const over = await problemOf(ask(post('/v1/progress/other', { fraction: 1 })), 'PROGRESS_UNKNOWN')
  assert.match(over.detail, /should stop/)
})
