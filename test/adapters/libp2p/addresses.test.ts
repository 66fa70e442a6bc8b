import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatHostPort, parseTarget, toMultiaddr } from '../../../src/adapters/libp2p/addresses.ts'

const PEER = '12D3KooWJaY5REaPTTbSxcjfgFifYDxQW534naNmmnF7xdg9jtvD'

test('each kind of address is taken apart', () => {
  assert.deepEqual(parseTarget('10.1.2.3:7946'), { kind: 'host', host: '10.1.2.3', port: 7946 })
  assert.deepEqual(parseTarget('[::1]:7946'), { kind: 'host', host: '::1', port: 7946 })
  assert.deepEqual(parseTarget('node-3.table.svc:80'), { kind: 'host', host: 'node-3.table.svc', port: 80 })
  assert.deepEqual(parseTarget('dns+srv:_gossip._tcp.table.svc'), {
    kind: 'srv',
    name: '_gossip._tcp.table.svc',
  })
  assert.deepEqual(parseTarget('/ip4/10.1.2.3/tcp/7946'), { kind: 'host', host: '10.1.2.3', port: 7946 })
  assert.deepEqual(parseTarget(`/dns4/seed/tcp/7946/p2p/${PEER}`), {
    kind: 'host',
    host: 'seed',
    port: 7946,
    peer: PEER,
  })
})

test('anything else is invalid, with what was expected and what came', () => {
  for (const text of [
    '',
    'host',
    'host:',
    ':80',
    'host:0',
    'host:65536',
    'host:port',
    '::1:80',
    '[host]:80',
    'ho st:80',
    'dns+srv:',
    'dns+srv:a b',
    '/ip4/10.1.2.3',
    '/ip4/10.1.2.3/udp/80',
    '/ip4/999.1.2.3/tcp/80',
    '/ip4/10.1.2.3/tcp/80/ws',
    'http://host:80',
  ]) {
    const target = parseTarget(text)
    assert.ok(target.kind === 'invalid', text)
    assert.match(target.detail, /^expected .*, got "/)
  }
})

test('no text throws', () => {
  fc.assert(fc.property(fc.string(), text => void parseTarget(text)))
  fc.assert(fc.property(fc.string(), text => void parseTarget(`/${text}`)))
})

test('what is formatted is parsed again', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.integer({ min: 1, max: 65_535 }), (host, port) => {
      assert.deepEqual(parseTarget(formatHostPort(host, port)), { kind: 'host', host, port })
    }),
  )
})

test('an address becomes the multiaddr of its family', () => {
  assert.equal(toMultiaddr('10.1.2.3', 80).toString(), '/ip4/10.1.2.3/tcp/80')
  assert.equal(toMultiaddr('::1', 80).toString(), '/ip6/::1/tcp/80')
})
