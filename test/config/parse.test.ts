import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { httpDefaults } from '../../src/adapters/http/config.ts'
import { optionsOf } from '../../src/config/options.ts'
import { membershipDefaults } from '../../src/membership/config.ts'
import { ringDefaults } from '../../src/ring/config.ts'
import { tasksDefaults } from '../../src/tasks/config.ts'
import { machine, parse, places, refusal } from './subject.ts'

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

/** Values whose own keys are the operator's. */
const MAPPINGS = /(?:commands|modules|Concurrency)$/

test('the table knows every key of the configuration and no other', () => {
  const leaves = (value: object, prefix: string): string[] =>
    Object.entries(value).flatMap(([name, part]) => {
      const key = prefix + name
      const open = typeof part === 'object' && part !== null && !Array.isArray(part) && !MAPPINGS.test(key)
      return open ? leaves(part, `${key}.`) : [key]
    })
  const known = optionsOf(machine).filter(option => option.fileOf === undefined)
  const { secretFiles: _, ...options } = parse({})
  assert.deepEqual(leaves(options, '').sort(), known.map(option => option.place ?? option.key).sort())
})

test('the configuration is frozen to its leaves', () => {
  const config = parse({
    text: 'executors: { exec: { commands: { sum: { path: sha256sum, args: [-b] } } } }',
  })
  const parts: unknown[] = [config, config.http, config.seeds, config.executors.exec.commands['sum']?.args]
  for (const part of parts) assert.ok(Object.isFrozen(part))
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

test('a number that is too large in every way is one problem, and a bad name of a command is named', () => {
  const text = `
expectedNodes: 99999999999999999999
executors: { exec: { commands: { "c d": { path: sum }, ok: { path: sum, env: { "a b": secret } } } } }
`
  assert.deepEqual(
    refusal({ text }).problems.map(({ expected, got }) => [expected, got]),
    [
      ['a whole number from 1 to 10000', '100000000000000000000'],
      ['a command name of letters, digits, ".", "_" and "-"', 'the name "c d"'],
      ['a variable name', 'the name "a b"'],
    ],
  )
})

test('an unknown key is answered with the nearest known one', () => {
  assert.match(refusal({ text: 'http: { prot: 1 }' }).problems[0]?.expected ?? '', /http\.port/)
  assert.match(refusal({ text: 'port: 1' }).problems[0]?.expected ?? '', /\.port/)
  assert.match(refusal({ text: '__proto__: { x: 1 }' }).problems[0]?.expected ?? '', /known key/)
  assert.equal(({} as Record<string, unknown>)['x'], undefined)
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
