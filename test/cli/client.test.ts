import assert from 'node:assert/strict'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
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
