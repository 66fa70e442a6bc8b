import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseConfig } from '../../src/config/parse.ts'
import { sayOpenCluster } from '../../src/daemon/announcements.ts'

const machine = { hostname: 'host-1', cores: 2 }
const PEER = '12D3KooWJaY5REaPTTbSxcjfgFifYDxQW534naNmmnF7xdg9jtvD'

function said(env: Readonly<Record<string, string>>): unknown[] {
  const lines: unknown[] = []
  sayOpenCluster(parseConfig({ machine, env }), {
    log: (level, event, fields) => lines.push([level, event, fields?.['host']]),
  })
  return lines
}

test('a node that anybody may join says so, also where the variable of the key is empty', () => {
  const open = [['warn', 'cluster-open', '0.0.0.0']]
  assert.deepEqual(said({}), open)
  assert.deepEqual(said({ ROUNDTABLE_TRANSPORT_CLUSTER_KEY: '' }), open)
  assert.deepEqual(said({ ROUNDTABLE_TRANSPORT_HOST: '10.0.0.1' }), [['warn', 'cluster-open', '10.0.0.1']])
})

test('one with a key or an allow list, and one on loopback, says nothing', () => {
  assert.deepEqual(said({ ROUNDTABLE_TRANSPORT_CLUSTER_KEY: 'ab'.repeat(32) }), [])
  assert.deepEqual(said({ ROUNDTABLE_TRANSPORT_ALLOW_PEERS: PEER }), [])
  for (const host of ['127.0.0.1', 'localhost', '::1'])
    assert.deepEqual(said({ ROUNDTABLE_TRANSPORT_HOST: host }), [])
})
