/** A client that carries out many tasks beside one that takes long: what it holds does not grow with their number. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { queryObjects } from 'node:v8'
import { claimTasks } from '../../src/client/claim-tasks.ts'

const FEW = 20
const MANY = 170
/** Promises of requests that are just under way; a leak of one a task would make it 150. */
const SPARE = 60

const claimOf = (task: string) => ({
  ...{ claim: task, task, key: task, type: 'x', payload: null, attempt: 1, node: 'n', leaseMs: 30_000 },
  ...{ token: { value: '7', safe: true }, deadlineMs: Date.now() + 60_000 },
  ...{ state: 'held', actingForMs: 60_000, actingUntilMs: Date.now() + 60_000 },
})

test('a short task leaves nothing behind with a long one that goes on', { timeout: 60_000 }, async () => {
  const stop = new AbortController()
  const long = Promise.withResolvers<null>()
  let claims = 0
  const server = createServer((request, response) => {
    request.resume()
    const says = (body: object): unknown =>
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    if (request.url === '/v1/claims') says({ claims: [claimOf(claims++ === 0 ? 'long' : `short-${claims}`)] })
    else if (!request.url?.startsWith('/v1/claims/renew/')) says({})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const counts: number[] = []
  let shorts = 0
  const handler = async ({ task }: { readonly task: string }): Promise<null> => {
    if (task === 'long') return await long.promise
    shorts++
    // Counts what is alive, after the garbage is gone.
    if (shorts === FEW || shorts === MANY) counts.push(queryObjects(Promise, { format: 'count' }))
    if (shorts === MANY) {
      stop.abort()
      long.resolve(null)
    }
    return null
  }
  try {
    await claimTasks({ url, types: ['x'], concurrency: 2, signal: stop.signal, graceMs: 5_000 }, handler)
  } finally {
    server.closeAllConnections()
    server.close()
  }
  const [few = 0, many = 0] = counts
  assert.ok(many - few < SPARE, `${many - few} more promises after ${MANY - FEW} more tasks`)
})
