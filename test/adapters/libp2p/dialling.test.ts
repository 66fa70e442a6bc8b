import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { after, test } from 'node:test'
import { asPeerId } from '../../../src/base/ids.ts'
import type { DialResult } from '../../../src/node/machine.ts'
import { startChild } from './child-fixture.ts'
import { type Peer, type PeerOptions, ping, startPeer } from './peer-fixture.ts'
import { startProxy } from './tcp-proxy.ts'

const ends: (() => Promise<void>)[] = []
after(() => Promise.all(ends.map(end => end())))

async function peer(options: PeerOptions = {}): Promise<Peer> {
  const made = await startPeer(options)
  ends.push(() => made.stop())
  return made
}

async function child(options: Parameters<typeof startChild>[0] = {}) {
  const made = await startChild(options)
  ends.push(() => made.stop())
  return made
}

function failed(result: DialResult): Extract<DialResult, { ok: false }> {
  assert.ok(!result.ok, 'the dial fails')
  return result
}

const KEY_A = 'a'.repeat(64)
const KEY_B = 'b'.repeat(64)

test('nobody listening is refused; nothing but that is', async () => {
  const a = await peer()
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  const result = failed(await a.dial(`127.0.0.1:${port}`))
  assert.equal(result.reason, 'refused')
  assert.equal(a.metric('transport_dials_total', { result: 'refused' }), 1)
})

test('a listener that never says a word is a timeout', async () => {
  const a = await peer()
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  ends.push(async () => void server.close())
  const result = failed(await a.dial(`127.0.0.1:${port}`, { timeoutMs: 300 }))
  assert.equal(result.reason, 'timeout')
  assert.match(result.detail, /expected a handshake, got a connection that stays silent/)
})

