/** The files that are shipped are read by the parser that will read them, and say what they say they say. */
import assert from 'node:assert/strict'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { parse } from 'yaml'
import { createExecutors } from '../../src/adapters/executors/executors.ts'
import { readTaskList } from '../../src/adapters/system/task-list-file.ts'
import { asTaskId } from '../../src/base/ids.ts'
import type { Config } from '../../src/config/config.ts'
import { parseConfig } from '../../src/config/parse.ts'
import { defaultConfigFile, describeConfig } from '../../src/config/reference.ts'
import { tasksDefaults } from '../../src/tasks/config.ts'
import { parseTaskSpec } from '../../src/tasks/spec.ts'
import type { TaskSpec } from '../../src/tasks/task.ts'

const folder = new URL('../../configs/', import.meta.url)
const pathOf = (name: string): string => new URL(name, folder).pathname
const textOf = (name: string): string => readFileSync(new URL(name, folder), 'utf8')

const machine = { hostname: 'this-host', cores: 4 }

const { ROUNDTABLE_REWRITE } = process.env
if (ROUNDTABLE_REWRITE === '1') writeFileSync(pathOf('default.yaml'), defaultConfigFile())

test('default.yaml is the table of options, every key with its comment (ROUNDTABLE_REWRITE=1 writes it anew)', () => {
  const text = textOf('default.yaml')
  assert.equal(text, defaultConfigFile())
  for (const { key } of describeConfig()) {
    const name = key.split('.').at(-1)
    assert.match(text, new RegExp(`# .*\n *(?:# )?${name}:`), key)
  }
})

test('default.yaml changes nothing: with it the configuration is what it is without', () => {
  assert.deepEqual(parseConfig({ machine, file: pathOf('default.yaml') }), parseConfig({ machine }))
})

/** The nodes of local-cluster.yaml as its own comment starts them. */
function localNodes(): readonly Config[] {
  return [1, 2, 3, 4, 5, 6, 7, 8].map(i =>
    parseConfig({
      machine,
      file: pathOf('local-cluster.yaml'),
      flags: {
        'node-id': `n${i}`,
        'transport-port': `1700${i}`,
        'http-port': `1800${i}`,
        'data-dir': `/tmp/n${i}`,
      },
    }),
  )
}

test('local-cluster.yaml lets several nodes run beside each other, reachable from this machine alone', () => {
  const nodes = localNodes()
  const listeners = nodes.flatMap(({ transport, http }) => [transport.port, http.port])
  assert.equal(new Set(listeners).size, listeners.length)
  for (const { transport, http, seeds, taskLists } of nodes) {
    assert.equal(transport.host, '127.0.0.1')
    assert.equal(http.host, '127.0.0.1')
    const first = nodes.slice(0, 3).map(node => `127.0.0.1:${node.transport.port}`)
    assert.deepEqual(seeds, first)
    for (const { path } of taskLists) assert.ok(statSync(path).isFile())
  }
})

test('local-cluster.yaml shows the command lines that it is used with', () => {
  const text = textOf('local-cluster.yaml')
  for (const part of [
    '--config configs/local-cluster.yaml',
    '--listen 127.0.0.1:1700$i',
    '--http 127.0.0.1:1800$i',
  ]) {
    assert.ok(text.includes(part), part)
  }
})

interface Service {
  readonly image: string
  readonly hostname: string
  readonly environment: Readonly<Record<string, string>>
  readonly volumes: readonly string[]
  readonly healthcheck: { readonly test: readonly string[] }
  readonly stop_grace_period: string
}

