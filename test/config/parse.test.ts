import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { httpDefaults } from '../../src/adapters/http/config.ts'
import { CodedError, type ErrorCode } from '../../src/base/errors.ts'
import { CONFIG_FILE_BYTES_MAX } from '../../src/config/file.ts'
import { flagOf, variableOf } from '../../src/config/option.ts'
import { optionsOf } from '../../src/config/options.ts'
import { type ConfigSources, parseConfig } from '../../src/config/parse.ts'
import { describeConfig } from '../../src/config/reference.ts'
import { redacted } from '../../src/config/show.ts'
import { grantsDefaults } from '../../src/grants/config.ts'
import { membershipDefaults } from '../../src/membership/config.ts'
import { ringDefaults } from '../../src/ring/config.ts'
import { tasksDefaults } from '../../src/tasks/config.ts'

const machine = { hostname: 'host-1', cores: 3 }
const directory = mkdtempSync(join(tmpdir(), 'roundtable-config-'))
after(() => rmSync(directory, { recursive: true }))

const parse = (sources: ConfigSources) => parseConfig({ machine, ...sources })

function file(name: string, content: string | Uint8Array): string {
  const path = join(directory, name)
  writeFileSync(path, content)
  return path
}

function refusal(sources: ConfigSources, code: ErrorCode = 'CONFIG_INVALID'): CodedError {
  try {
    parse(sources)
  } catch (error) {
    assert.ok(error instanceof CodedError, String(error))
    assert.equal(error.code, code, error.message)
    return error
  }
  assert.fail('it was accepted')
}

const places = (error: CodedError): string[] => error.problems.map(problem => problem.at)

test("without any source the configuration is the rooms' defaults", () => {
  const config = parse({})
  assert.equal(config.nodeId, 'host-1')
  assert.deepEqual(config.membership, membershipDefaults())
  assert.deepEqual(config.ring, ringDefaults())
  assert.deepEqual(config.tasks, tasksDefaults(3))
  assert.deepEqual(config.http, httpDefaults())
  assert.deepEqual(config.taskLists, [])
  assert.equal(config.dataDir, join(process.cwd(), 'roundtable-data'))
})

test('the table knows every key of the configuration and no other', () => {
  const leaves = (value: object, prefix: string): string[] =>
    Object.entries(value).flatMap(([name, part]) => {
      const key = prefix + name
      const open =
        typeof part === 'object' && part !== null && !Array.isArray(part) && !key.endsWith('commands')
      return open ? leaves(part, `${key}.`) : [key]
    })
  const known = optionsOf(machine).filter(option => option.fileOf === undefined)
  assert.deepEqual(leaves(parse({}), '').sort(), known.map(option => option.place ?? option.key).sort())
})

test('the configuration is frozen to its leaves', () => {
  const config = parse({
    text: 'executors: { exec: { commands: { sum: { path: sha256sum, args: [-b] } } } }',
  })
  const parts: unknown[] = [config, config.http, config.seeds, config.executors.exec.commands['sum']?.args]
  for (const part of parts) assert.ok(Object.isFrozen(part))
})

test('flags beat variables, variables beat the file, the file beats defaults', () => {
  const text = 'http: { port: 1001 }\ncluster: from-file\nlog: { level: warn }\n'
  const env = { ROUNDTABLE_HTTP_PORT: '1002', ROUNDTABLE_LOG_LEVEL: 'error' }
  const config = parse({ text, env, flags: { 'http-port': '1003' } })
  assert.equal(config.http.port, 1003)
  assert.equal(config.log.level, 'error')
  assert.equal(config.cluster, 'from-file')
})

