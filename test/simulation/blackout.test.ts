/**
 * A rack loses its power, host by host and then all at once, and gets it back: every host starts in the same moment and
 * passes many rings before it is whole again. Whoever owns a key must still learn under which ring it was written before.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asRequestId, asTaskId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import { WALL_START_MS } from './clock.ts'
import { Cluster } from './cluster.ts'
import type { Host } from './world.ts'

const HOSTS = 8
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

/** Eight hosts with tasks; two go one after the other, then all; `at` is when all of them start again. */
function blackout(seed: number): { cluster: Cluster; at: number } {
  const everyone = Array.from({ length: HOSTS }, (_, index) => index)
  const hosts = everyone.map(() => ({ seeds: [0, 1, 2] }))
  const cluster = new Cluster({ seed, hosts, list: [], grants: { mode: 'quorum', expectedNodes: HOSTS } })
  const { world } = cluster
  for (const from of everyone)
    for (const to of everyone) if (from !== to) world.paths.setDelay(from, to, 0.5, 2)
  for (const host of world.hosts) world.start(host)
  world.runUntil(15_000)
  for (let number = 0; number < KEYS; number++) submit(world.hosts[number % HOSTS] as Host, number)
  world.runUntil(25_000)
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

test('after the power comes back every key of every node is complete', () => {
  const { cluster, at } = blackout(5)
  const { world } = cluster
  world.runUntil(at + 15_000)
  for (const host of world.hosts) {
    const node = cluster.nodeOf(host)
    assert.ok(node !== undefined, `${host.name} runs`)
    for (let number = 0; number < KEYS; number++) {
      if (node.ring.owner(key(number)) !== host.name) continue
      assert.equal(node.tasks.takeoverOf(key(number))?.complete, true, `${key(number)} on ${host.name}`)
    }
  }
})
