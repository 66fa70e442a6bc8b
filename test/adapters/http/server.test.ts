import assert from 'node:assert/strict'
import { connect, createServer, type Socket } from 'node:net'
import { after, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import fc from 'fast-check'
import type { HttpLimits } from '../../../src/adapters/http/limits.ts'
import { createHttpServer, type HttpServer } from '../../../src/adapters/http/server.ts'
import { CodedError } from '../../../src/base/errors.ts'
import type { TaskReply } from '../../../src/tasks/messages.ts'
import { record, type SampleOptions, sample } from './sample-node.ts'

const servers: HttpServer[] = []
after(() => Promise.all(servers.map(server => server.stop())))

interface Running {
  readonly server: HttpServer
  readonly url: string
  readonly port: number
  /** Sends bytes, reads until the other end closes. */
  readonly raw: (...parts: readonly (string | Uint8Array)[]) => Promise<string>
  readonly metric: (name: string) => Promise<number>
}

async function running(options: SampleOptions = {}, limits: Partial<HttpLimits> = {}): Promise<Running> {
  const server = createHttpServer(sample(options).parts, limits)
  servers.push(server)
  const { url, port } = await server.start()
  const metric = async (name: string): Promise<number> => {
    const text = await (await fetch(`${url}/metrics`)).text()
    return Number(
      text
        .split('\n')
        .find(line => line.startsWith(`${name} `))
        ?.split(' ')[1],
    )
  }
  return { server, url, port, raw: (...parts) => exchange(port, parts), metric }
}

function exchange(port: number, parts: readonly (string | Uint8Array)[]): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  const socket = connect(port, '127.0.0.1')
  const chunks: Buffer[] = []
  socket.on('data', chunk => chunks.push(chunk))
  socket.on('error', () => {})
  socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')))
  for (const part of parts) socket.write(part)
  return promise
}

/** Waits for a condition, at most 10 s. */
async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  const end = performance.now() + 10_000
  while (!(await holds())) {
    assert.ok(performance.now() < end, what)
    await pause(10)
  }
}

const opened = (socket: Socket) => new Promise(resolve => socket.once('connect', resolve))

/** Status, and code of the problem, of the first answer in these bytes. */
function answerIn(bytes: string): [status: number, code: string | undefined] {
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(bytes)?.[1]
  assert.ok(status, JSON.stringify(bytes.slice(0, 200)))
  return [Number(status), /"code":"([A-Z_]+)"/.exec(bytes)?.[1]]
}

const CLOSE = 'Connection: close\r\n'

test('it says where it listens, and answers there', async () => {
  const { url, port } = await running()
  assert.equal(url, `http://127.0.0.1:${port}`)
  assert.deepEqual(await (await fetch(`${url}/healthz`)).json(), { status: 'alive' })
  const posted = await fetch(`${url}/v1/tasks`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"type":"echo"}',
  })
  assert.equal(posted.status, 202)
})

test('a taken port and a strange address are refused with their codes', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await new Promise(resolve => taken.once('listening', resolve))
  const address = taken.address()
  assert.ok(typeof address === 'object' && address !== null)
  const codes = ['ADDRESS_IN_USE', 'ADDRESS_UNUSABLE']
  for (const [i, config] of [{ port: address.port }, { host: '192.0.2.1' }].entries()) {
    const server = createHttpServer(sample({ config }).parts)
    await assert.rejects(server.start(), error => error instanceof CodedError && error.code === codes[i])
    await server.stop()
  }
  taken.close()
})

test('stop may come at any time, again and again', async () => {
  await createHttpServer(sample().parts).stop()
  const { server, url } = await running()
  await fetch(`${url}/healthz`)
  await Promise.all([server.stop(), server.stop()])
  await assert.rejects(fetch(`${url}/healthz`))
})

