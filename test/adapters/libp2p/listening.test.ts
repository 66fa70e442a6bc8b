import assert from 'node:assert/strict'
import { isIPv4 } from 'node:net'
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os'
import { after, test } from 'node:test'
import { outwardInterface } from '../../../src/adapters/libp2p/default-route.ts'
import { CodedError, type ErrorCode } from '../../../src/base/errors.ts'
import { makePeer, type Peer, type PeerOptions, startPeer } from './peer-fixture.ts'

const ends: (() => Promise<void>)[] = []
after(() => Promise.all(ends.map(end => end())))

async function peer(options: PeerOptions = {}, start = true): Promise<Peer> {
  const made = start ? await startPeer(options) : await makePeer(options)
  ends.push(() => made.stop())
  return made
}

const isPlainIPv4 = (found: NetworkInterfaceInfo): boolean => found.family === 'IPv4' && !found.internal

const coded = (code: ErrorCode, detail: RegExp) => (error: unknown) =>
  error instanceof CodedError && error.code === code && detail.test(error.detail)

test('port 0 becomes a real one, and two nodes get different ones', async () => {
  const [a, b] = [await peer(), await peer()]
  for (const one of [a, b]) assert.match(one.address, /^127\.0\.0\.1:[1-9]\d+$/)
  assert.notEqual(a.address, b.address)
})

test('listening everywhere tells the addresses of this machine, and loopback only when there is no other', async () => {
  const a = await peer({ host: '0.0.0.0' })
  const outside = Object.values(networkInterfaces())
    .flatMap(found => found ?? [])
    .filter(found => found.family === 'IPv4' && !found.internal)
    .map(found => found.address)
  const hosts = a.addresses.map(address => address.split(':')[0] ?? '')
  assert.ok(hosts.every(isIPv4))
  assert.deepEqual(hosts.toSorted(), outside.length > 0 ? outside.toSorted() : ['127.0.0.1'])
  const outward = networkInterfaces()[(await outwardInterface()) ?? '']?.find(isPlainIPv4)
  if (outward !== undefined) assert.equal(hosts[0], outward.address)
  assert.ok((await (await peer()).dial(a.address)).ok)
})

test('what is advertised is told instead, with the port filled in', async () => {
  const a = await peer({ advertise: ['table.test:9000', 'table.test:0'] })
  assert.equal(a.addresses[0], 'table.test:9000')
  assert.match(a.addresses[1] ?? '', /^table\.test:[1-9]\d+$/)
})

test('a name to listen on is resolved', async () => {
  const a = await peer({ host: 'localhost' })
  assert.match(a.address, /^(127\.0\.0\.1|\[::1\]):\d+$/)
})

test('IPv6 works where the machine has it', async t => {
  const has = Object.values(networkInterfaces()).some(found => found?.some(one => one.address === '::1'))
  if (!has) return t.skip('no IPv6 loopback here')
  const [a, b] = [await peer({ host: '::1' }), await peer()]
  assert.match(a.address, /^\[::1\]:\d+$/)
  assert.ok((await b.dial(a.address)).ok)
})

test('a port in use is ADDRESS_IN_USE, and stop works after it', async () => {
  const a = await peer()
  const second = await peer({ port: Number(a.address.split(':')[1]) }, false)
  await assert.rejects(second.start(), coded('ADDRESS_IN_USE', /Expected 127\.0\.0\.1:\d+ to be free/))
  await second.transport.stop()
  assert.ok((await (await peer()).dial(a.address)).ok, 'the first one is untouched')
})

test('an address of another machine, or a name that nobody knows, is ADDRESS_UNUSABLE', async () => {
  for (const host of ['192.0.2.1', 'nowhere.invalid']) {
    const one = await peer({ host }, false)
    await assert.rejects(one.start(), coded('ADDRESS_UNUSABLE', /Expected to listen on .*, got /))
  }
})

test('a cluster key that is none is refused before anything starts, and is not repeated', async () => {
  for (const clusterKey of ['', 'secret', 'g'.repeat(64), 'a'.repeat(63)]) {
    await assert.rejects(
      makePeer({ clusterKey }),
      error => coded('CLUSTER_KEY_INVALID', /64 hex digits/)(error) && !/secret|ggg|aaa/.test(String(error)),
    )
  }
})
