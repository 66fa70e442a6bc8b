import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { Script } from 'node:vm'
import type { InjectOptions } from 'fastify'
import { ROUTES } from '../../../src/adapters/http/routes.ts'
import { asNodeId } from '../../../src/base/ids.ts'
import { record } from './sample-node.ts'
import { isProblem, post, schemaOf, subject } from './subject.ts'

const EXAMPLES: Readonly<Record<string, string>> = {
  '/v1/members/{id}': '/v1/members/node-2',
  '/v1/owner/{key}': '/v1/owner/some/key',
  '/v1/explain/{key}': '/v1/explain/some%2Fkey',
  '/v1/tasks/{id}': '/v1/tasks/t1',
  '/v1/tasks/{id}/log': '/v1/tasks/t1/log',
  '/v1/progress/{address}': '/v1/progress/known',
  '/v1/tasks/{id}/cancel': '/v1/tasks/t1/cancel',
  '/v1/tasks/{id}/retry': '/v1/tasks/t%2Fb/retry',
  '/v1/explain-task/{id}': '/v1/explain-task/t/1',
  '/v1/forget/{id}': '/v1/forget/node-2',
  '/v1/schedules/{name}': '/v1/schedules/nightly',
  '/v1/schedules/pause/{name}': '/v1/schedules/pause/nightly',
  '/v1/schedules/resume/{name}': '/v1/schedules/resume/nightly',
  '/v1/events': '/v1/events?follow=false',
}

const BODIES: Readonly<Record<string, object>> = {
  '/v1/tasks': { type: 'echo' },
  '/v1/progress/{address}': { fraction: 0.5 },
  '/v1/weight': { weight: 2 },
  '/v1/dead/redrive': { all: true },
  '/v1/dead/purge': { ids: ['t1'] },
  '/v1/schedules/{name}': { everyMs: 60_000, task: { type: 'echo' } },
  '/v1/schedules/preview': { cron: '@daily', task: { type: 'echo' } },
  '/v1/voters/add': { node: 'node-9' },
  '/v1/voters/remove': { node: 'node-2' },
  '/v1/voters/reset': { names: ['node-1'], confirm: 'roundtable' },
}

const printed = { text: 'x', cutBytes: 0 }
const LOOK = { ok: true, look: { running: true, stdout: printed, stderr: printed } } as const

/** A request to a route, with its method and the body that it takes. */
const called = ({ method, path }: (typeof ROUTES)[number], url: string): InjectOptions | string =>
  method === 'GET' ? url : { ...post(url, BODIES[path] ?? {}), method }

test('every route answers as it is documented', async () => {
  const { ask } = await subject({ look: LOOK })
  // Claims need a client and a lease: see the tests of claims.
  for (const route of ROUTES.filter(({ path }) => !path.startsWith('/v1/claims/') && path !== '/v1/claims')) {
    const url = EXAMPLES[route.path] ?? route.path
    const answer = await ask(called(route, url))
    const response = route.responses[answer.statusCode]
    assert.ok(response, `${route.path}: ${answer.statusCode} ${answer.body}`)
    if (response.schema !== undefined) schemaOf(response.schema).parse(answer.json())
    if (response.type !== undefined)
      assert.ok(String(answer.headers['content-type']).startsWith(response.type.split(';')[0] ?? ''))
  }
})

test('the OpenAPI document lists every route and no other, and every reference in it leads somewhere', async () => {
  const { ask } = await subject({ look: LOOK })
  const document = (await ask('/openapi.json')).json<{
    paths: Record<string, object>
    components: { schemas: object }
  }>()
  const listed = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.keys(item).map(method => `${method.toUpperCase()} ${path}`),
  )
  assert.deepEqual(listed.sort(), ROUTES.map(route => `${route.method} ${route.path}`).sort())
  for (const [, name] of JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
    assert.ok(Object.hasOwn(document.components.schemas, name ?? ''), name)
  }
  for (const path of Object.keys(document.paths)) {
    const answer = await ask({ method: 'HEAD', url: EXAMPLES[path] ?? path })
    assert.notEqual(answer.statusCode, 404, path)
  }
})

