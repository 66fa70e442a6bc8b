import assert from 'node:assert/strict'
import { createServer, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { CodedError } from '../../src/base/errors.ts'
import { DaemonClient } from '../../src/cli/client.ts'

/** Time limit of a request, in ms. */
const LIMIT_MS = 100

test('a request that is to wait at the daemon has its usual time after that', async () => {
  const answers: ((response: ServerResponse) => void)[] = [
    () => undefined,
    response => setTimeout(() => response.end('{"it":"came"}'), 2 * LIMIT_MS),
  ]
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'application/json')
    answers.shift()?.(response)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  try {
    const { port } = server.address() as AddressInfo
    const client = new DaemonClient(`http://127.0.0.1:${port}`, { timeoutMs: LIMIT_MS })
    await assert.rejects(client.get('/a'), /DAEMON_UNREACHABLE.*no answer within 0\.1 s/)
    assert.deepEqual(await client.get('/b', 60_000), { it: 'came' })
  } finally {
    server.closeAllConnections()
    await new Promise<void>(resolve => server.close(() => resolve()))
  }
})

/** What every way to ask comes to: its code. */
async function codesOf(client: DaemonClient) {
  const lines = async () => {
    for await (const _ of client.lines('/a', one())) assert.fail('nothing is answered')
  }
  const stream = async () => {
    for await (const _ of client.stream('/a', {})) assert.fail('nothing is answered')
  }
  const asked = {
    get: () => client.get('/a'),
    post: () => client.post('/a', {}),
    put: () => client.put('/a', {}),
    remove: () => client.remove('/a'),
    ...{ lines, stream },
  }
  const codes: Record<string, string> = {}
  for (const [name, ask] of Object.entries(asked))
    await assert.rejects(ask(), error => {
      assert.ok(error instanceof CodedError, String(error))
      codes[name] = error.code
      return true
    })
  return codes
}

async function* one() {
  yield '{}\n'
}

const ALL_UNREACHABLE = {
  get: 'DAEMON_UNREACHABLE',
  post: 'DAEMON_UNREACHABLE',
  put: 'DAEMON_UNREACHABLE',
  remove: 'DAEMON_UNREACHABLE',
  lines: 'DAEMON_UNREACHABLE',
  stream: 'DAEMON_UNREACHABLE',
}

const WRITES_LOST = {
  ...ALL_UNREACHABLE,
  ...{ post: 'ANSWER_LOST', put: 'ANSWER_LOST', remove: 'ANSWER_LOST', lines: 'ANSWER_LOST' },
}

async function codesFrom(listener: RequestListener): Promise<Record<string, string>> {
  const server = createServer(listener)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  try {
    return await codesOf(new DaemonClient(`http://127.0.0.1:${port}`))
  } finally {
    server.closeAllConnections()
    await new Promise<void>(resolve => server.close(() => resolve()))
  }
}

test('nothing was done only where no connection was made', async () => {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise<void>(resolve => server.close(() => resolve()))
  assert.deepEqual(await codesOf(new DaemonClient(`http://127.0.0.1:${port}`)), ALL_UNREACHABLE)
})

test('what broke after it was sent may have been done, unless it only reads', async () => {
  const reset: RequestListener = request => void request.socket.destroy()
  assert.deepEqual(await codesFrom(reset), WRITES_LOST)
})

test('a daemon that says nothing in time, or half of it, may have done it', async () => {
  const answers: ((response: ServerResponse) => void)[] = [
    () => undefined,
    response => {
      response.writeHead(200, { 'content-length': 100 })
      response.write('{', () => response.destroy())
    },
    () => undefined,
  ]
  const server = createServer((_, response) => answers.shift()?.(response))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  try {
    const { port } = server.address() as AddressInfo
    const client = new DaemonClient(`http://127.0.0.1:${port}`, { timeoutMs: LIMIT_MS })
    await assert.rejects(client.post('/a', {}), { code: 'ANSWER_LOST', state: /^Unknown/ })
    await assert.rejects(client.post('/a', {}), { code: 'ANSWER_LOST' })
    await assert.rejects(client.get('/a'), { code: 'DAEMON_UNREACHABLE', state: /^Nothing/ })
  } finally {
    server.closeAllConnections()
    await new Promise<void>(resolve => server.close(() => resolve()))
  }
})

test('a proxy that has lost its daemon may have passed it on, one that refuses has not', async () => {
  for (const [status, codes] of [
    [502, WRITES_LOST],
    [404, ALL_UNREACHABLE],
  ] as const)
    assert.deepEqual(await codesFrom((_, response) => void response.writeHead(status).end('no')), codes)
})
