import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { InjectOptions } from 'fastify'
import { errorsOf } from '../../../src/adapters/http/route-errors.ts'
import { ROUTES } from '../../../src/adapters/http/routes.ts'
import { ERRORS, type ErrorCode } from '../../../src/base/errors.ts'
import { asNodeId } from '../../../src/base/ids.ts'
import { wallOf } from '../../../src/base/time.ts'
import type { TaskReply, TaskRequest } from '../../../src/tasks/messages.ts'
import { isFailure, obey, readOrder } from '../../../src/tasks/schedules/orders.ts'
import { recordOf, type ScheduleRecord, type ScheduleState } from '../../../src/tasks/schedules/state.ts'
import { definition, rules } from '../../tasks/schedules/samples.ts'
import { isProblem, post, schemaOf, subject } from './subject.ts'

const put = (url: string, payload: unknown): InjectOptions => ({
  method: 'PUT',
  url,
  headers: { 'content-type': 'application/json' },
  payload: JSON.stringify(payload),
})

/** An owner that keeps schedules as the real one does, and says when it was asked. */
function owner() {
  const states = new Map<string, ScheduleState>()
  const recordOfName = (key: string): ScheduleRecord => {
    const state = states.get(key)
    assert.ok(state)
    return recordOf(state, [asNodeId('node-1')], 1)
  }
  return async (request: TaskRequest): Promise<TaskReply> => {
    if (request.kind === 'get') {
      const name = request.task.slice('schedule:'.length)
      if (!states.has(name))
        return { ok: false, failure: { code: 'TASK_UNKNOWN', detail: 'nobody knows it' } }
      return { ok: true, record: recordOfName(name), existed: true, durableCopies: 1 }
    }
    assert.ok(request.kind === 'submit')
    const { key } = request.spec
    const order = readOrder(request.spec, rules)
    assert.ok(!isFailure(order))
    const before = states.get(key)
    const state = obey(before, key, order, 'api', wallOf(Date.now()))
    if (isFailure(state)) return { ok: false, failure: state }
    states.set(key, state)
    const existed = before !== undefined && !before.ordered.deleted
    return { ok: true, record: recordOfName(key), existed, durableCopies: 1 }
  }
}

const nightly = { cron: '30 2 * * *', timeZone: 'Europe/Berlin', task: { type: 'echo', payload: { a: 1 } } }

test('why nothing is made of a schedule is shown as its owner says it, whichever node is asked', async () => {
  const keeps = owner()
  const reply = async (request: TaskRequest): Promise<TaskReply> => {
    const said = await keeps(request)
    return said.ok ? { ...said, waits: 'said by its owner' } : said
  }
  const { ask } = await subject({ reply })
  const made = (await ask(put('/v1/schedules/nightly', nightly))).json<{ waits?: string }>()
  const shown = (await ask('/v1/schedules/nightly')).json<{ waits?: string }>()
  assert.deepEqual([made.waits, shown.waits], ['said by its owner', 'said by its owner'])
})

test('a schedule is put, shown with its next slots, paused, resumed and removed', async () => {
  const { ask } = await subject({ reply: owner() })
  const made = await ask(put('/v1/schedules/nightly', nightly))
  assert.equal(made.statusCode, 201, made.body)
  assert.equal(made.headers['location'], '/v1/schedules/nightly')
  schemaOf('Schedule').parse(made.json())
  const again = await ask(put('/v1/schedules/nightly', nightly))
  assert.deepEqual([again.statusCode, again.json()], [200, made.json()])
  const shown = (await ask('/v1/schedules/nightly?next=3')).json<{
    next: number[]
    cron: string
    task: object
  }>()
  assert.deepEqual([shown.cron, shown.next.length], ['30 2 * * *', 3])
  for (const slot of shown.next) assert.match(new Date(slot).toISOString(), /T0[01]:30:00/)
  const paused = (await ask(post('/v1/schedules/pause/nightly', {}))).json<{
    paused: boolean
    next: number[]
  }>()
  assert.deepEqual([paused.paused, paused.next], [true, []])
  assert.equal(
    (await ask(post('/v1/schedules/resume/nightly', {}))).json<{ paused: boolean }>().paused,
    false,
  )
  const gone = await ask({ method: 'DELETE', url: '/v1/schedules/nightly' })
  assert.equal(gone.json<{ deleted: boolean }>().deleted, true)
  isProblem(await ask('/v1/schedules/nightly'), 'SCHEDULE_UNKNOWN')
  isProblem(await ask({ method: 'DELETE', url: '/v1/schedules/nightly' }), 'SCHEDULE_UNKNOWN')
  isProblem(await ask(post('/v1/schedules/pause/nightly', {})), 'SCHEDULE_UNKNOWN')
})

