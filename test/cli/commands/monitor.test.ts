/** The monitor against the real event stream of a node with fixed answers. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { createHttpServer, type HttpServer } from '../../../src/adapters/http/server.ts'
import { Interrupted } from '../../../src/cli/terminal.ts'
import { type SampleOptions, sample } from '../../adapters/http/sample-node.ts'
import { recordedDaemon, remember, runHere } from '../scene.ts'

const servers: HttpServer[] = []
after(() => Promise.all(servers.map(server => server.stop())))

async function daemon(options: SampleOptions = {}) {
  const node = sample(options)
  const server = createHttpServer(node.parts)
  servers.push(server)
  const { url, port } = await server.start()
  return { server, url, port, log: node.parts.logger.log, parts: node.parts }
}

async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  const end = performance.now() + 20_000
  while (!(await holds())) {
    assert.ok(performance.now() < end, what)
    await pause(10)
  }
}

/** Runs a monitor until it is told to stop; `out` grows meanwhile. */
function monitor(argv: readonly string[]) {
  const out = remember()
  const stop = new AbortController()
  const ended = runHere(['monitor', ...argv], { out, interrupted: stop.signal })
  return {
    out,
    lines: () => out.text.split('\n').slice(0, -1),
    stop: async () => {
      stop.abort(new Interrupted('SIGINT'))
      return await ended
    },
  }
}

describe('monitor', () => {
  test('refuses types that no node has before it looks for one, with the exit code of a wrong command line', async () => {
    const nobody = 'http://127.0.0.1:1'
    const { code, err } = await runHere(['monitor', '--types', 'task,nope,', '--url', nobody])
    assert.equal(code, 2)
    assert.match(err, /--types: expected some of member, ring, owner, task, grant, node, got "nope"/)
    assert.match(err, /got ""/)
    const keyless = await runHere(['monitor', '--types', 'owner', '--url', nobody])
    assert.equal(keyless.code, 2)
    assert.match(keyless.err, /--key KEY beside the type owner/)
  })

  test('prints a line for each event, with what it says', async () => {
    const { url, log } = await daemon()
    const { lines, stop } = monitor(['--url', url, '--after', 'start'])
    log('warn', 'member-dead', { member: 'node-2', source: 'verdict', incarnation: 3 })
    await until('a line', () => lines().length === 1)
    assert.match(
      lines()[0] ?? '',
      /^\d\d:\d\d:\d\d\.\d{3} {2}member {2}member-dead {2}member=node-2 source=verdict$/,
    )
    assert.equal((await stop()).code, 130)
  })

  test('--json prints one object a line, with its id', async () => {
    const { url, log } = await daemon()
    for (const event of ['ready', 'task-succeeded']) log('info', event, { at: 'x y' })
    const { code, out } = await runHere(['monitor', '--once', '--json', '--types', 'task', '--url', url])
    assert.equal(code, 0)
    const lines = out
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line))
    assert.equal(lines.length, 1)
    assert.deepEqual([lines[0].id, lines[0].event, lines[0].fields.at], ['3-2', 'task-succeeded', 'x y'])
  })

  test('--key says who owns it and whether the node may act', async () => {
    const { url } = await daemon()
    const { lines, stop } = monitor(['--url', url, '--types', 'owner', '--key', 'a b'])
    await until('a line', () => lines().length === 1)
    assert.match(
      lines()[0] ?? '',
      /owner-is {2}"a b" -> node-2; this node acts for it for 1700 ms, token 1173/,
    )
    await stop()
  })

  test('goes on after the last event when the node has started again, and says what it knows to be lost', async () => {
    const first = await daemon()
    const { lines, stop } = monitor(['--url', first.url, '--json', '--after', 'start'])
    first.log('info', 'ready', {})
    await until('the first event', () => lines().length === 1)
    await first.server.stop()
    const second = createHttpServer({ ...first.parts, config: { ...first.parts.config, port: first.port } })
    servers.push(second)
    first.log('info', 'task-succeeded', {})
    await second.start()
    await until('the event of meanwhile', () => lines().some(line => line.includes('task-succeeded')))
    const { err } = await stop()
    assert.equal(lines().filter(line => line.includes('"ready"')).length, 1)
    assert.ok(lines().some(line => JSON.parse(line).event === 'end'))
    assert.match(err, /ended the stream\. Asking again/)
  })

  test('comes back to where it was, though no event has told it the place', async () => {
    const places: (string | undefined)[] = []
    const pieces = ['id: 3-7\nretry: 1000\n\n', ': beat\nid: 3-9\n\n']
    const server = createServer((request, response) => {
      places.push(request.headers['last-event-id'] as string | undefined)
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const piece = pieces.shift()
      // Ended between two events, as by a daemon that stops or a proxy that has had enough.
      if (piece !== undefined) response.end(piece)
      else response.write(': there\n\n')
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const { stop } = monitor(['--url', `http://127.0.0.1:${port}`])
    try {
      await until('it has come back twice', () => places.length === 3)
      assert.deepEqual(places, [undefined, '3-7', '3-9'])
    } finally {
      await stop()
      server.closeAllConnections()
      await new Promise<void>(resolve => server.close(() => resolve()))
    }
  })

  test('misses nothing when the connection breaks before its first event', async () => {
    const first = await daemon()
    first.log('info', 'ready', {})
    const { lines, stop } = monitor(['--url', first.url, '--json'])
    const metrics = async () => await (await fetch(`${first.url}/metrics`)).text()
    await until('it is connected', async () => /^roundtable_event_streams 1$/m.test(await metrics()))
    await first.server.stop()
    first.log('info', 'task-succeeded', {})
    const second = createHttpServer({ ...first.parts, config: { ...first.parts.config, port: first.port } })
    servers.push(second)
    await second.start()
    await until('the event of meanwhile', () => lines().some(line => line.includes('task-succeeded')))
    await stop()
    assert.ok(!lines().some(line => line.includes('"ready"')))
  })

  test('a node that has never answered is an error, and so is a refusal', async () => {
    const nobody = await runHere(['monitor', '--url', 'http://127.0.0.1:9'])
    assert.equal(nobody.code, 3)
    const { url } = await daemon({ config: { readToken: 'secret-reader' } })
    const refused = await runHere(['monitor', '--url', url])
    assert.equal(refused.code, 1)
    assert.match(refused.err, /UNAUTHORIZED/)
    const wrong = await runHere(['monitor', '--types', 'weather', '--url', (await daemon()).url])
    assert.match(wrong.err, /types: expected some of member/)
  })

  test('something that is no daemon is told from one', async () => {
    await using page = await recordedDaemon({
      'GET /v1/events?follow=false': { body: 'data: hello\n\n', type: 'text/event-stream' },
    })
    const { code, err } = await runHere(['monitor', '--once', '--url', page.url])
    assert.equal(code, 3)
    assert.match(err, /sends no events of ours/)
  })

  test('cannot move the cursor of whoever looks at it', async () => {
    const { url, log } = await daemon()
    log('info', 'ready', { member: 'evil\u001b[2J\r\u0007' })
    const { out } = await runHere(['monitor', '--once', '--url', url])
    assert.deepEqual(
      [...out].filter(character => /\p{Cc}/u.test(character) && character !== '\n'),
      [],
    )
  })
})