test('readyz says 503 and why while the node is not ready, and healthz does not mind', async () => {
  const reasons = [
    { code: 'island' as const, detail: 'no seed has answered' },
    { code: 'no-voters' as const, detail: '1 of 3 expected nodes are seen' },
  ]
  const { ask } = await subject({ status: { ready: { ready: false, reasons } } })
  const problem = isProblem(await ask('/readyz'), 'NOT_READY')
  assert.equal(problem['state'], 'Nothing was changed.', 'and there was nothing to store')
  assert.deepEqual(problem['reasons'], reasons)
  assert.equal(problem['detail'], 'no seed has answered; 1 of 3 expected nodes are seen')
  assert.equal((await ask('/healthz')).statusCode, 200)
})

test('keys come whole, however they are written in the path', async () => {
  const { ask } = await subject()
  const keys = [
    'a',
    'a/b/c',
    'a//b',
    '/a',
    'a b',
    '100%',
    '%2F',
    'ü/日本',
    'a?b#c',
    'a+b',
    'a;b',
    'x'.repeat(1_024),
    'ü'.repeat(512),
    '__proto__',
  ]
  for (const key of keys) {
    const answer = await ask(`/v1/owner/${encodeURIComponent(key)}`)
    assert.equal(answer.json<{ key: string }>().key, key)
  }
  for (const key of ['a/b/c', 'a//b', 'a+b', '__proto__']) {
    assert.equal((await ask(`/v1/owner/${key}`)).json<{ key: string }>().key, key)
    assert.equal((await ask(`/v1/explain/${key}`)).json<{ key: string }>().key, key)
  }
})

test('a ring without members has no owner, and a key is explained all the same: why, and who owned it before', async () => {
  const empty = {
    owner: undefined,
    mine: false,
    addresses: [],
    ringChecksum: '0',
    mode: 'available',
    acting: false,
  } as const
  const unowned = 'no member takes keys: n1 is cordoned'
  const at = 1_790_000_000_000
  const owners = [{ at, from: asNodeId('n1'), ring: '0', causes: [] }]
  const explanation = {
    key: 'k',
    hash: 7,
    owner: undefined,
    unowned,
    preferenceList: [],
    mine: false,
    mode: 'available' as const,
    ringChecksum: '0',
    beliefs: [],
    tasks: [],
    waiting: [],
    history: { since: at, owners, rightsSince: at, rights: [] },
  }
  const { ask } = await subject({ node: { owner: key => ({ key, ...empty }), explain: () => explanation } })
  assert.equal((await ask('/v1/owner/k')).json<{ owner: unknown }>().owner, null)
  const answer = await ask('/v1/explain/k')
  assert.equal(answer.statusCode, 200)
  assert.deepEqual(answer.json(), { ...explanation, owner: null })
})

test('a node that has not joined says so, not that nobody owns the key', async () => {
  const { ask } = await subject({ status: { phase: 'joining' }, node: { explain: () => undefined } })
  isProblem(await ask('/v1/explain/k'), 'NOT_READY')
})

test('no route takes a parameter that it does not document', async () => {
  const { ask } = await subject()
  for (const route of ROUTES) {
    const url = (EXAMPLES[route.path] ?? route.path).split('?')[0]
    const asked = `${url}?at=abc&at=1&key[]=2`
    const answer = await ask(called(route, asked))
    const problems = isProblem(answer, 'BAD_REQUEST')['problems']
    assert.deepEqual(
      (problems as { at: string }[]).map(({ at }) => at),
      ['at', 'key[]'],
      route.path,
    )
    if (route.query !== undefined) assert.match(answer.body, /expected one of/)
    else assert.match(answer.body, /expected no parameters/)
  }
})

test('paths that cannot be a key, an id or anything are bad requests', async () => {
  const { ask } = await subject()
  const bad = [
    '/v1/owner/',
    '/v1/owner/%',
    '/v1/owner/%zz',
    '/v1/owner/%ff',
    '/v1/owner/a%00b',
    `/v1/owner/${'x'.repeat(1_025)}`,
    `/v1/owner/${'x'.repeat(9_000)}`,
    '/v1/tasks/a%20b',
    `/v1/tasks/${'t'.repeat(257)}`,
  ]
  for (const url of bad) isProblem(await ask(url), 'BAD_REQUEST')
})

test('what is not there is a problem with its own code', async () => {
  const { ask } = await subject()
  for (const url of [
    '/v2',
    '/v1/',
    '/v1/owner',
    '/v1/status/',
    '/../etc/passwd',
    '/%2e%2e/x',
    '//',
    '/V1/status',
    '/v1/statusx',
  ])
    isProblem(await ask(url), 'NOT_FOUND')
  isProblem(await ask('/v1/members/nobody'), 'MEMBER_UNKNOWN')
  isProblem(await ask('/v1/tasks/unknown'), 'TASK_UNKNOWN')
})

