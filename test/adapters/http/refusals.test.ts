import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ErrorCode } from '../../../src/base/errors.ts'
import { isProblem, post, subject } from './subject.ts'

test('bodies that are too large, no JSON, not UTF-8, too deep or reach for a prototype are refused', async () => {
  const { ask, requests } = await subject({ config: { bodyBytesMax: 100_000 } })
  isProblem(await ask(post('/v1/tasks', { type: 'echo', payload: 'x'.repeat(100_001) })), 'BODY_TOO_LARGE')
  const bad = [
    '{',
    '',
    '{"a":1,}',
    '[1]2',
    '\ufeff',
    '{"type":"echo"}\0',
    Buffer.from([0x22, 0xff, 0x22]),
    '['.repeat(50_000),
    `${'[{"a":'.repeat(40)}1${'}]'.repeat(40)}`,
    '{"type":"echo","__proto__":{"x":1}}',
    '{"type":"echo","payload":[{"\\u005f_proto__":1}]}',
  ]
  for (const body of bad) isProblem(await ask(post('/v1/tasks', body)), 'BAD_REQUEST')
  assert.equal(
    (await ask(post('/v1/tasks', { type: 'echo', payload: '__proto__ {[[[['.repeat(99) }))).statusCode,
    202,
  )
  assert.equal(requests.length, 1)
  assert.equal(({} as Record<string, unknown>)['x'], undefined)
})

test('a whole number that would be stored as another one is refused, and named', async () => {
  const { ask, requests } = await subject()
  for (const n of ['12345678901234567890', '-9007199254740993', `1${'0'.repeat(60)}`, '1e400', '-0.5E+309']) {
    const answer = await ask(post('/v1/tasks', `{"type":"echo","payload":{"deep":[${n}]}}`))
    isProblem(answer, 'BAD_REQUEST')
    assert.ok(answer.body.includes(`got ${n.slice(0, 40)}`), answer.body)
  }
  assert.equal(requests.length, 0)
  for (const good of [
    '9007199254740991',
    '"12345678901234567890"',
    '0.12345678901234567',
    '1e20',
    '1e-400',
    '1.7e308',
  ])
    assert.equal((await ask(post('/v1/tasks', `{"type":"echo","payload":${good}}`))).statusCode, 202)
})

test('what is refused before it is a task names its id all the same, where it has one', async () => {
  const { ask } = await subject()
  const one = await ask(post('/v1/tasks', '{"type":"echo","id":"t7","payload":1e999}'))
  assert.equal(isProblem(one, 'BAD_REQUEST')['id'], 't7')
  assert.ok(one.body.includes('Expected numbers within 1.8e308 (larger ones as text), got 1e999.'), one.body)
  const list = await ask(
    post('/v1/tasks', '[{"type":"echo","id":"t1"},{"type":"echo","id":"t2","payload":1e999}]'),
  )
  assert.equal(isProblem(list, 'BAD_REQUEST')['id'], 't2')
  assert.match(list.body, /Entry 2 of the list: Expected numbers/)
  const nameless = await ask(post('/v1/tasks', '{"type":"echo","payload":1e999}'))
  assert.equal('id' in isProblem(nameless, 'BAD_REQUEST'), false)
  const body = ['{"type":"echo","id":"t3","payload":1e999}', '{"id":"t4",', '{"id":"t5","id":"t6"}'].join(
    '\n',
  )
  const headers = { 'content-type': 'application/x-ndjson' }
  const lines = await ask({ method: 'POST', url: '/v1/tasks', headers, payload: body })
  const told = lines.body.trimEnd().split('\n').slice(0, 3)
  assert.deepEqual(
    told.map(line => JSON.parse(line)).map(({ line, id, code }) => [line, id, code]),
    [
      [1, 't3', 'BAD_REQUEST'],
      [2, undefined, 'BAD_REQUEST'],
      [3, undefined, 'BAD_REQUEST'],
    ],
  )
})

