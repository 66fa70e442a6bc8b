/**
 * The ring changes so often while two members are down that the voters drop their notes of the large rings. Nobody knows then of every ring
 * under which something was accepted, so all known members must answer but one, whoever holds what. A member that is told to leave
 * meanwhile waits until they have: gone at once, as no note names it any more, it would be missing for good beside the first disk that is lost.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { NOTES_MAX } from '../../src/grants/messages.ts'
import { Cluster } from './cluster.ts'

const HOSTS = 6
const VOTERS = ['n1', 'n2', 'n3'].map(asNodeId)
const KEYS = Array.from({ length: 300 }, (_, number) => `key ${number}`)

/** All are up, then two crash at once, and one is cordoned. Voters that have notes of too many rings know of none that it was in. */
function overflowed() {
  const everyone = Array.from({ length: HOSTS }, (_, index) => index)
  const hosts = everyone.map(() => ({ seeds: [0, 1, 2] }))
  const cluster = new Cluster({ seed: 3, hosts, list: [], grants: { mode: 'quorum', voters: VOTERS } })
  const { world } = cluster
  for (const from of everyone)
    for (const to of everyone) if (from !== to) world.paths.setDelay(from, to, 0.5, 2)
  for (const host of world.hosts) world.start(host)
  world.runUntil(10_000)
  const down = ['n4', 'n5'].map(name => world.host(name))
  for (const host of down) world.crash(host)
  world.runUntil(15_000)
  const [leaver, other] = ['n6', 'n1'].map(name => world.host(name))
  assert.ok(leaver && other)
  cluster.control(leaver, { kind: 'cordon' })
  for (let weight = 2; weight < 2 + NOTES_MAX; weight++) {
    world.runUntil(world.now + 2_000)
    cluster.control(other, { kind: 'weight', weight })
  }
  world.runUntil(world.now + 2_000)
  return { cluster, world, down, leaver }
}

type Scene = ReturnType<typeof overflowed>

/** What owners hold back, and for whom. */
function withheld({ cluster, world }: Scene): readonly string[] {
  const waits = world.hosts.flatMap(host => {
    const node = cluster.nodeOf(host)
    return KEYS.filter(key => node?.ring.owner(key) === host.name).flatMap(key => {
      const takeover = node?.tasks.takeoverOf(key)
      return takeover === undefined || takeover.complete ? [] : [`${host.name}: ${takeover.waitsFor}`]
    })
  })
  return [...new Set(waits)]
}

test('who leaves while no quorum of voters knows of every ring waits for the answers of the others', () => {
  const scene = overflowed()
  const { cluster, world, down, leaver } = scene
  const { ledger } = cluster.nodeOf(leaver)?.grants ?? {}
  assert.ok(ledger)
  for (const checksum of ledger.checksums)
    assert.equal(cluster.nodeOf(leaver)?.grants?.ring(checksum)?.has(asNodeId('n6')), false)
  assert.notDeepEqual(withheld(scene), [])
  world.leave(leaver, 15_000)
  world.runUntil(world.now + 5_000)
  assert.equal(leaver.left, false)
  const [lost] = down
  assert.ok(lost)
  world.wipe(lost)
  for (const host of down) world.start(host)
  world.runUntil(world.now + 8_000)
  assert.equal(leaver.left, true, 'before its deadline, as it is not needed any more')
  assert.deepEqual(withheld(scene), [])
})
