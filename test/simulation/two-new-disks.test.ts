/**
 * Two living members came with new disks at once, as pods do whose volumes go with them. What only the former disks had
 * nobody will ever answer for: keys that both held wait, until an operator says that one of these disks is gone for good.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asRequestId, asTaskId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import type { Write } from '../../src/node/machine.ts'
import { explanationOf, readinessOf } from '../../src/node/views.ts'
import { WALL_START_MS } from './clock.ts'
import { Cluster } from './cluster.ts'
import type { Host } from './world.ts'

const HOSTS = 6
const TASKS = 8
const VOTERS = ['n1', 'n2', 'n3'].map(asNodeId)
const TWO = ['n5', 'n6']
const KEYS = Array.from({ length: 600 }, (_, number) => `key ${number}`)
const task = (number: number) => asTaskId(`t${number}`)

/** A task that is due long after all of this. */
function submit(host: Host, number: number, key: string): void {
  const limits = { maxAttempts: 3, backoffMs: 100, backoffMsMax: 1_000, timeoutMs: 1_000 }
  const runAt = wallOf(WALL_START_MS + 3_600_000)
  const spec = { id: task(number), key, type: 'echo', payload: null, priority: 1 } as const
  const request = { kind: 'submit', spec: { ...spec, ...limits, runAt } } as const
  host.process?.receive({ kind: 'request', id: asRequestId(`t${number}`), request })
}

/** All are up, and some tasks lie with these. Then all their disks are replaced. */
function replaced(seed: number, names: readonly string[] = TWO) {
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
  const holds = (key: string, node: string) => ring.preferenceList(key, 3).includes(asNodeId(node))
  const keys = KEYS.filter(key => names.every(node => holds(key, node))).slice(0, TASKS)
  assert.equal(keys.length, TASKS)
  for (const [number, key] of keys.entries()) submit(first, number, key)
  world.runUntil(15_000)
  const n6 = world.hosts.at(-1) as Host
  const former = {
    peer: n6.peer,
    writes: (['tasks', 'grants'] as const).flatMap(table =>
      [...n6.disk.rows(table)].map(([key, value]) => ({ table, key, value }) as Write),
    ),
  }
  const those = world.hosts.filter(({ name }) => names.includes(name))
  for (const host of those) {
    world.powerOff(host)
    world.wipe(host)
  }
  world.runUntil(15_500)
  for (const host of those) world.start(host)
  world.runUntil(30_000)
  const at = (host: Host) => cluster.nodeOf(host) ?? assert.fail(`${host.name} runs`)
  return { cluster, world, first, keys, n6, former, at }
}

type Scene = ReturnType<typeof replaced>

/** Keys that their owners hold back, as `key on host`. */
const withheld = ({ world, cluster }: Scene): readonly string[] =>
  world.hosts.flatMap(host => {
    const node = cluster.nodeOf(host)
    if (node === undefined) return []
    const held = KEYS.filter(
      key => node.ring.owner(key) === host.name && node.tasks.takeoverOf(key)?.complete !== true,
    )
    return held.map(key => `${key} on ${host.name}`)
  })

/** For which keys their owners say that something may have been lost, and with whom. */
const lost = ({ world, at }: Scene): ReadonlySet<string> =>
  new Set(
    world.hosts.flatMap(host =>
      KEYS.flatMap(key =>
        at(host).ring.owner(key) === host.name ? (at(host).tasks.takeoverOf(key)?.mayHaveLost ?? []) : [],
      ),
    ),
  )

/** Tasks that some living disk holds, and their owner does not know. */
const unknownToOwner = ({ world, keys, at }: Scene): readonly string[] =>
  keys.flatMap((key, number) => {
    const holders = world.hosts.filter(host => at(host).tasks.get(task(number)) !== undefined)
    const owner = world.hosts.find(({ name }) => name === at(world.hosts[0] as Host).ring.owner(key))
    return holders.length > 0 && owner !== undefined && !holders.includes(owner) ? [task(number)] : []
  })

test('keys that both held wait for ever, and living members are not forgotten', () => {
  const scene = replaced(4)
  scene.world.runUntil(60_000)
  assert.notDeepEqual(withheld(scene), [])
  scene.cluster.control(scene.first, { kind: 'forget', node: asNodeId('n6') })
  scene.world.runUntil(65_000)
  assert.notDeepEqual(withheld(scene), [])
})

