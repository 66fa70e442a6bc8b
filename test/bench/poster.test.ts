import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { Poster, type PosterOptions } from './poster.ts'

/** A server and one who asks it, both gone after the test. */
async function pair(t: TestContext, listener: RequestListener, options: Partial<PosterOptions> = {}) {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const poster = new Poster({ port, connections: 2, ...options })
  t.after(() => {
    poster.close()
    server.closeAllConnections()
    server.close()
  })
  return { poster, server }
}

test('each request gets its own answer, whole, over no more connections than it may have', async t => {
  const { poster, server } = await pair(t, (request, response) => {
    let text = ''
    request.on('data', chunk => {
      text += chunk
    })
    request.on('end', () => {
      const body = `${request.method} ${request.url} ${text} ${'ü'.repeat(50_000)}`
      response.writeHead(202, { 'content-length': Buffer.byteLength(body) }).end(body)
    })
  })
  let opened = 0
  server.on('connection', () => opened++)
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i) => poster.post(`/a/${i}`, `{"x":"é${i}"}`)),
  )
  for (const [i, { status, body }] of answers.entries()) {
    assert.equal(status, 202)
    assert.equal(body, `POST /a/${i} {"x":"é${i}"} ${'ü'.repeat(50_000)}`)
  }
  assert.equal(opened, 2)
  assert.match((await poster.get('/b')).body, /^GET \/b /)
})

test('a connection that breaks fails its own request only, and the next one gets a new connection', async t => {
  const { poster } = await pair(
    t,
    (request, response) => {
      if (request.url === '/break') request.socket.destroy()
      else response.writeHead(200, { 'content-length': 2 }).end('ok')
    },
    { connections: 1 },
  )
  const [broken, next] = await Promise.allSettled([poster.get('/break'), poster.get('/')])
  assert.equal(broken.status, 'rejected')
  assert.deepEqual(next, { status: 'fulfilled', value: { status: 200, body: 'ok' } })
})

test('who does not answer in time is given up on', async t => {
  const { poster } = await pair(t, () => undefined, { timeoutMs: 50 })
  await assert.rejects(poster.get('/'), /no answer within 50 ms/)
})

test('nobody there is an error, not a loop', async t => {
  const { poster, server } = await pair(t, () => undefined)
  server.close()
  await once(server, 'close')
  await assert.rejects(poster.get('/'), /ECONNREFUSED/)
})