test('what is wrong with a definition is told at once, and nothing is asked of anybody', async () => {
  const { ask, requests } = await subject()
  const problem = isProblem(
    await ask(put('/v1/schedules/x', { cron: '61 * * * *', task: { type: '1' } })),
    'SCHEDULE_INVALID',
  )
  assert.deepEqual(
    (problem['problems'] as { at: string }[]).map(({ at }) => at),
    ['cron', 'task.type'],
  )
  isProblem(await ask(put('/v1/schedules/x', { ...nightly, name: 'y' })), 'SCHEDULE_INVALID')
  isProblem(await ask({ method: 'PUT', url: '/v1/schedules/x' }), 'BAD_REQUEST')
  isProblem(await ask(put('/v1/schedules/a%20b', nightly)), 'BAD_REQUEST')
  isProblem(await ask('/v1/schedules/x?next=101'), 'BAD_REQUEST')
  isProblem(await ask('/v1/schedules/x?upcoming=1'), 'BAD_REQUEST')
  isProblem(await ask('/v1/schedules?limit=0'), 'BAD_REQUEST')
  isProblem(await ask('/v1/schedules?after=a%20b'), 'BAD_REQUEST')
  isProblem(await ask({ method: 'POST', url: '/v1/schedules/x' }), 'METHOD_NOT_ALLOWED')
  assert.deepEqual(requests, [])
})

test('a definition can be tried out without storing it', async () => {
  const { ask, requests } = await subject()
  const tried = (await ask(post('/v1/schedules/preview?next=2', nightly))).json<{ next: number[] }>()
  schemaOf('SchedulePreview').parse(tried)
  assert.equal(tried.next.length, 2)
  isProblem(await ask(post('/v1/schedules/preview', { task: { type: 'echo' } })), 'SCHEDULE_INVALID')
  assert.deepEqual(requests, [])
})

test('the list says what it is sure of, and hands on its query', async () => {
  const queries: unknown[] = []
  const line = {
    ...{ name: 'a', owner: asNodeId('node-2'), timing: definition('a').timing, type: 'echo' },
    ...{ source: 'api' as const, paused: false, decidedTo: 5, made: 1, missed: 0, waits: 'it is paused' },
  }
  const page = { schedules: [line], next: 'a', unsure: [asNodeId('node-3')] }
  const listSchedules = async (query: unknown) => {
    queries.push(query)
    return { ok: true, page } as const
  }
  const { ask } = await subject({ node: { listSchedules } })
  const answer = await ask('/v1/schedules?after=Z&limit=7')
  schemaOf('Schedules').parse(answer.json())
  assert.deepEqual(answer.json(), page)
  assert.deepEqual(queries, [{ after: 'Z', limit: 7 }])
})

test('writes need the write token', async () => {
  const { ask, requests } = await subject({
    config: { readToken: 'reader-token', writeToken: 'writer-token' },
  })
  const authorization = 'Bearer reader-token'
  for (const method of ['PUT', 'DELETE'] as const) {
    isProblem(await ask({ method, url: '/v1/schedules/x', headers: { authorization } }), 'FORBIDDEN')
  }
  isProblem(await ask({ ...post('/v1/schedules/pause/x', {}), headers: { authorization } }), 'FORBIDDEN')
  assert.deepEqual(requests, [])
})

test('every refusal of an order for a schedule is in the document', () => {
  const root = fileURLToPath(new URL('../../../src/', import.meta.url))
  const sources = globSync('tasks/schedules/*.ts', { cwd: root }).map(name =>
    readFileSync(`${root}${name}`, 'utf8'),
  )
  const codes = sources.flatMap(text =>
    [...text.matchAll(/code: '([A-Z_]+)'/g)].map(([, code]) => code as ErrorCode),
  )
  assert.ok(codes.includes('SCHEDULE_FROM_CONFIG') && codes.every(code => Object.hasOwn(ERRORS, code)))
  const changes = ROUTES.filter(({ path, access }) => path.startsWith('/v1/schedules/') && access === 'write')
  assert.equal(changes.length, 4)
  for (const route of changes)
    for (const code of codes) assert.ok(errorsOf(route).has(code), `${route.path} ${code}`)
})
