import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { after, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { toMultiaddr } from '../../../src/adapters/libp2p/addresses.ts'
import { Counters } from '../../../src/adapters/libp2p/counters.ts'
import { createHost } from '../../../src/adapters/libp2p/host.ts'
import { LINK_OPEN_MS, UPGRADE_MS } from '../../../src/adapters/libp2p/limits.ts'
import { type Caller, Strangers } from '../../../src/adapters/libp2p/strangers.ts'
import { Wires } from '../../../src/adapters/libp2p/wire.ts'
import { type LogLine, type Peer, type PeerOptions, ping, startPeer } from './peer-fixture.ts'

const ends: (() => Promise<void>)[] = []
after(() => Promise.all(ends.map(end => end())))

async function peer(options: PeerOptions = {}): Promise<Peer> {
  const made = await startPeer(options)
  ends.push(() => made.stop())
  return made
}

/** A stranger: connects, says something, and tells when it was cut off. */
async function stranger(
  to: Peer,
  ...words: (string | Buffer)[]
): Promise<{ socket: Socket; cut: Promise<number> }> {
  const [host = '', port = ''] = to.address.split(':')
  const socket = connect(Number(port), host)
  const startedAt = performance.now()
  const cut = new Promise<number>(resolve => {
    socket.on('close', () => resolve(performance.now() - startedAt))
    socket.on('error', () => undefined) // a reset is one way to be cut off
  })
  await once(socket, 'connect')
  socket.resume()
  for (const word of words) socket.write(word)
  return { socket, cut }
}

/** Two peers that talk while `during` happens, and still do after it. */
async function whileTalking(a: Peer, b: Peer, during: () => Promise<void>): Promise<void> {
  const link = await a.link(b)
  let sent = 0
  const talk = setInterval(() => a.transport.send(link, ping(++sent)), 10)
  try {
    await during()
    const then = sent
    await a.until(() => sent > then + 5 || undefined)
    await b.wait('frame', ({ message }) => message.type === 'ping' && message.seq > then)
    assert.equal(a.seen('link-down').length + b.seen('link-down').length, 0)
  } finally {
    clearInterval(talk)
  }
}

test('an HTTP request on the gossip port is cut off at its first packet', async () => {
  const [a, b] = [await peer(), await peer()]
  await whileTalking(a, b, async () => {
    const { cut } = await stranger(a, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    assert.ok((await cut) < 1_000)
  })
  await a.until(() => a.metric('transport_strangers_total', { end: 'foreign' }) === 1 || undefined)
})

test('random bytes are cut off, however many, with and without a cluster key', async () => {
  for (const clusterKey of [undefined, 'c'.repeat(64)]) {
    const [a, b] = [await peer({ clusterKey }), await peer({ clusterKey })]
    await whileTalking(a, b, async () => {
      const strangers = await Promise.all(
        [1, 20, 500, 100_000].map(bytes => stranger(a, randomBytes(bytes), randomBytes(bytes))),
      )
      for (const { cut } of strangers) assert.ok((await cut) < UPGRADE_MS + 2_000)
    })
    assert.equal(a.seen('link-up').length, 1)
  }
})

test('fifty silent strangers are cut off within the time limit and keep nobody out', async () => {
  const [a, b, c] = [await peer(), await peer(), await peer()]
  await whileTalking(a, b, async () => {
    const strangers = await Promise.all(Array.from({ length: 50 }, () => stranger(a)))
    await c.link(a)
    for (const { cut } of strangers) assert.ok((await cut) < UPGRADE_MS + 2_000)
  })
  await a.until(() => a.metric('transport_strangers_total') >= 50 || undefined)
})

test('a stranger that greets one byte at a time runs out of time', async () => {
  const a = await peer()
  const greeting = '\x13/multistream/1.0.0\n\x07/noise\n'
  const { socket, cut } = await stranger(a)
  const bytes = [...greeting].values()
  const drip = setInterval(() => {
    const next = bytes.next()
    if (!next.done) socket.write(next.value)
  }, 150)
  const tookMs = await cut
  clearInterval(drip)
  assert.ok(tookMs > 1_000 && tookMs < UPGRADE_MS + 2_000, `${tookMs.toFixed(0)} ms`)
})

test('a stranger that greets and then floods is cut off with bounded memory', async () => {
  const a = await peer()
  const before = process.memoryUsage().rss
  const strangers = await Promise.all(
    Array.from({ length: 5 }, () =>
      stranger(a, '\x13/multistream/1.0.0\n', Buffer.alloc(8 * 1024 * 1024, 1)),
    ),
  )
  for (const { cut } of strangers) assert.ok((await cut) < UPGRADE_MS + 2_000)
  assert.ok(process.memoryUsage().rss - before < 200 * 1024 * 1024)
})

for (const [what, flood] of [
  ['a length without an end', Buffer.alloc(512 * 1024, 0xff)],
  ['names that nobody knows', Buffer.from('\x02x\n'.repeat(200_000))],
] as const) {
  test(`a stranger that is not on the allow list and greets with ${what} is cut off at its first packet`, async () => {
    const a = await peer({ allowPeers: [(await peer()).id] })
    const { cut } = await stranger(a, '\x13/multistream/1.0.0\n', flood)
    assert.ok((await cut) < 1_000)
  })
}

test('more connections a second from one address than libp2p allows by default all get in', async () => {
  const a = await peer()
  const others = await Promise.all(Array.from({ length: 14 }, () => peer()))
  await Promise.all(others.map(other => other.link(a, { timeoutMs: 20_000 })))
  await a.until(() => a.seen('link-up').length === others.length || undefined)
})

test('a libp2p node that connects and never opens a link is cut off', async () => {
  const a = await peer()
  const logger = { log: () => undefined }
  const host = await createHost({
    key: await generateKeyPair('Ed25519'),
    topic: 'other',
    logger,
    protector: new Wires(new Strangers({ counters: new Counters(), logger })).protector(undefined),
    allowPeers: new Set(),
    onGossipCopy: () => undefined,
  })
  await host.node.start()
  ends.push(async () => host.node.stop())
  const [ip = '', port = ''] = a.address.split(':')
  const connection = await host.connect(toMultiaddr(ip, Number(port)), {
    signal: new AbortController().signal,
  })
  await a.until(() => connection.status !== 'open' || undefined, LINK_OPEN_MS + 2_000)
  assert.equal(a.metric('transport_links_cut_total', { reason: 'no-link-stream' }), 1)
  assert.equal(a.seen('link-up').length, 0)
})

const saidOf = ({ logs }: { logs: readonly LogLine[] }) => logs.filter(({ event }) => event === 'strangers')

test('a node with another cluster key is said by the node that it knocks at', async () => {
  const [a, b] = [await peer({ clusterKey: 'a'.repeat(64) }), await peer({ clusterKey: 'b'.repeat(64) })]
  const result = await b.dial(a.address)
  assert.ok(!result.ok && result.reason === 'wrong-key')
  await a.until(() => saidOf(a).length > 0 || undefined)
  const [line, ...others] = saidOf(a)
  assert.ok(line)
  const { from, detail, ...said } = line.fields
  assert.deepEqual([line.level, said, others], ['warn', { count: 1, end: 'no-handshake' }, []])
  assert.match(String(from), /^127\.0\.0\.1:\d+$/)
  assert.match(String(detail), /another cluster key/)
  assert.deepEqual(saidOf(b), [])
})

test('a node that dials itself, being among its own seeds, is no stranger', async () => {
  for (const clusterKey of [undefined, 'c'.repeat(64)]) {
    const a = await peer({ clusterKey })
    for (let i = 0; i < 5; i++) {
      const result = await a.dial(a.address, { forceNew: true })
      assert.ok(!result.ok && result.reason === 'self')
    }
    // Whoever comes after them is the first to be counted.
    const { cut } = await stranger(a, randomBytes(500))
    await cut
    await a.until(() => a.metric('transport_strangers_total') > 0 || undefined)
    assert.equal(a.metric('transport_strangers_total'), 1)
  }
})

test('strangers are said at once, then once a while with their number, and not while the node stops', async () => {
  const lines: LogLine[] = []
  const counters = new Counters()
  const logger = {
    log: (level: string, event: string, fields: LogLine['fields'] = {}) =>
      lines.push({ level, event, fields }),
  }
  const strangers = new Strangers({ counters, logger, everyMs: 300 })
  let port = 0
  const knock = (more: Partial<Caller> = {}) => {
    const closers: (() => void)[] = []
    const onClose = (tell: () => void) => closers.push(tell)
    const remote = `10.0.0.9:${++port}`
    strangers.came({ remote, local: '10.0.0.1:7946', linked: false, foreign: true, onClose, ...more })
    for (const close of closers) close()
  }
  const countsOf = () => lines.map(({ fields }) => fields['count'])
  knock({ linked: true })
  assert.equal(lines.length, 0)
  for (let i = 0; i < 4; i++) knock()
  assert.deepEqual([countsOf(), lines[0]?.fields['from']], [[1], '10.0.0.9:2'])
  while (lines.length < 2) await pause(5)
  assert.deepEqual([countsOf(), lines[1]?.fields['from']], [[1, 3], '10.0.0.9:5'])
  knock({ foreign: false })
  strangers.stop()
  knock()
  await pause(400)
  assert.deepEqual(countsOf(), [1, 3])
  assert.equal(counters.value('transport_strangers_total', { end: 'foreign' }), 5)
  assert.equal(counters.value('transport_strangers_total', { end: 'no-handshake' }), 1)
})
