/**
 * In available mode a member comes with a new disk before anybody has found the one before it dead, as a container does that is
 * moved to another host without its volume. No ring changes, so nothing but its key says that its copies are gone.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asRequestId, asTaskId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import { WALL_START_MS } from './clock.ts'
import { Cluster } from './cluster.ts'
import type { Host } from './world.ts'

const HOSTS = 4
const TASKS = 40
/** Less than a silence takes to become a verdict. */
const AWAY_MS = 1_700

test('a member that was replaced before it was found dead holds its copies again', () => {
  const everyone = Array.from({ length: HOSTS }, (_, index) => index)
  const cluster = new Cluster({ seed: 3, hosts: everyone.map(() => ({ seeds: [0, 1] })), list: [] })
  const { world } = cluster
  for (const from of everyone)
    for (const to of everyone) if (from !== to) world.paths.setDelay(from, to, 0.5, 2)
  for (const host of world.hosts) world.start(host)
  world.runUntil(10_000)
  const [first] = world.hosts as [Host]
  const last = world.hosts.at(-1) as Host
  const limits = { maxAttempts: 3, backoffMs: 100, backoffMsMax: 1_000, timeoutMs: 1_000 }
  const runAt = wallOf(WALL_START_MS + 3_600_000)
  for (let number = 0; number < TASKS; number++) {
    const id = asTaskId(`t${number}`)
    const spec = { id, key: id, type: 'echo', payload: null, priority: 1, ...limits, runAt } as const
    first.process?.receive({ kind: 'request', id: asRequestId(id), request: { kind: 'submit', spec } })
  }
  world.runUntil(15_000)
  const { ring } = cluster.nodeOf(first) ?? assert.fail('n1 runs')
  assert.equal(ring.members.length, HOSTS)
  const held = Array.from({ length: TASKS }, (_, number) => `t${number}`).filter(key =>
    ring.preferenceList(key, 3).includes(asNodeId(last.name)),
  )
  const missing = () => held.filter(key => !last.disk.rows('tasks').has(key))
  assert.ok(held.length > TASKS / 2 && missing().length === 0)
  const rings = new Set<string>()
  world.watch({
    note: () => {},
    input: () => {},
    broken: (_process, _invariant, detail) => assert.fail(detail),
    effect: ({ host }) => {
      const node = host === last.index ? undefined : cluster.nodeOf(world.hosts[host] as Host)
      if (node !== undefined) rings.add(node.ring.checksum)
    },
  })
  world.powerOff(last)
  world.wipe(last)
  world.runUntil(15_000 + AWAY_MS)
  world.start(last)
  world.runUntil(30_000)
  assert.deepEqual([...rings], [ring.checksum], 'nobody found it dead')
  assert.deepEqual(missing(), [])
})
