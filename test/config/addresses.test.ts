import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isLoopbackHost } from '../../src/adapters/http/config.ts'
import { isAddress, isSeed, seedAddress } from '../../src/config/addresses.ts'

test('addresses are a host or bracketed IPv6 address and a port', () => {
  for (const good of ['a:1', 'node-1.example.org:65535', '10.0.0.1:7946', '[::1]:80', 'my_service:1'])
    assert.ok(isAddress(good), good)
  for (const bad of [
    'a',
    'a:',
    ':1',
    'a:0',
    'a:01',
    'a:65536',
    '::1:80',
    '[a]:1',
    'a b:1',
    '256.0.0.1:1',
    'a:1/x',
    'http://a:1',
    `${'a'.repeat(300)}:1`,
  ])
    assert.ok(!isAddress(bad), bad)
})

test('seeds may also be bare hosts and SRV names', () => {
  for (const good of ['a:1', 'a', '::1', '10.0.0.1', 'dns+srv:_gossip._tcp.example.org'])
    assert.ok(isSeed(good), good)
  for (const bad of ['', 'dns+srv:', 'dns+srv:a:1', 'srv:a', '10.0.0', '/ip4/1.2.3.4/tcp/1'])
    assert.ok(!isSeed(bad), bad)
  assert.equal(seedAddress('fe80::1', 7), '[fe80::1]:7')
})

test('only addresses of this machine are loopback', () => {
  for (const yes of ['127.0.0.1', '127.255.0.1', '::1', 'localhost', 'LOCALHOST', '::ffff:127.0.0.1'])
    assert.ok(isLoopbackHost(yes), yes)
  for (const no of ['0.0.0.0', '::', '10.0.0.1', 'localhost.example.org', '128.0.0.1'])
    assert.ok(!isLoopbackHost(no), no)
})