test('a wrong method is answered with the right ones', async () => {
  const { ask } = await subject()
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'] as const) {
    const answer = await ask({ method, url: '/v1/owner/some/key' })
    isProblem(answer, 'METHOD_NOT_ALLOWED')
    assert.equal(answer.headers['allow'], 'GET, HEAD')
  }
  assert.equal((await ask({ method: 'DELETE', url: '/v1/tasks' })).headers['allow'], 'GET, HEAD, POST')
  assert.equal((await ask('/v1/leave')).headers['allow'], 'POST')
})

test('a task is handed on with every default, and accepted with its record and place', async () => {
  const { ask, requests } = await subject()
  const answer = await ask(
    post('/v1/tasks', { type: 'echo', key: 'k', payload: [1], id: 'a/b c'.replace(' ', '') }),
  )
  assert.equal(answer.statusCode, 202)
  assert.equal(answer.headers['location'], '/v1/tasks/a%2Fbc')
  const body = answer.json<{ record: { spec: { id: string } }; existed: boolean; durableCopies: number }>()
  assert.deepEqual([body.record.spec.id, body.existed, body.durableCopies], ['a/bc', false, 2])
  const [request] = requests
  assert.equal(request?.kind === 'submit' && request.spec.maxAttempts, 4)
  await ask(post('/v1/tasks', { type: 'echo' }))
  assert.equal(requests[1]?.kind === 'submit' && requests[1].spec.id, 't-new-1')
})

test('whoever makes the id of a task is told what for, and a placement that an id or key rules out is refused', async () => {
  const wishes: unknown[] = []
  const newTaskId = (wish: unknown): string => `made-${wishes.push(wish)}`
  const { ask, requests } = await subject({ node: { newTaskId } })
  await ask(post('/v1/tasks', { type: 'exec', placement: 'least_load' }))
  assert.deepEqual(wishes, [{ type: 'exec', placement: 'least_load' }])
  const [request] = requests
  assert.ok(request?.kind === 'submit')
  assert.deepEqual(
    [request.spec.id, request.spec.key, request.spec.placement],
    ['made-1', 'made-1', 'least_load'],
  )
  const refused = await ask(post('/v1/tasks', { type: 'exec', placement: 'random', key: 'k' }))
  isProblem(refused, 'TASK_INVALID')
  assert.match(refused.body, /the node is chosen by giving it an id that it owns/)
  assert.equal(requests.length, 1)
})

test('a task that was known already is 200, not 202', async () => {
  const { ask } = await subject({
    reply: async () => ({ ok: true, record: record(), existed: true, durableCopies: 1 }),
  })
  assert.equal((await ask(post('/v1/tasks', { type: 'echo', id: 't1' }))).statusCode, 200)
})

test('all that is wrong with a task is said at once, and nothing is asked of the owner', async () => {
  const { ask, requests } = await subject()
  const problem = isProblem(await ask(post('/v1/tasks', { type: 5, priority: 9, extra: 1 })), 'TASK_INVALID')
  assert.equal((problem['problems'] as unknown[]).length, 3)
  for (const body of ['[]', '1', '"x"', 'null', '{}'])
    isProblem(await ask(post('/v1/tasks', body)), 'TASK_INVALID')
  assert.equal(requests.length, 0)
})

test('a refusal of the owner keeps its code, and says when to come back', async () => {
  const failure = { code: 'QUEUE_FULL', detail: '100000 tasks wait.', retryAfterS: 1.2 } as const
  const { ask } = await subject({ reply: async () => ({ ok: false, failure }) })
  const answer = await ask(post('/v1/tasks', { type: 'echo' }))
  isProblem(answer, 'QUEUE_FULL')
  assert.equal(answer.headers['retry-after'], '2')
})

test('an owner that never answers is given up on, and one wait too many is refused', async () => {
  const { ask } = await subject({ reply: () => new Promise(() => {}) }, { answerMs: 200, waitingMax: 1 })
  const first = ask('/v1/tasks/t1')
  isProblem(await ask('/v1/tasks/t2'), 'OVERLOADED')
  isProblem(await first, 'DEADLINE')
  isProblem(await ask('/v1/tasks/t3'), 'DEADLINE')
})

