/** What the nodes of a small cluster on virtual time tell each other of themselves, and what is made of it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import type { Node } from '../../src/node/node.ts'
import { PLACEMENTS } from '../../src/tasks/task.ts'
import { TRUE_CLOCK } from '../simulation/clock.ts'
import { Cluster } from '../simulation/cluster.ts'
import type { Host } from '../simulation/world.ts'

const TYPES: Readonly<Record<string, readonly string[]>> = {
  n1: ['echo'],
  n2: ['echo', 'exec'],
  n3: ['exec'],
}

function started() {
  const seeds = [0, 1, 2]
  const cluster = new Cluster({
    seed: 9,
    hosts: seeds.map(() => ({ clock: TRUE_CLOCK, seeds })),
    list: [],
    grants: { mode: 'quorum', expectedNodes: 3 },
    bornWith: host => ({ types: TYPES[host.name] ?? [] }),
  })
  const { world } = cluster
  for (const host of world.hosts) world.start(host)
  world.runUntil(5_000)
  const hosts = world.hosts as [Host, Host, Host]
  const nodeOf = (host: Host): Node => {
    const node = cluster.nodeOf(host)
    assert.ok(node, `${host.name} runs`)
    return node
  }
  const run = (ms: number) => world.runUntil(world.now + ms)
  return { world, hosts, nodeOf, run }
}

test('heartbeats tell load, slots, CPU, memory and executors, and this node knows its own at once', () => {
  const { hosts, nodeOf, run } = started()
  const [n1, n2] = hosts
  n2.process?.receive({ kind: 'vitals', vitals: { cpu: 0.75, memory: 0.5 } })
  run(2_500)
  const [own, other, third] = nodeOf(n1).crowd.candidates()
  assert.deepEqual([own?.id, own?.types, own?.slots, own?.cpu], ['n1', ['echo'], 2, undefined])
  assert.deepEqual([other?.id, other?.types, other?.cpu, other?.memory], ['n2', ['echo', 'exec'], 0.75, 0.5])
  assert.deepEqual([third?.id, third?.running, third?.queued], ['n3', 0, 0])
  assert.deepEqual(nodeOf(n1).crowd.serving('exec'), ['n2', 'n3'])
  assert.deepEqual(nodeOf(n1).crowd.serving('echo'), ['n1', 'n2'])
  assert.deepEqual(nodeOf(n1).crowd.serving('http'), [])
})

test('an id that a node makes for a task belongs to one that can run it, by any rule', () => {
  const { hosts, nodeOf } = started()
  const node = nodeOf(hosts[0])
  const now = hosts[0].clock.at(5_000)
  for (const placement of PLACEMENTS) {
    const owners = Array.from({ length: 12 }, () =>
      node.ring.owner(node.newTaskId(now, { type: 'exec', placement })),
    )
    assert.deepEqual([...new Set(owners)].sort(), ['n2', 'n3'], placement)
  }
  const plain = new Set(Array.from({ length: 60 }, () => node.ring.owner(node.newTaskId(now))))
  assert.equal(plain.size, 3)
})

test('a crash is told from silence, and only while the member is gone', () => {
  const { world, hosts, nodeOf, run } = started()
  const [n1, n2, n3] = hosts
  const sawEnd = (): boolean => nodeOf(n1).crowd.sawEnd(asNodeId('n2'))
  assert.equal(sawEnd(), false)
  world.crash(n2)
  run(3_000)
  assert.equal(sawEnd(), true)
  world.start(n2)
  run(6_000)
  assert.equal(sawEnd(), false)
  world.freeze(n2, 20_000)
  run(8_000)
  assert.equal(nodeOf(n3).membership.roster.get(asNodeId('n2'))?.record.status, 'dead')
  assert.equal(sawEnd(), false)
})
