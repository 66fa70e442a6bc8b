/** A station beside a daemon that is played here: what it passes on, and how it performs tasks at a real register. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { freePorts } from '../../src/cli/cluster/ports.ts'
import { Collector } from '../faults/collector.ts'
import type { Mark } from './history.ts'
import { Stations } from './stations.ts'

/** The station of n1, its register, and the port of its application; all gone after the test. */
async function scene(t: TestContext, daemon: RequestListener) {
  const directory = mkdtempSync(join(tmpdir(), 'station-'))
  const server = createServer(daemon).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port: http } = server.address() as AddressInfo
  const [application = 0] = await freePorts(1)
  const collector = new Collector(directory)
  await collector.start(directory)
  const on = (command: string, args: readonly string[]) => [command, args] as const
  const place = { name: 'n1', host: 1, gossip: '', http, application, on }
  const stations = await Stations.start([place], directory, collector.socket)
  t.after(async () => {
    await stations.stop()
    await collector.stop()
    server.closeAllConnections()
    server.close()
    rmSync(directory, { recursive: true, force: true })
  })
  const perform = (token: string, some: Readonly<Record<string, string>> = {}) =>
    fetch(`http://127.0.0.1:${application}/`, {
      method: 'POST',
      body: JSON.stringify({ ms: 1 }),
      headers: {
        'roundtable-task-id': 't-1',
        'roundtable-task-key': 'a%2Fb',
        'roundtable-task-attempt': '2',
        'roundtable-task-node': 'n1',
        'roundtable-task-token': token,
        ...some,
      },
    })
  return { stations, perform, marks: () => collector.signs as readonly Mark[] }
}

const respond =
  (bodies: Readonly<Record<string, unknown>>): RequestListener =>
  (request, response) => {
    const found = bodies[request.url ?? '']
    if (found === undefined) return void request.socket.destroy()
    const body = JSON.stringify(found)
    response.writeHead(202, { 'content-length': Buffer.byteLength(body) }).end(body)
  }

test('a station passes on what its daemon answers, and that it answers nothing', async t => {
  const { stations } = await scene(t, respond({ '/v1/tasks': { taken: 'ü' } }))
  assert.deepEqual(await stations.ask('n1', 'POST', '/v1/tasks', { id: 't-1' }), {
    op: 'answer',
    status: 202,
    body: '{"taken":"ü"}',
  })
  assert.equal((await stations.ask('n1', 'GET', '/nobody')).status, null)
  await assert.rejects(stations.ask('n2', 'GET', '/'), /no station beside n2/)
})

test('a task is begun and ended at the register, and its result is the name of its run', async t => {
  const { perform, marks } = await scene(t, respond({}))
  const answer = await perform('7')
  const { run } = (await answer.json()) as { run: string }
  assert.deepEqual(
    marks().map(({ event, task, key, token, attempt, accepted, ...mark }) => [
      event,
      task,
      key,
      token,
      attempt,
      accepted,
      mark.run,
    ]),
    [
      ['start', 't-1', 'a/b', '7', 2, true, run],
      ['stop', 't-1', 'a/b', '7', 2, true, run],
    ],
  )
})

test('a task under an old token fails, and so does one whose right to act has run out', async t => {
  const { perform, marks } = await scene(t, respond({}))
  assert.equal((await perform('7')).status, 200)
  assert.equal((await perform('6')).status, 503)
  assert.equal(
    (await perform('8', { 'roundtable-task-acting-until-ms': String(Date.now() - 1) })).status,
    503,
  )
  assert.deepEqual(
    marks().map(({ event, token, accepted }) => `${event} ${token} ${accepted}`),
    ['start 7 true', 'stop 7 true', 'start 6 false'],
  )
})
