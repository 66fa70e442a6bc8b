/**
 * A rack loses its power, host by host and then all at once, and gets it back: every host starts in the same moment and
 * passes many rings before it is whole again. Whoever owns a key must still learn under which ring it was written before.
 * And where two hosts never come back, no roster has them, but what the voters noted does: they can be given up by name.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asRequestId, asTaskId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import { WALL_START_MS } from './clock.ts'
import { Cluster } from './cluster.ts'
import type { Host } from './world.ts'

const KEYS = 24
const key = (number: number): string => `key ${number}`

function submit(host: Host, number: number): void {
  const limits = { maxAttempts: 3, backoffMs: 100, backoffMsMax: 1_000, timeoutMs: 1_000 }
  const runAt = wallOf(WALL_START_MS + 3_600_000)
  const task = {
    id: asTaskId(`t${number}`),
    key: key(number),
    type: 'echo',
    payload: null,
    priority: 1,
  } as const
  const request = { kind: 'submit', spec: { ...task, ...limits, runAt } } as const
  host.process?.receive({ kind: 'request', id: asRequestId(`t${number}`), request })
}

/** Hosts with tasks. */
function running(seed: number, count: number): Cluster {
  const everyone = Array.from({ length: count }, (_, index) => index)
  const hosts = everyone.map(() => ({ seeds: [0, 1, 2] }))
  const cluster = new Cluster({ seed, hosts, list: [], grants: { mode: 'quorum', expectedNodes: count } })
  const { world } = cluster
  for (const from of everyone)
    for (const to of everyone) if (from !== to) world.paths.setDelay(from, to, 0.5, 2)
  for (const host of world.hosts) world.start(host)
  world.runUntil(15_000)
  for (let number = 0; number < KEYS; number++) submit(world.hosts[number % count] as Host, number)
  world.runUntil(25_000)
  return cluster
}

/** Eight hosts with tasks; two go one after the other, then all; `at` is when all of them start again. */
function blackout(seed: number): { cluster: Cluster; at: number } {
  const cluster = running(seed, 8)
  const { world } = cluster
  let at = 25_000
  for (const host of world.hosts.slice(-2)) {
    world.powerOff(host)
    at += 3_000
    world.runUntil(at)
  }
  for (const host of world.hosts) if (host.process) world.powerOff(host)
  at += 5_000
  world.runUntil(at)
  for (const host of world.hosts) world.start(host)
  return { cluster, at }
}

/** Keys that their owners hold back, as `key on host`. */
function withheld(cluster: Cluster): readonly string[] {
  return cluster.world.hosts.flatMap(host => {
    const node = cluster.nodeOf(host)
    if (node === undefined) return []
    const keys = Array.from({ length: KEYS }, (_, number) => key(number))
    const held = keys.filter(
      each => node.ring.owner(each) === host.name && node.tasks.takeoverOf(each)?.complete !== true,
    )
    return held.map(each => `${each} on ${host.name}`)
  })
}

test('after the power comes back every key of every node is complete', () => {
  const { cluster, at } = blackout(5)
  const { world } = cluster
  world.runUntil(at + 15_000)
  for (const host of world.hosts) assert.ok(cluster.nodeOf(host) !== undefined, `${host.name} runs`)
  assert.deepEqual(withheld(cluster), [])
})

test('two that never come back, and that no roster has after the power cut, can be forgotten', () => {
  const cluster = running(3, 5)
  const { world } = cluster
  for (const host of world.hosts) world.powerOff(host)
  world.runUntil(30_000)
  for (const host of world.hosts.slice(0, 3)) world.start(host)
  world.runUntil(45_000)
  assert.notDeepEqual(withheld(cluster), [], 'n4 and n5 may have what nobody else has')
  const [first] = world.hosts
  for (const name of ['n4', 'n5']) cluster.control(first as Host, { kind: 'forget', node: asNodeId(name) })
  world.runUntil(50_000)
  assert.deepEqual(withheld(cluster), [])
})