test('a refusal says what came, cut short', async () => {
  const { ask } = await subject()
  const task = '{"type":"echo"}'
  const sent = (headers: Record<string, string>, url = '/v1/tasks') =>
    ask({ method: 'POST', url, headers, payload: task })
  const json = { 'content-type': 'application/json' }
  const said: [Awaited<ReturnType<typeof ask>>, ErrorCode, RegExp][] = [
    [await sent({ 'content-type': 'text/plain' }), 'UNSUPPORTED_MEDIA_TYPE', /json, got "text\/plain"\.$/],
    [
      await sent({ 'content-type': `text/${'x'.repeat(500)}` }),
      'UNSUPPORTED_MEDIA_TYPE',
      /got "text\/x{75}"\.$/,
    ],
    [
      await sent({ 'content-type': 'application/x-ndjson' }, '/v1/claims'),
      'UNSUPPORTED_MEDIA_TYPE',
      /got "application\/x-ndjson"\.$/,
    ],
    [await sent({ ...json, 'content-encoding': 'gzip' }), 'UNSUPPORTED_MEDIA_TYPE', /got "gzip"\.$/],
    [await sent({ ...json, expect: 'tea' }), 'BAD_REQUEST', /or 100-continue, got "tea"\.$/],
    [await sent({ ...json, host: 'elsewhere:1' }), 'FORBIDDEN', /"elsewhere:1"/],
    [await sent({ ...json, origin: 'http://evil' }), 'FORBIDDEN', /"http:\/\/evil"/],
    [await sent({ ...json, 'idempotency-key': 'a b' }), 'BAD_REQUEST', /got "a b"\.$/],
    [await ask({ method: 'GET', url: '/v1/task?a=b' }), 'NOT_FOUND', /got "\/v1\/task"\.$/],
  ]
  for (const [answer, code, detail] of said) assert.match(String(isProblem(answer, code)['detail']), detail)
})

test('however many fields or parameters nobody knows, the answer stays short, and says how many there are', async () => {
  const { ask, requests } = await subject()
  const made = Array.from({ length: 5_000 }, (_, i) => [`x${i}`, 0])
  const body = Object.fromEntries(made)
  const asked = [
    post('/v1/tasks', { type: 'echo', ...body }),
    post('/v1/tasks', [{ type: 'echo', ...body }]),
    post('/v1/claims', { types: ['work'], ...body }),
    {
      ...post('/v1/schedules/x', { everyMs: 1_000, task: { type: 'echo' }, ...body }),
      method: 'PUT' as const,
    },
    {
      ...post('/v1/schedules/x', { everyMs: 1_000, task: { type: 'echo', ...body } }),
      method: 'PUT' as const,
    },
  ]
  for (const each of asked) {
    const answer = await ask(each)
    assert.ok(answer.body.length < 10_000, `${each.url}: ${answer.body.length}`)
    assert.match(answer.body, /x0: expected .*4990 more: expected .* got unknown fields/)
  }
  const names = made.slice(0, 3_000).map(([name]) => name)
  const many = await ask(`/v1/status?${names.join('&')}`)
  isProblem(many, 'BAD_REQUEST')
  assert.match(many.body, /2990 more: expected no parameters, got unknown parameters/)
  const types = await ask(`/v1/events?types=${names.join(',')}`)
  isProblem(types, 'BAD_REQUEST')
  for (const { body } of [many, types]) assert.ok(body.length < 10_000, String(body.length))
  assert.equal(requests.length, 0)
})

test('a name that stands twice in an object is refused, and told; in several objects and in texts it may stand', async () => {
  const { ask, requests } = await subject()
  for (const [body, name] of [
    ['{"type":"echo","id":"a","id":"b"}', 'id'],
    ['{"type":"echo","payload":[{"x":{"a":1,"b":[],"a" : 2}}]}', 'a'],
    ['{"type":"echo","payload":{"\\u0061\\"":1,"a\\"":2}}', 'a"'],
  ] as const) {
    const problem = isProblem(await ask(post('/v1/tasks', body)), 'BAD_REQUEST')
    assert.equal(
      problem['detail'],
      `Expected each name once in an object, got ${JSON.stringify(name)} twice.`,
    )
  }
  const lines = await ask(
    post('/v1/tasks', '{"type":"echo","type":"exec"}\n', { 'content-type': 'application/x-ndjson' }),
  )
  assert.match(lines.body, /"BAD_REQUEST","stored":"no".*each name once/)
  assert.equal(requests.length, 0)
  for (const payload of ['[{"a":1},{"a":1}]', '{"a":{"a":{"a":"a:\\"a\\":"}}}', '"\\\\"', '"a\\":{"'])
    assert.equal((await ask(post('/v1/tasks', `{"type":"echo","payload":${payload}}`))).statusCode, 202)
})

