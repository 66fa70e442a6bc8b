import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer as createTcpServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import { after, instantOf } from '../../../src/base/time.ts'
import type { Json } from '../../../src/tasks/task.ts'
import { failureOf, metric, orderOf, resultOf, scene, until } from './scene.ts'

const never = new AbortController().signal

/** How late a busy machine may be with what this process does by itself: in earnest, no promise hangs on that. */
const LATE_MS = 1_000

interface Seen {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** An application on loopback that records what it gets and answers as told. */
async function application(t: TestContext, answer: (response: ServerResponse, seen: Seen) => void) {
  const seen: Seen[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const { method, url, headers } = request
    const one = { method, url, headers, body: Buffer.concat(chunks).toString() }
    seen.push(one)
    answer(response, one)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen }
}

test('a task is one POST with its attempt in the headers, and a 2xx answer is the result', async t => {
  const { origin, seen } = await application(t, response => response.writeHead(201).end('mäde'))
  const { executors } = scene(t, { allow: [`${origin}/hooks`] })
  const payload = { url: `${origin}/hooks/pull?x=1`, headers: { 'X-Layer': '7' }, body: { a: ['ü'] } }
  const outcome = await executors.execute(orderOf('http', payload, { key: 'a b/ü', attempt: 2 }), never)
  assert.deepEqual(resultOf(outcome), { status: 201, body: 'mäde', truncated: false })
  const [request] = seen
  assert.deepEqual([request?.method, request?.url, request?.body], ['POST', '/hooks/pull?x=1', '{"a":["ü"]}'])
  const headers = request?.headers ?? {}
  assert.equal(headers['content-type'], 'application/json')
  assert.equal(headers['x-layer'], '7')
  assert.equal(headers['roundtable-task-id'], 'task-1')
  assert.equal(headers['roundtable-task-key'], 'a%20b%2F%C3%BC')
  assert.equal(headers['roundtable-task-attempt'], '2')
  assert.equal(headers['roundtable-task-token'], '7')
  assert.equal(headers['roundtable-task-token-safe'], 'false')
  assert.equal(headers['roundtable-task-acting-until-ms'], undefined)
  assert.equal(headers['roundtable-task-node'], 'node-1')
  assert.ok(Math.abs(Number(headers['roundtable-task-deadline-ms']) - Date.now() - 20_000) < 10_000)
})

test('a text is sent as it is, nothing as nothing, and a content type of the task’s own wins', async t => {
  const { origin, seen } = await application(t, response => response.end())
  const { executors } = scene(t, { allow: [origin] })
  const bodies: Json[] = [{ body: 'plain' }, {}, { body: '<a/>', headers: { 'Content-Type': 'text/xml' } }]
  for (const body of bodies) {
    resultOf(await executors.execute(orderOf('http', { url: `${origin}/x`, ...(body as object) }), never))
  }
  assert.deepEqual(
    seen.map(({ body, headers }) => [body, headers['content-type']]),
    [
      ['plain', 'text/plain; charset=utf-8'],
      ['', 'application/json'],
      ['<a/>', 'text/xml'],
    ],
  )
})

test('what is worth a retry is told from what is not', async t => {
  const { origin } = await application(t, (response, { url }) =>
    response.writeHead(Number(url?.slice(1))).end('why'),
  )
  const { executors } = scene(t, { allow: [origin] })
  const retryable = async (status: number): Promise<boolean> => {
    const failure = failureOf(await executors.execute(orderOf('http', { url: `${origin}/${status}` }), never))
    assert.equal(failure.code, 'HTTP_STATUS')
    assert.match(failure.message, new RegExp(`answered ${status}: why`))
    return failure.retryable
  }
  for (const status of [408, 425, 429, 500, 502, 503, 504])
    assert.equal(await retryable(status), true, `${status}`)
  for (const status of [400, 401, 403, 404, 409, 410, 422])
    assert.equal(await retryable(status), false, `${status}`)
})

test('a redirect is not followed', async t => {
  const secret = await application(t, response => response.end('secret'))
  const { origin } = await application(t, response =>
    response.writeHead(307, { location: secret.origin }).end(),
  )
  const { executors } = scene(t, { allow: [origin] })
  const { code, retryable } = failureOf(
    await executors.execute(orderOf('http', { url: `${origin}/a` }), never),
  )
  assert.deepEqual([code, retryable], ['HTTP_STATUS', false])
  assert.equal(secret.seen.length, 0)
})

test('nobody listening, a connection cut off and an answer that is not HTTP are worth a retry', async t => {
  const server = createTcpServer(socket => {
    socket.on('error', () => {})
    socket.once('data', data => {
      if (data.includes('/garbage')) socket.end('this is not http\r\n\r\n')
      else if (data.includes('/half'))
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc', () => socket.destroy())
      else socket.destroy()
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { executors } = scene(t, { allow: [origin] })
  const check = async (path: string, code = 'HTTP_FAILED'): Promise<void> => {
    const failure = failureOf(await executors.execute(orderOf('http', { url: origin + path }), never))
    assert.deepEqual([failure.code, failure.retryable], [code, true], path)
    assert.notEqual(failure.message, '')
  }
  for (const path of ['/reset', '/garbage', '/half']) await check(path)
  await new Promise(resolve => server.close(resolve))
  await check('/refused', 'HTTP_UNREACHED')
})

test('an answer that does not come is over at the time limit, and one that trickles too', async t => {
  let open = 0
  const { origin } = await application(t, (response, { url }) => {
    open++
    response.on('close', () => open--)
    if (url !== '/trickle') return
    response.writeHead(200)
    const drip = setInterval(() => response.write('.'), 10)
    response.on('close', () => clearInterval(drip))
  })
  const { executors } = scene(t, { allow: [origin] })
  for (const path of ['/hang', '/trickle']) {
    const { code, retryable } = failureOf(
      await executors.execute(orderOf('http', { url: origin + path }, { timeoutMs: 150 }), never),
    )
    assert.deepEqual([code, retryable], ['TIMEOUT', true])
  }
  await until('the connections are closed', () => open === 0)
})

test('an application that wants to speak something else than HTTP ends the attempt, and the connection', async t => {
  let open = 0
  const server = createTcpServer(socket => {
    open++
    socket.on('error', () => {})
    socket.on('close', () => open--)
    socket.once('data', () =>
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n'),
    )
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { executors } = scene(t, { allow: [origin] })
  const failure = failureOf(await executors.execute(orderOf('http', { url: `${origin}/x` }), never))
  assert.deepEqual(failure, { code: 'HTTP_STATUS', message: 'answered 101', retryable: false })
  await until('the connection is closed', () => open === 0)
})

test('an abort and a stop end a request as cancelled', async t => {
  const { origin, seen } = await application(t, () => {})
  const { executors } = scene(t, { allow: [origin] })
  const abort = new AbortController()
  const outcome = executors.execute(orderOf('http', { url: `${origin}/a` }), abort.signal)
  const other = executors.execute(orderOf('http', { url: `${origin}/b` }), never)
  await until('both have arrived', () => seen.length === 2)
  abort.abort()
  assert.equal(failureOf(await outcome).code, 'CANCELLED')
  await executors.stop()
  assert.equal(failureOf(await other).code, 'CANCELLED')
})

test('a request ends before the right to act does, and a renewal lets it go on', async t => {
  let open = 0
  const { origin, seen } = await application(t, (response, { url }) => {
    open++
    response.on('close', () => open--)
    if (url === '/slow') setTimeout(() => response.end('fine'), 900)
  })
  const { executors } = scene(t, { allow: [origin] })
  const until1 = after(instantOf(performance.now()), 600)
  const hanging = orderOf('http', { url: `${origin}/hang` }, { attempt: 1, until: until1 })
  const slow = orderOf('http', { url: `${origin}/slow` }, { attempt: 2, until: until1 })
  const [first, second] = [executors.execute(hanging, never), executors.execute(slow, never)]
  executors.extend([slow], after(until1, 10_000))
  const { code, retryable } = failureOf(await first)
  assert.deepEqual([code, retryable], ['FENCED', true])
  assert.ok(performance.now() < until1 + LATE_MS)
  assert.equal(resultOf(await second)['body'], 'fine')
  await until('the connections are closed', () => open === 0)
  const told = Number(seen[0]?.headers['roundtable-task-acting-until-ms']) - Date.now()
  assert.ok(Math.abs(told - (until1 - performance.now())) < 300, `${told}`)
})

test('an answer that is read after the right has ended is no success, though no timer had a chance', async t => {
  let end = 0
  const { origin } = await application(t, response => {
    response.end('done', () => {
      // This process is the daemon too: it stands still until its right is over, with the answer in its socket.
      while (performance.now() < end);
    })
  })
  const { executors } = scene(t, { allow: [origin] })
  const order = orderOf('http', { url: `${origin}/a` }, { until: after(instantOf(performance.now()), 800) })
  end = Number(order.until) + 20
  assert.equal(failureOf(await executors.execute(order, never)).code, 'FENCED')
})

test('of an answer without end the beginning is kept and the connection closed', async t => {
  let closed = false
  const { origin } = await application(t, response => {
    response.on('close', () => {
      closed = true
    })
    const pump = (): void => {
      while (!closed && response.write('x'.repeat(16_384)));
      response.once('drain', pump)
    }
    pump()
  })
  const { executors } = scene(t, { allow: [origin] })
  const { body, truncated } = resultOf(
    await executors.execute(orderOf('http', { url: `${origin}/a` }), never),
  )
  assert.deepEqual([String(body).length, truncated], [64 * 1024, true])
  assert.equal(metric(executors, 'http_responses_truncated_total'), 1)
  await until('the connection is closed', () => closed)
})

test('only what lies under an allowed prefix may be asked for', t => {
  const { executors } = scene(t, { allow: ['http://app.test:8080/hooks', 'https://other.test/'] })
  const allowed = [
    'http://app.test:8080/hooks',
    'http://app.test:8080/hooks/',
    'http://app.test:8080/hooks/a/b?c=d',
    'HTTP://APP.test:8080/x/../hooks/a',
    'https://other.test',
    'https://other.test:443/anything',
  ]
  for (const url of allowed) assert.equal(executors.check('http', { url }), undefined, url)
  const refused = [
    'http://app.test:8080/',
    'http://app.test:8080/hooksevil',
    'http://app.test:8080/hooks/../admin',
    'http://app.test:8080/hooks/%2e%2e/admin',
    'http://app.test:8080/hooks/..%2fadmin',
    'http://app.test:8080/hooks/..%5Cadmin',
    'http://app.test/hooks',
    'https://app.test:8080/hooks',
    'http://app.test:8080@evil.test/hooks',
    'http://user:secret@app.test:8080/hooks',
    'http://app.test.evil.test:8080/hooks',
    'http://other.test/',
    'file:///etc/passwd',
    '/hooks',
    '',
  ]
  for (const url of refused) {
    const failure = executors.check('http', { url })
    assert.equal(failure?.code, 'TASK_INVALID', url)
    assert.doesNotMatch(String(failure?.detail), /secret/)
  }
})

test('wrong payloads are refused with what was expected and what came', t => {
  const url = 'http://app.test/'
  const { executors } = scene(t, { allow: [url] })
  const wrong: readonly [Json, RegExp][] = [
    [
      {},
      /payload\.url: expected a URL under one of executors\.http\.allow \(http:\/\/app\.test\/\), got nothing/,
    ],
    [{ url, method: 'GET' }, /payload\.method: expected "POST", got "GET"/],
    [{ url, headers: [] }, /payload\.headers: expected an object/],
    [{ url, headers: { 'bad name': 'x' } }, /payload\.headers\.bad name/],
    [{ url, headers: { a: 'x\r\nhost: y' } }, /payload\.headers\.a/],
    [{ url, headers: { a: 1 } }, /payload\.headers\.a: expected a text/],
    [{ url, headers: { Host: 'x' } }, /no field of the connection or ours/],
    [{ url, headers: { 'Transfer-Encoding': 'chunked' } }, /no field of the connection or ours/],
    [{ url, headers: { 'Roundtable-Task-Token': '9' } }, /no field of the connection or ours/],
    [{ url, body: 'x'.repeat(1_100_000) }, /payload\.body/],
    [{ url, timeout: 3 }, /payload\.timeout/],
  ]
  for (const [payload, detail] of wrong) {
    const failure = executors.check('http', payload)
    assert.equal(failure?.code, 'TASK_INVALID')
    assert.match(String(failure?.detail), detail)
  }
  assert.match(
    String(scene(t).executors.check('http', { url })?.detail),
    /^payload\.url: expected no http task here, as executors\.http\.allow is empty, got /,
  )
})
