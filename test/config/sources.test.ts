import assert from 'node:assert/strict'
import { test } from 'node:test'
import { httpDefaults } from '../../src/adapters/http/config.ts'
import { flagOf, variableOf } from '../../src/config/option.ts'
import { optionsOf } from '../../src/config/options.ts'
import { describeConfig } from '../../src/config/reference.ts'
import { machine, parse, places, refusal } from './subject.ts'

test('flags beat variables, variables beat the file, the file beats defaults', () => {
  const text = 'http: { port: 1001 }\ncluster: from-file\nlog: { level: warn }\n'
  const env = { ROUNDTABLE_HTTP_PORT: '1002', ROUNDTABLE_LOG_LEVEL: 'error' }
  const config = parse({ text, env, flags: { 'http-port': '1003' } })
  assert.equal(config.http.port, 1003)
  assert.equal(config.log.level, 'error')
  assert.equal(config.cluster, 'from-file')
})

test('NODE_ID and NODE_LIST name the node and its seeds, and yield to their longer names', () => {
  const env = { NODE_ID: 'n1', NODE_LIST: '["10.0.0.1:7000","other","dns+srv:_rt._tcp.example.org","::1"]' }
  const config = parse({ env })
  assert.equal(config.nodeId, 'n1')
  assert.deepEqual(config.seeds, [
    '10.0.0.1:7000',
    'other:7946',
    'dns+srv:_rt._tcp.example.org',
    '[::1]:7946',
  ])
  assert.equal(parse({ env: { ...env, ROUNDTABLE_NODE_ID: 'n2' } }).nodeId, 'n2')
})

test('NODE_LIST may be a JSON array, a list between commas, or one address', () => {
  const seedsOf = (NODE_LIST: string) => parse({ env: { NODE_LIST } }).seeds
  assert.deepEqual(seedsOf('["a:1","b:2"]'), ['a:1', 'b:2'])
  assert.deepEqual(seedsOf('a:1, b'), ['a:1', 'b:7946'])
  assert.deepEqual(seedsOf('a:1'), ['a:1'])
})

test('a NODE_LIST that is no list of addresses is a problem', () => {
  for (const bad of [
    'a:1,b:0',
    'a:1;b:2',
    '["a:1"',
    '{"a":1}',
    '[1]',
    '["a:0"]',
    '["a:70000"]',
    '["a b:1"]',
    '["1.2.3:4"]',
    '[""]',
  ]) {
    const error = refusal({ env: { NODE_LIST: bad } })
    assert.match(places(error)[0] ?? '', /^NODE_LIST/, bad)
  }
})

test('every option can be set by its variable, with the text the reference shows as default', () => {
  for (const option of describeConfig()) {
    if (/^(?:none|the .*)$/.test(option.default)) continue
    const name = option.env[0] ?? ''
    assert.doesNotThrow(() => parse({ env: { [name]: option.default } }), `${name}=${option.default}`)
    if (option.flag !== undefined) parse({ flags: { [option.flag]: option.default } })
  }
})

test('names of variables and flags are distinct', () => {
  const keys = optionsOf(machine).map(option => option.key)
  assert.equal(new Set(keys.map(variableOf)).size, keys.length)
  assert.equal(new Set(keys.map(flagOf)).size, keys.length)
  assert.equal(variableOf('membership.probeIntervalMs'), 'ROUNDTABLE_MEMBERSHIP_PROBE_INTERVAL_MS')
})

test('an option under two of its names is a problem, since one of the two would be dropped', () => {
  const error = refusal({ flags: { 'http-port': '1001', 'http.port': 1002, seed: ['a:1'], seeds: 'b:2' } })
  const got = 'it again, under another of its names'
  assert.deepEqual(error.problems, [
    { at: '--http-port', expected: 'each option once', got },
    { at: '--seeds', expected: 'each option once', got },
  ])
})

test('empty variables count as unset', () => {
  assert.equal(parse({ env: { NODE_ID: '', ROUNDTABLE_HTTP_PORT: ' ' } }).nodeId, 'host-1')
})

test('variables that Kubernetes sets for services of our name are not read', () => {
  const env = {
    ROUNDTABLE_HTTP_PORT: 'tcp://10.0.0.7:7373',
    ROUNDTABLE_PORT: 'tcp://10.0.0.1:7946',
    ROUNDTABLE_PORT_7946_TCP: 'tcp://10.0.0.1:7946',
    ROUNDTABLE_PORT_7946_TCP_ADDR: '10.0.0.1',
    ROUNDTABLE_SERVICE_HOST: '10.0.0.1',
    ROUNDTABLE_SERVICE_PORT_HTTP: '7373',
  }
  assert.equal(parse({ env }).http.port, httpDefaults().port)
})

test('seeds that are written as links of services are refused, and not passed over', () => {
  for (const name of ['ROUNDTABLE_SEEDS', 'NODE_LIST']) {
    assert.match(
      refusal({ env: { [name]: 'tcp://10.0.0.1:7946' } }).detail,
      new RegExp(`${name}.*: expected`),
    )
  }
})

test('lists come from flags said several times, from commas and from JSON', () => {
  assert.deepEqual(parse({ flags: { seed: ['a:1', 'b:2,c:3'] } }).seeds, ['a:1', 'b:2', 'c:3'])
  assert.deepEqual(parse({ env: { ROUNDTABLE_SEEDS: 'a:1, b:2' } }).seeds, ['a:1', 'b:2'])
  assert.deepEqual(parse({ flags: { seeds: '' }, env: { ROUNDTABLE_SEEDS: 'a:1' } }).seeds, [])
  const commands = '{"s":{"path":"sha256sum","taskArgs":true}}'
  assert.equal(
    parse({ flags: { 'executors-exec-commands': commands } }).executors.exec.commands['s']?.taskArgs,
    true,
  )
})
