/** The examples in Python and shell against a node that the test plays. With real daemons they are in test/e2e/claims.test.ts. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const example = (name: string): string =>
  fileURLToPath(new URL(`../../configs/examples/${name}`, import.meta.url))
const EXAMPLES = [
  { name: 'in Python', run: ['python3', example('claim.py'), 'x'] },
  { name: 'in shell', run: ['sh', example('claim.sh'), 'x', 'sleep', '600'] },
]

const claim = () => ({
  ...{ claim: 'c', task: 't', key: 'k', type: 'x', payload: { seconds: 600 }, attempt: 1, node: 'n' },
  ...{ token: { value: '7', safe: true }, leaseMs: 30_000, deadlineMs: Date.now() + 60_000 },
  ...{ actingForMs: 60_000, actingUntilMs: Date.now() + 60_000 },
})

const TIME = { timeout: 60_000 }

/** How long the answer is on its way, in ms: less than the example waits for it. */
const ON_ITS_WAY_MS = 200

for (const { name, run } of EXAMPLES) {
  test(`the example ${name} gives back a claim that is on its way when it is told to end`, TIME, async () => {
    const said: string[] = []
    const bodies: unknown[] = []
    const asked = Promise.withResolvers<ServerResponse>()
    const answer = (response: ServerResponse, body: object): void => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    }
    const server = createServer(async (request, response) => {
      const body = await text(request)
      if (request.url === '/v1/claims') return asked.resolve(response)
      said.push(request.url ?? '')
      bodies.push(JSON.parse(body))
      answer(response, { state: 'held', ...claim() })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const env = { ...process.env, ROUNDTABLE_URL: url }
    const child = spawn(run[0] as string, run.slice(1), { env, stdio: 'inherit' })
    try {
      const exited = once(child, 'exit')
      const response = await asked.promise
      child.kill('SIGTERM')
      // One that ends at once has the time to do it.
      await Promise.race([exited, pause(ON_ITS_WAY_MS)])
      answer(response, { claims: [claim()] })
      assert.deepEqual(await exited, [0, null])
      assert.ok(said.includes('/v1/claims/release/c'), `it said ${said.join(', ') || 'nothing'}`)
      assert.ok(!said.includes('/v1/claims/complete/c'))
      const released = bodies[said.indexOf('/v1/claims/release/c')] as { attempt?: number; token?: string }
      assert.deepEqual([released.attempt, released.token], [1, '7'])
    } finally {
      child.kill('SIGKILL')
      server.closeAllConnections()
      server.close()
    }
  })
}