test('the task page of one node takes its four parameters and refuses others, all at once', async () => {
  const { ask, queries, surveys } = await subject()
  await ask('/v1/tasks?scope=owned')
  await ask('/v1/tasks?state=dead&scope=all&after=t9&limit=1000')
  assert.deepEqual(queries, [
    { limit: 100, scope: 'owned' },
    { state: 'dead', scope: 'all', after: 't9', limit: 1_000 },
  ])
  assert.deepEqual(surveys, [])
  const problem = isProblem(
    await ask('/v1/tasks?state=x&scope=&after=a%20b&limit=1001&limt=5'),
    'BAD_REQUEST',
  )
  assert.equal((problem['problems'] as unknown[]).length, 5)
  for (const query of [
    'limit=0',
    'limit=-1',
    'limit=1.5',
    'limit=5&limit=6',
    'limit=',
    'state=constructor',
    '__proto__=1',
  ]) {
    isProblem(await ask(`/v1/tasks?${query}`), 'BAD_REQUEST')
  }
})

test('a leave starts at once, with or without a deadline', async () => {
  const { ask, leaves } = await subject()
  assert.equal((await ask({ method: 'POST', url: '/v1/leave' })).statusCode, 202)
  assert.equal((await ask(post('/v1/leave', { deadlineMs: 50 }))).statusCode, 202)
  for (const body of [{ deadlineMs: -1 }, { deadlineMs: '1' }, { deadline: 1 }, [], 'true'])
    isProblem(await ask(post('/v1/leave', body)), 'BAD_REQUEST')
  assert.deepEqual(leaves, [undefined, 50])
})

test('a leave that fails later is logged, since its request was answered long ago', async () => {
  const { ask, logged } = await subject({
    node: { leave: () => Promise.reject(new Error('the store failed')) },
  })
  assert.equal((await ask({ method: 'POST', url: '/v1/leave' })).statusCode, 202)
  assert.deepEqual(
    logged.map(line => line.event),
    ['leave-failed'],
  )
})

test('metrics hold those of the process, of the node and of the face', async () => {
  const { ask } = await subject()
  await ask('/nothing')
  // The first scrape starts to measure the delay of the event loop; samples come every few milliseconds.
  let body = ''
  while (!body.includes('nodejs_eventloop_lag_')) {
    body = (await ask('/metrics')).body
    assert.doesNotMatch(body, /^nodejs_eventloop_lag_\S+ (?:NaN|\d{4,})/m)
    await setTimeout(1)
  }
  for (const line of [
    /^process_resident_memory_bytes \d/m,
    /^nodejs_eventloop_lag_p99_seconds \d/m,
    /^nodejs_heap_size_used_bytes \d/m,
    /^roundtable_members\{status="alive"\} 2$/m,
    /^roundtable_http_errors_total\{code="NOT_FOUND"\} 1$/m,
    /^roundtable_info\{node="node-1",cluster="roundtable",version="0.1.0"\} 1$/m,
  ]) {
    assert.match(body, line)
  }
  assert.doesNotMatch(body, /process_heap_bytes/)
  const heads = [...body.matchAll(/^# TYPE (\S+)/gm)].map(match => match[1])
  assert.equal(new Set(heads).size, heads.length)
})

test('the page loads nothing from elsewhere, and its policy allows just its own script and style', async () => {
  const { ask } = await subject()
  const { body, headers } = await ask('/')
  const policy = String(headers['content-security-policy'])
  assert.match(policy, /default-src 'none'/)
  assert.doesNotMatch(policy, /unsafe|\*/)
  assert.doesNotMatch(body, /(?:src|href)="(?!data:)/)
  for (const tag of ['script', 'style']) {
    const content = new RegExp(`<${tag}>([^]*)</${tag}>`).exec(body)?.[1] ?? ''
    assert.ok(policy.includes(`${tag}-src 'sha256-${hash('sha256', content, 'base64')}'`), tag)
    if (tag === 'script') assert.doesNotThrow(() => new Script(content))
  }
})

test('answers are not cached and not sniffed', async () => {
  const { ask } = await subject()
  for (const url of ['/v1/status', '/nothing']) {
    const { headers } = await ask(url)
    assert.equal(headers['cache-control'], 'no-store')
    assert.equal(headers['x-content-type-options'], 'nosniff')
  }
})