test('JSON is taken like YAML', () => {
  assert.equal(parse({ file: file('c.json', '{"http": {"port": 9}}\n') }).http.port, 9)
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

test('durations and sizes may have units', () => {
  const text =
    'leaveMs: 1m\ntasks: { stillMs: 2.5s, timeoutMs: 100, payloadBytesMax: 64KiB }\nhttp: { bodyBytesMax: 2 MiB }'
  const config = parse({ text, env: { ROUNDTABLE_TASKS_FORWARD_MS: '750ms' } })
  assert.equal(config.leaveMs, 60_000)
  assert.equal(config.tasks.stillMs, 2_500)
  assert.equal(config.tasks.timeoutMs, 100)
  assert.equal(config.tasks.payloadBytesMax, 65_536)
  assert.equal(config.http.bodyBytesMax, 2 * 1024 * 1024)
  assert.equal(config.tasks.forwardMs, 750)
  for (const bad of ['5 parsecs', '-1s', '0.0001ms', '""', '[1]', '.inf', 'true'])
    refusal({ text: `leaveMs: ${bad}` })
})

test('all problems are reported at once, each with what was expected and what came', () => {
  const text = `
htpp: { port: 1 }
http: { port: 99999, host: "bad host" }
weight: heavy
tasks: [1]
seeds: ["a:b", "ok:1"]
executors: { exec: { commands: { sum: { path: ./x, arg: [] } } } }
`
  const error = refusal({ text, env: { ROUNDTABLE_HTTP_PROT: '1' }, flags: { 'lag-level': 'x' } })
  const byPlace = new Map(error.problems.map(problem => [problem.at, problem]))
  for (const at of [
    'htpp',
    'http.port',
    'http.host',
    'weight',
    'tasks',
    'seeds.0',
    'ROUNDTABLE_HTTP_PROT',
    '--lag-level',
    'executors.exec.commands.sum.path',
    'executors.exec.commands.sum',
  ])
    assert.ok(byPlace.has(at), `${at} in ${[...byPlace.keys()]}`)
  assert.equal(byPlace.get('http.port')?.expected, 'a whole number from 0 to 65535')
  assert.equal(byPlace.get('http.port')?.got, '99999')
  assert.equal(byPlace.get('seeds.0')?.got, '"a:b"')
  assert.match(byPlace.get('ROUNDTABLE_HTTP_PROT')?.expected ?? '', /ROUNDTABLE_HTTP_PORT/)
  assert.match(byPlace.get('--lag-level')?.expected ?? '', /log-level/)
  assert.match(byPlace.get('executors.exec.commands.sum')?.expected ?? '', /args/)
  assert.match(error.message, /10 problems/)
})

test('an unknown key is answered with the nearest known one', () => {
  assert.match(refusal({ text: 'http: { prot: 1 }' }).problems[0]?.expected ?? '', /http\.port/)
  assert.match(refusal({ text: 'port: 1' }).problems[0]?.expected ?? '', /\.port/)
  assert.match(refusal({ text: '__proto__: { x: 1 }' }).problems[0]?.expected ?? '', /known key/)
  assert.equal(({} as Record<string, unknown>)['x'], undefined)
})

test('whoever says who votes gets quorum mode, whoever does not gets available mode', () => {
  assert.deepEqual(parse({}).grants, grantsDefaults())
  const wishes: ConfigSources[] = [
    { text: 'expectedNodes: 8' },
    { text: 'voters: [a, b]' },
    { env: { ROUNDTABLE_EXPECTED_NODES: '8' } },
    { env: { ROUNDTABLE_VOTERS: 'a,b,c' } },
    { flags: { 'expected-nodes': '8' } },
    { flags: { voters: 'a' } },
    { text: 'expectedNodes: 8', flags: { mode: 'quorum' } },
  ]
  for (const wish of wishes) assert.equal(parse(wish).grants.mode, 'quorum')
  assert.equal(parse({ text: 'expectedNodes: 8\nmode: available' }).grants.mode, 'available')
  assert.deepEqual(parse({ env: { ROUNDTABLE_VOTERS: 'a, b' } }).grants.voters, ['a', 'b'])
})

test('a prefix may have a mode of its own', () => {
  const modes = [{ prefix: 'bills/', mode: 'quorum' }]
  const grants = parse({ text: `mode: available\nexpectedNodes: 3\nmodes: ${JSON.stringify(modes)}` }).grants
  assert.deepEqual([grants.mode, grants.modes], ['available', modes])
  const twice = JSON.stringify([...modes, { prefix: 'bills/', mode: 'available' }])
  assert.deepEqual(places(refusal({ text: `expectedNodes: 3\nmodes: ${twice}` })), ['modes'])
  for (const bad of [
    '[{prefix: a}]',
    '[{prefix: a, mode: both}]',
    '[{prefix: a, mode: quorum, key: b}]',
    '{a: quorum}',
  ])
    refusal({ text: `expectedNodes: 3\nmodes: ${bad}` })
})

test('quorum mode without voters is refused, as a whole and for a prefix', () => {
  const whole = refusal({ text: 'mode: quorum' })
  assert.deepEqual(places(whole), ['mode'])
  assert.match(whole.problems[0]?.expected ?? '', /set expectedNodes/)
  assert.deepEqual(places(refusal({ text: 'modes: [{prefix: a, mode: quorum}]' })), ['modes'])
  parse({ text: 'mode: available\nmodes: [{prefix: a, mode: available}]' })
})

test('voters are distinct names, 64 at most', () => {
  const names = (count: number) => JSON.stringify(Array.from({ length: count }, (_, i) => `n${i}`))
  assert.equal(parse({ text: `voters: ${names(64)}` }).grants.voters.length, 64)
  for (const bad of [names(65), '[a, a]', '[a b]', '["-a"]', '[""]', '[1]', 'a'])
    assert.match(places(refusal({ text: `voters: ${bad}` }))[0] ?? '', /^voters/)
})

test('times that cannot keep the promise are refused', () => {
  const wrong: [string, string][] = [
    ['promiseMs: 2444', 'grants.promiseMs'],
    ['leaseMs: 2100', 'grants.promiseMs'],
    ['leaseMs: 999', 'grants.leaseMs'],
    ['renewMs: 667', 'grants.leaseMs'],
  ]
  for (const [line, at] of wrong)
    assert.deepEqual(places(refusal({ text: `grants: { ${line} }` })), [at], line)
  parse({ text: 'grants: { promiseMs: 2445, renewMs: 666 }' })
  parse({ text: 'grants: { leaseMs: 1s, promiseMs: 1.3s, renewMs: 300 }' })
})

test('an API open to the network needs a write token', () => {
  assert.deepEqual(places(refusal({ text: 'http: { host: 0.0.0.0 }' })), ['http.writeToken'])
  for (const host of ['127.0.0.1', '127.8.8.8', '"::1"', 'localhost'])
    parse({ text: `http: { host: ${host} }` })
  parse({ text: 'http: { host: 0.0.0.0, writeToken: 0123456789abcdef }' })
})

test('times that contradict each other are refused', () => {
  const wrong: [string, string][] = [
    ['heartbeatIntervalMs: 1500', 'membership.silenceMsMin'],
    ['probeIntervalMs: 501', 'membership.silenceMsMin'],
    ['silenceMsMax: 1499', 'membership.silenceMsMax'],
    ['secondConnectionMs: 1501', 'membership.silenceMsMin'],
    ['redialMsMin: 5001', 'membership.redialMsMax'],
    ['holdMsLarge: 699', 'membership.holdMsLarge'],
    ['tombstoneMs: 5000', 'membership.tombstoneMs'],
  ]
  for (const [line, at] of wrong)
    assert.deepEqual(places(refusal({ text: `membership: { ${line} }` })), [at], line)
  assert.deepEqual(places(refusal({ text: 'tasks: { backoffMs: 2m }' })), ['tasks.backoffMsMax'])
  assert.deepEqual(places(refusal({ text: 'http: { bodyBytesMax: 2KiB }' })), ['http.bodyBytesMax'])
  assert.deepEqual(places(refusal({ text: 'http: { port: 7946 }' })), ['http.port'])
})

test('a rule between two values stays silent when one of them is wrong by itself', () => {
  assert.deepEqual(places(refusal({ text: 'membership: { heartbeatIntervalMs: soon }' })), [
    'membership.heartbeatIntervalMs',
  ])
})

test('secrets come from files, and the later source wins over both forms', () => {
  const key = 'AB'.repeat(32)
  const keyFile = file('key', `${key}\n`)
  file('token', 'token-from-file-1\n')
  const config = parse({
    file: file('s.yaml', 'transport: { clusterKeyFile: key }\nhttp: { writeTokenFile: ./token }'),
  })
  assert.equal(config.transport.clusterKey, key.toLowerCase())
  assert.equal(config.http.writeToken, 'token-from-file-1')
  const env = { ROUNDTABLE_TRANSPORT_CLUSTER_KEY: '11'.repeat(32) }
  assert.equal(
    parse({ text: `transport: { clusterKeyFile: ${keyFile} }`, env }).transport.clusterKey,
    '11'.repeat(32),
  )
  const text = `transport: { clusterKey: ${'2'.repeat(64)} }`.replace(/: (\d+)/, ': "$1"')
  const later = parse({ text, env: { ROUNDTABLE_TRANSPORT_CLUSTER_KEY_FILE: keyFile } })
  assert.equal(later.transport.clusterKey, key.toLowerCase())
  refusal({ text: `transport: { clusterKey: "${'2'.repeat(64)}", clusterKeyFile: ${keyFile} }` })
})

test('no error, flag or view of the configuration shows a secret', () => {
  const secret = 'hunter2-hunter2-hunter2'
  const path = file('secret', `${secret} `.repeat(2))
  const texts = [
    `transport: { clusterKey: ${secret} }`,
    `transport: { clusterKeyFile: ${path} }`,
    `http: { writeToken: [${secret}] }`,
    `http: { writeToken: "${secret}!" }`,
    `http: { writeTokn: ${secret} }`,
    `http: { readToken: ${secret}, writeToken: ${secret} }`,
    `executors: { exec: { commands: { a: { path: b, env: { P: [${secret}] } } } } }`,
    `executors: { http: { allow: ["http://user:${secret}@host/"] } }`,
    `http: { writeToken: "${secret}`,
    `http: { writeToken: *${secret} }`,
    `http:\n  writeToken: ${secret}\n bad: x`,
  ]
  for (const text of texts) {
    const error = refusal({ text })
    assert.ok(
      !JSON.stringify([error.message, error.problems]).includes('hunter2'),
      `${text}: ${error.message}`,
    )
  }
  const flags = refusal({ flags: { 'http-write-token': secret } })
  assert.ok(!JSON.stringify([flags.message, flags.problems]).includes('hunter2'))
  const command = `executors: { exec: { commands: { a: { path: b, env: { P: ${secret} } } } } }`
  const config = parse({ text: `${command}\nhttp: { readToken: ${secret} }\n` })
  assert.equal(config.executors.exec.commands['a']?.env['P'], secret)
  assert.ok(!JSON.stringify(redacted(config)).includes('hunter2'))
})

test('a secret file that is missing, empty, a directory or huge is named with its reason', () => {
  mkdirSync(join(directory, 'dir'))
  file('empty', '')
  file('huge', 'x'.repeat(70_000))
  for (const [name, reason] of [
    ['none', /no such file/],
    ['empty', /empty file/],
    ['dir', /directory|regular/],
    ['huge', /70000 bytes/],
  ] as const) {
    const error = refusal({ text: `http: { readTokenFile: ${join(directory, name)} }` })
    assert.equal(error.problems[0]?.at, 'http.readTokenFile')
    assert.match(error.problems[0]?.got ?? '', reason)
  }
})

test('relative paths count from the file that names them', () => {
  const path = file('p.yaml', 'dataDir: d\ntaskLists: [lists/a.yaml, {path: /b.ndjson, allowInvalid: true}]')
  const config = parse({ file: path })
  assert.equal(config.dataDir, join(directory, 'd'))
  assert.deepEqual(config.taskLists, [
    { path: join(directory, 'lists/a.yaml'), allowInvalid: false },
    { path: '/b.ndjson', allowInvalid: true },
  ])
  assert.equal(parse({ file: path, flags: { 'data-dir': 'e' } }).dataDir, join(process.cwd(), 'e'))
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

test('a file that cannot be read is CONFIG_UNREADABLE with the reason', () => {
  assert.match(refusal({ file: join(directory, 'absent.yaml') }, 'CONFIG_UNREADABLE').detail, /no such file/)
  assert.match(refusal({ file: directory }, 'CONFIG_UNREADABLE').detail, /directory|regular/)
  assert.match(refusal({ file: '/dev/zero' }, 'CONFIG_UNREADABLE').detail, /regular file/)
  const huge = file('huge.yaml', '#'.repeat(CONFIG_FILE_BYTES_MAX + 1))
  assert.match(refusal({ file: huge }, 'CONFIG_UNREADABLE').detail, /at most 1048576/)
  assert.match(
    refusal({ file: file('bin', Buffer.from([0xff, 0xfe, 0x41])) }, 'CONFIG_UNREADABLE').detail,
    /UTF-8/,
  )
})

test('a file that is empty, no mapping, no YAML or ambiguous is CONFIG_INVALID with its place', () => {
  assert.match(refusal({ text: '' }).detail, /empty file/)
  assert.match(refusal({ text: '- a\n' }).detail, /a list/)
  assert.match(refusal({ text: 'hello' }).detail, /a string/)
  assert.equal(refusal({ text: 'a: 1\nb: [1,\nc: 2\n' }).problems[0]?.at.startsWith('line '), true)
  assert.equal(refusal({ text: 'http:\n  port: 1\n  port: 2\n' }).problems[0]?.at, 'line 3, column 3')
  refusal({ text: 'a: 1\n---\nb: 1\n' })
  refusal({ text: 'http: !secret { port: 1 }' })
  parse({ text: '# nothing but this\n' })
})

test('alias bombs and bottomless nesting are refused quickly', () => {
  const levels = Array.from(
    { length: 9 },
    (_, i) => `l${i + 1}: &l${i + 1} [${Array(9).fill(`*l${i}`).join(',')}]`,
  )
  const started = performance.now()
  refusal({ text: `l0: &l0 [x]\n${levels.join('\n')}\n` })
  refusal({ text: `a: ${'['.repeat(50_000)}` })
  refusal({ text: `a: ${'['.repeat(20_000)}${']'.repeat(20_000)}` })
  refusal({ text: `${Array.from({ length: 40 }, (_, i) => `${' '.repeat(i)}a:`).join('\n')} 1` })
  assert.ok(performance.now() - started < 5_000)
})

test('no text makes the parser fail in any other way than with a coded error', () => {
  const outcome = (sources: ConfigSources): void => {
    try {
      parse(sources)
    } catch (error) {
      assert.ok(error instanceof CodedError, String(error))
    }
  }
  fc.assert(fc.property(fc.string({ unit: 'binary' }), text => outcome({ text })))
  const known = optionsOf(machine).map(option => option.key)
  const tree = fc.dictionary(
    fc.oneof(fc.constantFrom(...known.map(key => key.split('.')[0] ?? '')), fc.string()),
    fc.jsonValue(),
  )
  fc.assert(fc.property(tree, value => outcome({ text: JSON.stringify(value) })))
  const env = fc.dictionary(fc.constantFrom(...known.map(variableOf), 'NODE_ID', 'NODE_LIST'), fc.string())
  fc.assert(fc.property(env, value => outcome({ env: value })))
})