test('a request in flight is still answered while the server stops', async () => {
  const gate = Promise.withResolvers<void>()
  const asked = Promise.withResolvers<void>()
  const { server, url } = await running({
    reply: async () => {
      asked.resolve()
      await gate.promise
      return { ok: true, record: record(), existed: true, durableCopies: 2 }
    },
  })
  const answer = fetch(`${url}/v1/tasks/t1`)
  await asked.promise
  const stopped = server.stop()
  gate.resolve()
  assert.equal((await answer).status, 200)
  await stopped
})

test('stop ends in its time, whoever is still waiting', async () => {
  const asked = Promise.withResolvers<void>()
  const reply = () => {
    asked.resolve()
    return new Promise<never>(() => {})
  }
  const { server, url, port } = await running({ reply }, { stopMs: 100, answerMs: 60_000 })
  const answer = fetch(`${url}/v1/tasks/t1`)
  const idle = connect(port, '127.0.0.1').on('error', () => {})
  await Promise.all([asked.promise, opened(idle)])
  const started = performance.now()
  const [ended] = await Promise.allSettled([answer, server.stop()])
  assert.equal(ended.status, 'rejected')
  assert.ok(performance.now() - started < 2_000)
})

test('a stop that has less time takes less', async () => {
  const asked = Promise.withResolvers<void>()
  const reply = () => {
    asked.resolve()
    return new Promise<never>(() => {})
  }
  const { server, url } = await running({ reply }, { stopMs: 60_000, answerMs: 60_000 })
  const answer = fetch(`${url}/v1/tasks/t1`)
  await asked.promise
  const started = performance.now()
  const [ended] = await Promise.allSettled([answer, server.stop(50)])
  assert.equal(ended.status, 'rejected')
  assert.ok(performance.now() - started < 2_000)
})