test('the answer to broken JSON does not repeat it', async () => {
  const { ask } = await subject()
  const answer = await ask(post('/v1/tasks', '{"password": hunter2'))
  assert.ok(!answer.body.includes('hunter2'), answer.body)
})

test('bodies of other types are refused', async () => {
  const { ask } = await subject()
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
    'application/jsonx',
    'application/json; charset=latin1',
    'application/json;charset="UTF-16"',
    'nonsense',
  ]) {
    isProblem(
      await ask(post('/v1/tasks', '{"type":"echo"}', { 'content-type': type })),
      'UNSUPPORTED_MEDIA_TYPE',
    )
  }
  isProblem(
    await ask({
      method: 'POST',
      url: '/v1/tasks',
      payload: Buffer.from('{}'),
      headers: { 'content-type': '' },
    }),
    'UNSUPPORTED_MEDIA_TYPE',
  )
  isProblem(await ask(post('/v1/tasks', '{}', { 'content-encoding': 'gzip' })), 'UNSUPPORTED_MEDIA_TYPE')
  for (const charset of ['charset=utf-8', 'charset="UTF-8"', 'version=1; Charset=utf8']) {
    const headers = { 'content-type': `application/json; ${charset}` }
    assert.equal((await ask(post('/v1/tasks', { type: 'echo' }, headers))).statusCode, 202, charset)
  }
})

test('an expectation that cannot be met is refused like any other bad request', async () => {
  const { ask } = await subject()
  const problem = isProblem(await ask({ url: '/v1/status', headers: { expect: 'foo' } }), 'BAD_REQUEST')
  assert.match(String(problem['detail']), /100-continue/)
  const { statusCode } = await ask(post('/v1/tasks', { type: 'echo' }, { expect: '100-Continue' }))
  assert.equal(statusCode, 202)
})

test('a page of another site can neither read through a name of its own nor write', async () => {
  const { ask, leaves } = await subject()
  for (const authority of [
    'evil.example',
    '10.0.0.1:7373',
    'localhost.evil.example',
    'evil@localhost',
    '127.0.0.1.nip.io',
    '[::2]',
  ]) {
    const answer = await ask({ url: '/v1/status', headers: { host: authority } })
    assert.ok(answer.statusCode === 403 || answer.statusCode === 400, `${authority} ${answer.statusCode}`)
  }
  for (const authority of ['localhost', 'LOCALHOST:1', '127.0.0.1', '127.9.9.9:80', '[::1]:7373']) {
    assert.equal((await ask({ url: '/v1/status', headers: { host: authority } })).statusCode, 200, authority)
  }
  const url = '/v1/leave'
  for (const headers of [
    { origin: 'http://evil.example' },
    { origin: 'null' },
    { origin: 'https://127.0.0.1:7373' },
    { origin: 'http://127.0.0.1:1' },
    { 'sec-fetch-site': 'cross-site' },
  ]) {
    isProblem(await ask({ method: 'POST', url, headers }), 'FORBIDDEN')
  }
  assert.deepEqual(leaves, [])
  assert.equal(
    (await ask({ method: 'POST', url, headers: { origin: 'http://127.0.0.1:7373' } })).statusCode,
    202,
  )
})