const COMMAND = /n[56], n[56] came with another disk.*"roundtable forget n[56] --former-disk" to n[56]/

test('whoever asks is told whose former disks are awaited, and the command that gives them up', () => {
  const scene = replaced(4)
  const { world, first, n6, at } = scene
  const key = KEYS.find(each => withheld(scene).includes(`${each} on n6`)) ?? assert.fail('n6 waits')
  assert.match(explanationOf(at(n6), key)?.takeover?.waitsFor ?? '', COMMAND)
  const reasons = readinessOf(at(n6), n6.clock.at(world.now)).reasons
  assert.match(reasons.find(({ code }) => code === 'taking-over')?.detail ?? '', COMMAND)
  const told: string[] = []
  world.watch({
    note: () => {},
    input: () => {},
    broken: (_process, _invariant, detail) => assert.fail(detail),
    effect: (process, effect) => {
      if (process.host !== first.index || effect.kind !== 'reply' || effect.id !== 't100') return
      told.push('failure' in effect.reply ? effect.reply.failure.detail : JSON.stringify(effect.reply))
    },
  })
  submit(first, 100, key)
  world.runUntil(45_000)
  assert.equal(told.length, 1)
  assert.match(told[0] ?? '', COMMAND)
})

test('one of them is stopped and forgotten, and all is complete before it starts again', () => {
  const scene = replaced(4)
  const { cluster, world, first, n6 } = scene
  world.powerOff(n6)
  world.runUntil(40_000)
  assert.notDeepEqual(withheld(scene), [])
  cluster.control(first, { kind: 'forget', node: asNodeId('n6') })
  world.runUntil(45_000)
  assert.deepEqual(withheld(scene), [])
  world.start(n6)
  world.runUntil(60_000)
  assert.deepEqual(withheld(scene), [])
  assert.deepEqual([...lost(scene)], ['n6'])
  assert.deepEqual(unknownToOwner(scene), [])
})

test('one of them is told that its former disk is gone for good: all is complete, and it is said what that may have cost', () => {
  const scene = replaced(4)
  const { cluster, world, first, n6, at } = scene
  const elsewhere = { kind: 'forget-former-disk', node: asNodeId('n6') } as const
  cluster.control(first, elsewhere)
  world.runUntil(35_000)
  assert.notDeepEqual(withheld(scene), [], 'n1 knows nothing of the disk of n6')
  cluster.control(n6, elsewhere)
  world.runUntil(40_000)
  assert.deepEqual(withheld(scene), [])
  assert.deepEqual([...lost(scene)], ['n6'])
  for (const host of world.hosts) {
    const { gap = 0, checksums } = at(host).grants?.ledger ?? {}
    assert.ok(gap > 0, `${host.name} knows that there was a gap`)
    assert.equal(checksums?.size, 1, 'the voters have settled')
  }
  assert.deepEqual(unknownToOwner(scene), [])
  cluster.control(n6, elsewhere)
  world.runUntil(42_000)
  assert.equal(at(n6).granting.newDisk, undefined, 'nobody waits for a former one any more')
})

test('what a former disk had that comes back all the same is accepted work still', () => {
  const scene = replaced(4, ['n4', 'n5', 'n6'])
  const { cluster, world, n6, former, keys, at } = scene
  const holders = (number: number) =>
    world.hosts.filter(host => at(host).tasks.get(task(number)) !== undefined)
  for (const number of keys.keys()) assert.deepEqual(holders(number), [], 'all its disks are gone')
  for (const host of world.hosts.slice(-2)) {
    cluster.control(host, { kind: 'forget-former-disk', node: asNodeId(host.name) })
    world.runUntil(world.now + 5_000)
    if (host !== n6) assert.notDeepEqual(withheld(scene), [], 'two of three are missing still')
  }
  assert.deepEqual(withheld(scene), [])
  assert.deepEqual([...lost(scene)].sort(), TWO)
  world.powerOff(n6)
  const { boot } = n6.disk
  n6.disk.wipe()
  n6.disk.apply(former.writes)
  n6.disk.boot = boot
  n6.peer = former.peer
  world.runUntil(55_000)
  world.start(n6)
  world.runUntil(80_000)
  for (const number of keys.keys()) assert.notDeepEqual(holders(number), [])
  assert.deepEqual(unknownToOwner(scene), [])
})
