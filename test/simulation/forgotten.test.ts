/**
 * Three hosts of seven are gone for good, as an operator believes, and are forgotten: what only they had is given up, and the
 * voters settle without it. Then one of them comes back, with its disk. What it has was accepted, and nobody ever answered for
 * it: that all the others do not know it says nothing.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asRequestId, asTaskId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import { WALL_START_MS } from './clock.ts'
import { Cluster } from './cluster.ts'
import type { Host } from './world.ts'

const HOSTS = 7
const TASKS = 12
const VOTERS = ['n1', 'n2', 'n3'].map(asNodeId)
const GONE = ['n5', 'n6', 'n7']
const task = (number: number) => asTaskId(`t${number}`)
/** A task that is due long after all of this. */
function submit(host: Host, number: number, key: string): void {
  const limits = { maxAttempts: 3, backoffMs: 100, backoffMsMax: 1_000, timeoutMs: 1_000 }
  const runAt = wallOf(WALL_START_MS + 3_600_000)
  const spec = { id: task(number), key, type: 'echo', payload: null, priority: 1 } as const
  const request = { kind: 'submit', spec: { ...spec, ...limits, runAt } } as const
  host.process?.receive({ kind: 'request', id: asRequestId(`t${number}`), request })
}

/** All are up, and some tasks lie with those three only that are about to go. Returns their keys. */
function filled(seed: number) {
  const everyone = Array.from({ length: HOSTS }, (_, index) => index)
  const hosts = everyone.map(() => ({ seeds: [0, 1, 2] }))
  const cluster = new Cluster({ seed, hosts, list: [], grants: { mode: 'quorum', voters: VOTERS } })
  const { world } = cluster
  for (const from of everyone)
    for (const to of everyone) if (from !== to) world.paths.setDelay(from, to, 0.5, 2)
  for (const host of world.hosts) world.start(host)
  world.runUntil(10_000)
  const [first] = world.hosts as [Host]
  const { ring } = cluster.nodeOf(first) ?? assert.fail('n1 runs')
  assert.equal(ring.members.length, HOSTS)
  const keys = Array.from({ length: 20_000 }, (_, i) => `key ${i}`)
    .filter(key => ring.preferenceList(key, 3).every(node => GONE.includes(node)))
    .slice(0, TASKS)
  assert.equal(keys.length, TASKS)
  for (const [number, key] of keys.entries()) submit(first, number, key)
  world.runUntil(15_000)
  return { cluster, world, first, keys, gone: world.hosts.filter(({ name }) => GONE.includes(name)) }
}

/** Who has it, of those that run. */
const holdersOf = ({ world, nodeOf }: Has, number: number): readonly string[] =>
  world.hosts.filter(host => nodeOf(host)?.tasks.get(task(number)) !== undefined).map(({ name }) => name)

interface Has {
  readonly world: Cluster['world']
  readonly nodeOf: (host: Host) => ReturnType<Cluster['nodeOf']>
}

test('what only the forgotten had is accepted work still when one of them comes back', () => {
  const { cluster, world, first, keys, gone } = filled(4)
  const has = { world, nodeOf: (host: Host) => cluster.nodeOf(host) }
  for (const number of keys.keys()) assert.deepEqual(holdersOf(has, number), GONE)
  for (const host of gone) world.powerOff(host)
  world.runUntil(25_000)
  for (const name of GONE) cluster.control(first, { kind: 'forget', node: asNodeId(name) })
  world.runUntil(35_000)
  assert.equal(
    cluster.nodeOf(first)?.grants?.ledger.checksums.size,
    1,
    'the voters have settled without them',
  )
  world.start(gone[1] as Host)
  world.runUntil(50_000)
  const ring = cluster.nodeOf(first)?.ring
  assert.equal(ring?.members.length, 5)
  for (const [number, key] of keys.entries()) {
    const owner = ring?.owner(key) ?? ''
    assert.ok(holdersOf(has, number).includes(owner), `${task(number)} is with its owner ${owner}`)
  }
})