test('bytes that are no request are answered with a problem, and the connection ends', async () => {
  const { raw, url, metric } = await running()
  const host = 'Host: localhost\r\n'
  const cases: readonly [bytes: string, status: number, code: string][] = [
    ['\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400, 'BAD_REQUEST'],
    ['\x13/multistream/1.0.0\n', 400, 'BAD_REQUEST'],
    ['GET\r\n\r\n', 400, 'BAD_REQUEST'],
    ['hello\r\n\r\n', 400, 'BAD_REQUEST'],
    [`FROBNICATE / HTTP/1.1\r\n${host}\r\n`, 400, 'BAD_REQUEST'],
    [`GET / HTTP/9.9\r\n${host}\r\n`, 400, 'BAD_REQUEST'],
    [`GET /a\0b HTTP/1.1\r\n${host}\r\n`, 400, 'BAD_REQUEST'],
    [`GET / HTTP/1.1\r\n${host}X: a\0b\r\n\r\n`, 400, 'BAD_REQUEST'],
    [`GET / HTTP/1.1\r\n${host}X y: z\r\n\r\n`, 400, 'BAD_REQUEST'],
    [`GET / HTTP/1.1\r\n${CLOSE}\r\n`, 400, 'BAD_REQUEST'],
    [`GET / HTTP/1.1\r\nHost: evil.example\r\n${CLOSE}\r\n`, 403, 'FORBIDDEN'],
    [`GET / HTTP/1.1\r\n${host}host: 127.0.0.1\r\n${CLOSE}\r\n`, 400, 'BAD_REQUEST'],
    [`GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n${CLOSE}\r\n`, 403, 'FORBIDDEN'],
    [`GET /v1/owner/%c0%af HTTP/1.1\r\n${host}${CLOSE}\r\n`, 400, 'BAD_REQUEST'],
    [`PROPFIND / HTTP/1.1\r\n${host}${CLOSE}\r\n`, 405, 'METHOD_NOT_ALLOWED'],
    [`TRACE /nothing HTTP/1.1\r\n${host}${CLOSE}\r\n`, 404, 'NOT_FOUND'],
    [`POST /v1/tasks HTTP/1.1\r\n${host}Expect: foo\r\nContent-Length: 9\r\n\r\n`, 400, 'BAD_REQUEST'],
    [
      `POST /v1/tasks HTTP/1.1\r\n${host}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
      'BAD_REQUEST',
    ],
    [
      `POST /v1/tasks HTTP/1.1\r\n${host}Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef`,
      400,
      'BAD_REQUEST',
    ],
    [`POST /v1/tasks HTTP/1.1\r\n${host}Content-Length: -1\r\n\r\n`, 400, 'BAD_REQUEST'],
    [
      `POST /v1/tasks HTTP/1.1\r\n${host}Content-Length: 99999999999\r\nContent-Type: application/json\r\n${CLOSE}\r\n`,
      413,
      'BODY_TOO_LARGE',
    ],
    [
      `POST /v1/tasks HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\nzz\r\n`,
      400,
      'BAD_REQUEST',
    ],
    [`GET / HTTP/1.1\r\n${host}X: ${'x'.repeat(20_000)}\r\n\r\n`, 431, 'HEADERS_TOO_LARGE'],
    [`GET /${'x'.repeat(20_000)} HTTP/1.1\r\n${host}\r\n`, 431, 'HEADERS_TOO_LARGE'],
  ]
  for (const [bytes, status, code] of cases) {
    assert.deepEqual(
      answerIn(await raw(Buffer.from(bytes, 'latin1'))),
      [status, code],
      JSON.stringify(bytes.slice(0, 80)),
    )
  }
  assert.equal((await fetch(`${url}/healthz`)).status, 200)
  await until('the connections are gone', async () => (await metric('roundtable_http_connections')) <= 2)
})

test('an old HTTP/1.0 client without a Host header is served', async () => {
  const { raw } = await running()
  assert.equal(answerIn(await raw('GET /healthz HTTP/1.0\r\n\r\n'))[0], 200)
})

test('what would change the protocol is not spoken', async () => {
  const { raw } = await running()
  const upgrade = `GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close, upgrade\r\nUpgrade: websocket\r\n\r\n`
  assert.equal(answerIn(await raw(upgrade))[0], 200)
  assert.equal(await raw('CONNECT evil.example:80 HTTP/1.1\r\nHost: localhost\r\n\r\n'), '')
  const expect = answerIn(
    await raw(`GET /healthz HTTP/1.1\r\nHost: localhost\r\n${CLOSE}Expect: miracles\r\n\r\n`),
  )
  assert.deepEqual(expect, [400, 'BAD_REQUEST'])
})

test('headers and bodies that trickle in are cut off in their time', async () => {
  const { raw } = await running({}, { headersMs: 150, requestMs: 300, timeoutCheckMs: 30 })
  const post =
    'POST /v1/tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"ty'
  for (const bytes of ['GET / HTTP/1.1\r\nHost: loc', 'G', post]) {
    assert.deepEqual(answerIn(await raw(bytes)), [408, 'REQUEST_TIMEOUT'], bytes)
  }
})

test('connections beyond the limit are closed at once and counted', async () => {
  const { port, url, metric } = await running({}, { connectionsMax: 3 })
  const held = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')]
  for (const socket of held) socket.on('error', () => {})
  await Promise.all(held.map(opened))
  assert.equal((await fetch(`${url}/healthz`)).status, 200)
  assert.equal(await exchange(port, []), '')
  for (const socket of held) socket.destroy()
  await until(
    'the drop is counted',
    async () => (await metric('roundtable_http_connections_dropped_total')) >= 1,
  )
})

test('a client that reads nothing of its answer is cut off in its time', async () => {
  const { port, raw } = await running({}, { stillMs: 300 })
  const fields = Array.from({ length: 9 }, (_, i) => `"x${i}":0`)
  const list = `[${Array.from({ length: 10_000 }, () => `{${fields}}`)}]`
  const socket = connect(port, '127.0.0.1').pause()
  socket.on('error', () => {})
  const head = 'POST /v1/tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n'
  socket.write(`${head}Content-Length: ${list.length}\r\n\r\n${list}`)
  const counted = async (name: string): Promise<number> => {
    const text = await raw(`GET /metrics HTTP/1.1\r\nHost: localhost\r\n${CLOSE}\r\n`)
    return Number(new RegExp(`^${name} (\\d+)`, 'm').exec(text)?.[1])
  }
  await until('its request has come', async () => (await counted('roundtable_http_requests_total')) >= 2)
  // The one that is left is that of whoever asks.
  await until('it is cut off', async () => (await counted('roundtable_http_connections')) === 1)
  socket.destroy()
})

test('pipelined requests are answered in their order, garbage after them ends the connection', async () => {
  const { raw } = await running()
  const get = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`
  const bytes = await raw(get('/v1/owner/1') + get('/v1/owner/2') + get('/v1/owner/3', CLOSE))
  assert.deepEqual(
    [...bytes.matchAll(/"key":"(\d)"/g)].map(match => match[1]),
    ['1', '2', '3'],
  )
  const mixed = await raw(`${get('/v1/owner/1')}\0\0\0 garbage\r\n\r\n`)
  assert.match(mixed, /^HTTP\/1\.1 /)
})

test('who may have stored something is not told that nothing was, whatever comes behind it', async () => {
  const answered = Promise.withResolvers<TaskReply>()
  const { raw, url } = await running({ reply: () => answered.promise })
  const head = 'POST /v1/tasks HTTP/1.1\r\nHost: localhost\r\n'
  const task = '{"type":"echo"}'
  const json = `${head}Content-Type: application/json\r\nContent-Length: ${task.length}\r\n\r\n${task}`
  const lines = `${head}Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n${task}\n\r\n`
  for (const bytes of [`${json}\0 garbage\r\n\r\n`, `${lines}zz\r\n`])
    assert.doesNotMatch(await raw(bytes), /Nothing was stored/, bytes)
  answered.resolve({ ok: true, record: record({}), existed: false, durableCopies: 1 })
  assert.equal((await fetch(`${url}/healthz`)).status, 200)
})

test('random bytes neither stop the server nor leave anything behind', async () => {
  const { raw, url, metric } = await running({}, { headersMs: 200, requestMs: 300, timeoutCheckMs: 30 })
  const bytes = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 300 }),
    fc
      .string({ unit: 'binary' })
      .map(text => Buffer.from(`GET /${text} HTTP/1.1\r\nHost: localhost\r\n\r\n`)),
    fc
      .string()
      .map(text =>
        Buffer.from(`POST /v1/tasks HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n${text}\r\n\r\n`),
      ),
  )
  const samples = fc.sample(bytes, { numRuns: 300, seed: 7 })
  await Promise.all(samples.map(each => raw(each, '\r\n\r\nGET / HTTP/1.1\r\nConnection: close\r\n\r\n')))
  assert.equal((await fetch(`${url}/healthz`)).status, 200)
  await until('the connections are gone', async () => (await metric('roundtable_http_connections')) <= 2)
})

test('a client that goes in the middle of its request leaves nothing behind', async () => {
  const { port, metric } = await running({
    reply: () => pause(20).then(() => ({ ok: true, record: record(), existed: true, durableCopies: 1 })),
  })
  const requests = [
    'GET /v1/tasks/t1 HTTP/1.1\r\nHost: localhost\r\n\r\n',
    'POST /v1/tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{"type":',
  ]
  await Promise.all(
    requests
      .flatMap(request => Array(50).fill(request))
      .map(async (request: string) => {
        const socket = connect(port, '127.0.0.1').on('error', () => {})
        await opened(socket)
        await new Promise(resolve => socket.write(request, resolve))
        socket.resetAndDestroy()
      }),
  )
  await until(
    'nobody waits',
    async () =>
      (await metric('roundtable_http_waiting')) === 0 && (await metric('roundtable_http_connections')) <= 2,
  )
})