test('another program behind the address is told from a daemon', async () => {
  const a = await peer()
  const server = createServer(socket => {
    socket.on('error', () => undefined)
    socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  ends.push(async () => void server.close())
  const { port } = server.address() as AddressInfo
  const result = failed(await a.dial(`127.0.0.1:${port}`))
  assert.equal(result.reason, 'wrong-key')
  assert.match(result.detail, /no roundtable daemon/)
})

test('a listener that closes at once has not refused', async () => {
  const a = await peer()
  const server = createServer(socket => socket.destroy()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  ends.push(async () => void server.close())
  const { port } = server.address() as AddressInfo
  const result = failed(await a.dial(`127.0.0.1:${port}`))
  assert.equal(result.reason, 'failed')
})

test('the own address is self', async () => {
  const a = await peer()
  assert.equal(failed(await a.dial(a.address)).reason, 'self')
  assert.equal(failed(await a.dial(a.address, { peer: a.id })).reason, 'self')
})

test('a node of another cluster is told as such and gets no link', async () => {
  const [a, b] = [await peer({ cluster: 'one' }), await peer({ cluster: 'two' })]
  const result = failed(await a.dial(b.address))
  assert.equal(result.reason, 'other-cluster')
  assert.equal(a.seen('link-up').length + b.seen('link-up').length, 0)
})

test('nodes with the same cluster key link; any other pair of keys is a wrong key, both ways', async () => {
  const [a, same, other, open] = [
    await peer({ clusterKey: KEY_A }),
    await peer({ clusterKey: KEY_A.toUpperCase() }),
    await peer({ clusterKey: KEY_B }),
    await peer(),
  ]
  const link = await a.link(same)
  a.transport.send(link, ping(1))
  await same.wait('frame')
  for (const [from, to] of [
    [a, other],
    [other, a],
    [a, open],
    [open, a],
  ] as const) {
    const result = failed(await from.dial(to.address))
    assert.equal(result.reason, 'wrong-key', result.detail)
  }
  assert.equal(other.seen('link-up').length + open.seen('link-up').length, 0)
})

test('a peer that is killed under a cluster key is a remote close too', async () => {
  const a = await peer({ clusterKey: KEY_A })
  const victim = await child({ clusterKey: KEY_A })
  assert.ok((await a.dial(victim.address)).ok)
  victim.process.kill('SIGKILL')
  assert.equal((await a.wait('link-down')).cause, 'remote')
})

test('somebody else behind a known address is a failure that names both', async () => {
  const [a, b, c] = [await peer(), await peer(), await peer()]
  const result = failed(await a.dial(b.address, { peer: c.id }))
  assert.equal(result.reason, 'failed')
  assert.match(result.detail, new RegExp(`expected peer ${c.id}, got ${b.id}`))
  assert.equal(a.seen('link-up').length, 0)
})

test('a peer that is not on the allow list gets no link, whoever dials', async () => {
  const b = await peer()
  const stranger = asPeerId('12D3KooWJaY5REaPTTbSxcjfgFifYDxQW534naNmmnF7xdg9jtvD')
  const guarded = await peer({ allowPeers: [stranger] })
  const out = failed(await guarded.dial(b.address))
  assert.equal(out.reason, 'failed')
  assert.match(out.detail, /allow list/)
  const into = failed(await b.dial(guarded.address))
  assert.equal(into.reason, 'failed')
  assert.equal(guarded.seen('link-up').length, 0)
})

test('a peer on the allow list gets its link', async () => {
  const b = await peer()
  const guarded = await peer({ allowPeers: [b.id] })
  await b.link(guarded)
  await guarded.wait('link-up')
})

test('names are resolved for every dial and lead past this node itself', async () => {
  const b = await peer()
  const port = Number(b.address.split(':')[1])
  let found = ['127.0.0.9']
  const a = await peer({ names: { lookup: async () => found, srv: async () => [] } })
  assert.equal(failed(await a.dial(`seed.test:${port}`)).reason, 'refused')
  found = ['127.0.0.1']
  assert.ok((await a.dial(`seed.test:${port}`)).ok)
})

test('an SRV name leads past this node to the first that answers', async () => {
  const b = await peer()
  let records: { name: string; port: number; priority: number; weight: number }[] = []
  const a = await peer({ names: { lookup: async () => ['127.0.0.1'], srv: async () => records } })
  const portOf = (one: Peer) => Number(one.address.split(':')[1])
  records = [a, b].map((one, priority) => ({ name: 'node.test', port: portOf(one), priority, weight: 1 }))
  const result = await a.dial('dns+srv:_gossip._tcp.table.test')
  assert.ok(result.ok)
  assert.equal(result.peer, b.id)
})

test('a name of several places says so, and leads past those that are known', async () => {
  const [b, c] = [await peer(), await peer()]
  let records: { name: string; port: number; priority: number; weight: number }[] = []
  const a = await peer({ names: { lookup: async () => ['127.0.0.1'], srv: async () => records } })
  const srv = 'dns+srv:_gossip._tcp.table.test'
  const placesOf = (...peers: Peer[]) =>
    peers.map((one, priority) => ({
      ...{ name: 'node.test', port: Number(one.address.split(':')[1]), priority, weight: 1 },
    }))
  records = placesOf(b)
  const only = await a.dial(srv)
  assert.ok(only.ok && only.several === undefined)
  records = placesOf(a, b, c)
  const besides = [a.address, b.address]
  const other = await a.dial(srv, { forceNew: true, besides })
  assert.ok(other.ok && other.several === true)
  assert.equal(other.peer, c.id)
  const none = failed(await a.dial(srv, { forceNew: true, besides: [...besides, c.address] }))
  assert.equal(none.reason, 'self')
  assert.equal(b.seen('link-up').length, 1)
  const linked = failed(await a.dial(srv, { forceNew: true, besides: [] }))
  assert.equal(linked.reason, 'self', 'links lead to both already')
  assert.equal(b.seen('link-up').length + c.seen('link-up').length, 2)
})

test('an address that is none, or that nobody knows, is unresolvable', async () => {
  const error = Object.assign(new Error('not found'), { code: 'ENOTFOUND' })
  const a = await peer({ names: { lookup: () => Promise.reject(error), srv: () => Promise.reject(error) } })
  for (const address of ['nonsense', 'nowhere.test:1', 'dns+srv:nowhere.test', '/ip4/1.2.3.4/udp/1']) {
    assert.equal(failed(await a.dial(address)).reason, 'unresolvable', address)
  }
})

test('a name service that hangs ends with the time limit of the dial', async () => {
  const never = new Promise<never>(() => {})
  const a = await peer({ names: { lookup: () => never, srv: () => never } })
  const result = failed(await a.dial('slow.test:1', { timeoutMs: 200 }))
  assert.equal(result.reason, 'timeout')
})

test('a multiaddr that names its peer is held to it', async () => {
  const [a, b] = [await peer(), await peer()]
  const port = b.address.split(':')[1]
  const wrong = failed(
    await a.dial(`/ip4/127.0.0.1/tcp/${port}/p2p/12D3KooWJaY5REaPTTbSxcjfgFifYDxQW534naNmmnF7xdg9jtvD`),
  )
  assert.equal(wrong.reason, 'failed')
  assert.ok((await a.dial(`/ip4/127.0.0.1/tcp/${port}/p2p/${b.id}`)).ok)
})

test('a link survives its dial by far: the time limit of a dial ends with the dial', async () => {
  const [a, b] = [await peer(), await peer()]
  const link = await a.link(b, { timeoutMs: 400 })
  const later = performance.now() + 700
  await a.until(() => performance.now() > later || undefined)
  a.transport.send(link, ping(1))
  await b.wait('frame')
  assert.equal(a.seen('link-down').length, 0)
})

test('a connection that comes back to life after our time limit is not a link', async () => {
  const [a, b] = [await peer(), await peer()]
  const proxy = await startProxy(b.address)
  ends.push(() => proxy.close())
  proxy.silence()
  assert.equal(failed(await a.dial(proxy.address, { timeoutMs: 300 })).reason, 'timeout')
  proxy.resume()
  await a.link(b)
  assert.equal(a.seen('link-up').length, 1)
})
