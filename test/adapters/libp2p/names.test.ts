import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { test } from 'node:test'
import { LOOKUPS_MAX } from '../../../src/adapters/libp2p/limits.ts'
import { type NameService, Names, systemNames } from '../../../src/adapters/libp2p/names.ts'

const host = (name: string) => ({ kind: 'host', host: name, port: 7946 }) as const
const none: NameService = { lookup: async () => [], srv: async () => [] }

test('an address needs no name service', async () => {
  const names = new Names({ ...none, lookup: async () => assert.fail('not to be asked') })
  assert.deepEqual(await names.resolve(host('10.0.0.1')), {
    ok: true,
    candidates: [{ host: '10.0.0.1', port: 7946 }],
  })
})

test('a name is asked afresh each time', async () => {
  let asked = 0
  const names = new Names({ ...none, lookup: async () => [`10.0.0.${++asked}`] })
  await names.resolve(host('seed'))
  const second = await names.resolve(host('seed'))
  assert.deepEqual(second.ok && second.candidates, [{ host: '10.0.0.2', port: 7946 }])
})

test('IPv4 addresses come before IPv6 ones', async () => {
  const names = new Names({ ...none, lookup: async () => ['fd00::1', '10.0.0.1'] })
  const found = await names.resolve(host('seed'))
  assert.deepEqual(found.ok && found.candidates.map(place => place.host), ['10.0.0.1', 'fd00::1'])
})

test('many addresses are tried in changing order, and no more than the limit', async () => {
  const all = Array.from({ length: 40 }, (_, n) => `10.0.0.${n}`)
  const names = new Names({ ...none, lookup: async () => all })
  const firsts = new Set<string>()
  for (let n = 0; n < 50; n++) {
    const found = await names.resolve(host('seed'))
    assert.ok(found.ok && found.candidates.length === 8)
    firsts.add(found.candidates[0]?.host ?? '')
  }
  assert.ok(firsts.size > 5, `${firsts.size} different first addresses`)
})

test('a name that nobody knows gives a reason', async () => {
  const error = Object.assign(new Error('not found'), { code: 'ENOTFOUND' })
  const names = new Names({ ...none, lookup: () => Promise.reject(error) })
  const found = await names.resolve(host('nowhere'))
  assert.ok(!found.ok)
  assert.equal(found.detail, 'expected an address for nowhere, got ENOTFOUND')
})

test('a name service that hangs is not asked the same again, and not more than two things at once', async () => {
  const asked: string[] = []
  const answer = Promise.withResolvers<readonly string[]>()
  const names = new Names({
    ...none,
    lookup: name => {
      asked.push(name)
      return answer.promise
    },
  })
  const all = ['a', 'a', 'b', 'c', 'c'].map(name => names.resolve(host(name)))
  await new Promise(resolve => setImmediate(resolve))
  assert.deepEqual(asked, ['a', 'b'])
  assert.equal(asked.length, LOOKUPS_MAX)
  answer.resolve(['10.0.0.1'])
  for (const found of await Promise.all(all)) assert.ok(found.ok)
  assert.deepEqual(asked, ['a', 'b', 'c'])
})

test('SRV records are followed by priority, to their own ports', async () => {
  const names = new Names({
    lookup: async name => [name === 'first.test' ? '10.0.0.1' : '10.0.0.2'],
    srv: async () => [
      { name: 'second.test', port: 2, priority: 20, weight: 100 },
      { name: 'first.test', port: 1, priority: 10, weight: 0 },
    ],
  })
  const found = await names.resolve({ kind: 'srv', name: 'table' })
  assert.deepEqual(found, {
    ok: true,
    candidates: [
      { host: '10.0.0.1', port: 1 },
      { host: '10.0.0.2', port: 2 },
    ],
  })
})

test('one SRV target that does not resolve does not hide the others', async () => {
  const names = new Names({
    lookup: async name => {
      if (name === 'gone.test') throw new Error('gone')
      return ['10.0.0.2']
    },
    srv: async () => [
      { name: 'gone.test', port: 1, priority: 1, weight: 1 },
      { name: 'here.test', port: 2, priority: 2, weight: 1 },
    ],
  })
  const found = await names.resolve({ kind: 'srv', name: 'table' })
  assert.deepEqual(found.ok && found.candidates, [{ host: '10.0.0.2', port: 2 }])
})

/** Answers any SRV question with one record, as RFC 1035 and 2782 lay it out. */
function srvAnswer(question: Buffer, target: string, port: number): Buffer {
  const header = Buffer.from(question.subarray(0, 12))
  header.writeUInt16BE(0x8180, 2)
  header.writeUInt16BE(1, 6)
  header.writeUInt16BE(0, 8)
  header.writeUInt16BE(0, 10)
  const end = question.indexOf(0, 12) + 5
  const name = Buffer.concat([
    ...target.split('.').map(label => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)])),
    Buffer.from([0]),
  ])
  const record = Buffer.alloc(18)
  record.writeUInt16BE(0xc00c, 0)
  record.writeUInt16BE(33, 2)
  record.writeUInt16BE(1, 4)
  record.writeUInt32BE(5, 6)
  record.writeUInt16BE(6 + name.length, 10)
  record.writeUInt16BE(1, 12)
  record.writeUInt16BE(1, 14)
  record.writeUInt16BE(port, 16)
  return Buffer.concat([header, question.subarray(12, end), record, name])
}

test('SRV questions reach a real name server', async () => {
  const server = createSocket('udp4')
  server.on('message', (question, from) =>
    server.send(srvAnswer(question, 'localhost', 4321), from.port, from.address),
  )
  server.bind(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const names = new Names(systemNames([`127.0.0.1:${server.address().port}`]))
    const found = await names.resolve({ kind: 'srv', name: '_gossip._tcp.table.test' })
    assert.ok(found.ok, JSON.stringify(found))
    assert.ok(found.candidates.some(place => place.host === '127.0.0.1' && place.port === 4321))
  } finally {
    server.close()
  }
})