test('tokens: reads need either where one is asked for, writes need the write token', async () => {
  const tokens = { readToken: 'r'.repeat(16), writeToken: 'w'.repeat(16) }
  const { ask } = await subject({ config: { host: '0.0.0.0', ...tokens } })
  const as = (token: string, scheme = 'Bearer') => ({ authorization: `${scheme} ${token}` })
  const none = await ask('/v1/status')
  isProblem(none, 'UNAUTHORIZED')
  assert.equal(none.headers['www-authenticate'], 'Bearer')
  for (const headers of [as('x'.repeat(16)), as(''), as('r'.repeat(17)), as(tokens.readToken, 'Basic')])
    isProblem(await ask({ url: '/v1/status', headers }), 'UNAUTHORIZED')
  for (const token of [tokens.readToken, tokens.writeToken])
    assert.equal((await ask({ url: '/v1/status', headers: as(token) })).statusCode, 200)
  assert.equal((await ask({ url: '/v1/status', headers: as(tokens.readToken, 'bearer') })).statusCode, 200)
  isProblem(await ask({ method: 'POST', url: '/v1/leave', headers: as(tokens.readToken) }), 'FORBIDDEN')
  isProblem(await ask({ method: 'POST', url: '/v1/leave' }), 'UNAUTHORIZED')
  assert.equal(
    (await ask({ method: 'POST', url: '/v1/leave', headers: as(tokens.writeToken) })).statusCode,
    202,
  )
  for (const url of ['/healthz', '/readyz', '/openapi.json', '/'])
    assert.equal((await ask(url)).statusCode, 200, url)
  isProblem(await ask('/metrics'), 'UNAUTHORIZED')
})

test('on loopback a write token alone leaves reads open; elsewhere it guards them too', async () => {
  const writeToken = 'w'.repeat(16)
  const local = await subject({ config: { writeToken } })
  assert.equal((await local.ask('/v1/status')).statusCode, 200)
  isProblem(await local.ask({ method: 'POST', url: '/v1/leave' }), 'UNAUTHORIZED')
  const open = await subject({ config: { host: '::', writeToken } })
  isProblem(await open.ask('/v1/status'), 'UNAUTHORIZED')
})

test('too many requests from one address are told when to come back', async () => {
  const { ask } = await subject({}, { localRatePerS: 0.001, localBurst: 2 })
  assert.equal((await ask('/healthz')).statusCode, 200)
  assert.equal((await ask('/nothing')).statusCode, 404)
  const answer = await ask('/healthz')
  isProblem(answer, 'RATE_LIMITED')
  assert.equal(answer.headers['retry-after'], '1')
})

test('whoever is not told that a task was taken is told its id, whose fault it may be', async () => {
  const { ask } = await subject({ reply: async () => Promise.reject(new Error('a fault')) })
  const made = isProblem(await ask(post('/v1/tasks', { type: 'echo' })), 'INTERNAL')
  assert.ok(typeof made['id'] === 'string' && made['id'] !== '')
  const known = isProblem(await ask(post('/v1/tasks', { type: 'echo', id: 'a' })), 'INTERNAL')
  assert.equal(known['id'], 'a')
  const wrong = isProblem(
    await ask(post('/v1/tasks', { type: 'echo', id: 'a', priority: 9 })),
    'TASK_INVALID',
  )
  assert.equal(wrong['id'], 'a')
})

test('a query that is badly encoded, or a time zone that is none, is refused and not guessed at', async () => {
  const { ask } = await subject()
  for (const query of ['key=%', 'key=%zz', 'q=%ff', 'key=%ED%A0%80', '%E0=1'])
    for (const path of ['/v1/tasks', '/v1/status', '/v1/events'])
      isProblem(await ask(`${path}?${query}`), 'BAD_REQUEST')
  assert.equal((await ask('/v1/tasks?key=%C3%BC%25')).statusCode, 200)
  for (const timeZone of [null, 5])
    isProblem(
      await ask(post('/v1/schedules/preview', { cron: '0 3 * * *', timeZone, task: { type: 'echo' } })),
      'SCHEDULE_INVALID',
    )
})

test('a fault of ours is logged and answered without its details', async () => {
  const { ask, logged } = await subject({
    node: {
      ring: () => {
        throw new Error('secret detail')
      },
    },
  })
  const answer = await ask('/v1/ring')
  isProblem(answer, 'INTERNAL')
  assert.ok(!answer.body.includes('secret detail'))
  assert.deepEqual(
    logged.map(line => [line.level, line.event, line.fields?.['error']]),
    [['error', 'http-error', 'secret detail']],
  )
})