const compose = parse(textOf('compose.yaml'), { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>
  readonly volumes: Readonly<Record<string, unknown>>
}

/** What the daemon of a service makes of the image's environment and its own. */
function configOf(service: Pick<Service, 'hostname' | 'environment'>): Config {
  const image = Object.fromEntries(
    [...readFileSync(new URL('../Dockerfile', folder), 'utf8').matchAll(/\b(ROUNDTABLE_\w+)=(\S+)/g)].map(
      ([, name, value]) => [name, value],
    ),
  )
  const env = { ...image, ...service.environment }
  return parseConfig({ machine: { ...machine, hostname: service.hostname }, env })
}

test('compose.yaml has eight nodes that differ in name and disk and in nothing else', () => {
  const services = Object.entries(compose.services)
  assert.equal(services.length, 8)
  assert.equal(new Set(services.map(([, { volumes }]) => volumes[0])).size, 8)
  const [first] = services.map(([, service]) => configOf(service))
  for (const [name, service] of services) {
    const config = configOf(service)
    assert.equal(config.nodeId, name)
    assert.deepEqual({ ...config, nodeId: first?.nodeId }, first)
    assert.equal(service.image, 'roundtable')
  }
})

test('in compose.yaml what a node needs is there: seeds, volumes, list, time to leave', () => {
  for (const service of Object.values(compose.services)) {
    const config = configOf(service)
    for (const seed of config.seeds) {
      assert.ok(compose.services[seed.split(':')[0] ?? ''], seed)
      assert.equal(seed.split(':')[1], String(config.transport.port))
    }
    const mounts = service.volumes.map(volume => volume.split(':'))
    const disk = mounts.find(([, target]) => target === config.dataDir)?.[0]
    assert.ok(disk !== undefined && disk in compose.volumes)
    for (const { path } of config.taskLists) {
      const source = mounts.find(([, target]) => target === path)?.[0]
      assert.ok(source !== undefined && statSync(pathOf(source)).isFile(), path)
    }
    const graceMs = Number(/^(\d+)s$/.exec(service.stop_grace_period)?.[1]) * 1_000
    assert.ok(graceMs > config.leaveMs, `${graceMs} ms of grace for a leave of ${config.leaveMs} ms`)
  }
})

test('the image leaves within the ten seconds that docker stop grants', () => {
  const leaveMs = configOf({ hostname: 'any', environment: {} }).leaveMs
  assert.ok(leaveMs <= 8_000, `${leaveMs} ms`)
})

test('the shipped clusters run in quorum mode, with as many voters as nodes', () => {
  const composed = Object.values(compose.services).map(configOf)
  for (const nodes of [localNodes(), composed]) {
    for (const { grants } of nodes) {
      assert.equal(grants.mode, 'quorum')
      assert.equal(grants.expectedNodes, nodes.length)
    }
  }
})

test('no shipped file puts the data beside itself', () => {
  for (const name of ['default.yaml', 'local-cluster.yaml'])
    assert.equal(parseConfig({ machine, file: pathOf(name) }).dataDir, parseConfig({ machine }).dataDir, name)
})

test('image and compose file ask the same question about health', () => {
  const dockerfile = readFileSync(new URL('../Dockerfile', folder), 'utf8')
  const command = JSON.parse(/HEALTHCHECK .* CMD (\[.*\])/.exec(dockerfile)?.[1] ?? 'null')
  for (const { healthcheck } of Object.values(compose.services)) {
    assert.deepEqual(healthcheck.test, ['CMD', ...command])
  }
})

const example = { path: pathOf('tasks.example.yaml'), allowInvalid: false }

test('every task of tasks.example.yaml is one that a node of the shipped configurations takes', async () => {
  const { specs, problemCount } = await readTaskList(example, tasksDefaults(2))
  assert.equal(problemCount, 0)
  assert.equal(new Set(specs.map(({ id }) => id)).size, specs.length)
  assert.deepEqual([...new Set(specs.map(({ type }) => type))].sort(), ['compute', 'echo', 'unreliable'])
  assert.deepEqual(await refusals(specs), [])
})

test('the command shown in tasks.example.yaml is one that local-cluster.yaml allows', async () => {
  const shown = textOf('tasks.example.yaml').match(/^# - id: (?:.*\n# {3}.*)+/m)?.[0] ?? ''
  const [entry] = parse(shown.replaceAll(/^# /gm, '')) as [unknown]
  const parsed = parseTaskSpec(entry, tasksDefaults(2), () => asTaskId('made'))
  assert.ok(parsed.ok, JSON.stringify(parsed))
  assert.equal(parsed.spec.type, 'exec')
  assert.deepEqual(await refusals([parsed.spec]), [])
})

/** What the executors of a local node say against these tasks. */
async function refusals(specs: readonly TaskSpec[]): Promise<readonly unknown[]> {
  const [node] = localNodes()
  assert.ok(node)
  const executors = createExecutors({ config: node.executors, logger: { log: () => {} } })
  try {
    return specs
      .map(({ type, payload }) => executors.check(type, payload))
      .filter(refusal => refusal !== undefined)
  } finally {
    await executors.stop()
  }
}
