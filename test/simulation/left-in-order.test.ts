/**
 * Where no quorum of voters knows of every ring under which something was accepted, all known members must answer but one, whoever holds
 * what. So a member that is told to leave then waits until they have: gone at once, since no note names it any more, it would be missing
 * for good beside the first disk that is lost. And those that left before, when nobody needed them, are none of these members.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { NOTES_MAX } from '../../src/grants/messages.ts'
import { Cluster } from './cluster.ts'
import type { Host } from './world.ts'

const HOSTS = 7
const VOTERS = ['n1', 'n2', 'n3'].map(asNodeId)
const KEYS = Array.from({ length: 300 }, (_, number) => `key ${number}`)

type FiveHosts = [Host, Host, Host, Host, Host]

/** All are up. */
function started() {
  const everyone = Array.from({ length: HOSTS }, (_, index) => index)
  const hosts = everyone.map(() => ({ seeds: [0, 1, 2] }))
  const cluster = new Cluster({ seed: 3, hosts, list: [], grants: { mode: 'quorum', voters: VOTERS } })
  const { world } = cluster
  for (const from of everyone)
    for (const to of everyone) if (from !== to) world.paths.setDelay(from, to, 0.5, 2)
  for (const host of world.hosts) world.start(host)
  world.runUntil(10_000)
  const [n1, n4, n5, n6, n7] = [1, 4, 5, 6, 7].map(number => world.host(`n${number}`)) as FiveHosts
  return { cluster, world, n1, n4, n5, n6, n7, pass: (ms: number) => world.runUntil(world.now + ms) }
}

type Scene = ReturnType<typeof started>

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

test('who leaves after the voters had notes of too many rings waits for the answers of the others', () => {
  const scene = started()
  const { cluster, world, n1, n4, n5, n6, pass } = scene
  for (const host of [n4, n5]) world.crash(host)
  pass(5_000)
  cluster.control(n6, { kind: 'cordon' })
  for (let weight = 2; weight < 2 + NOTES_MAX; weight++) {
    pass(2_000)
    cluster.control(n1, { kind: 'weight', weight })
  }
  pass(2_000)
  const { ledger } = cluster.nodeOf(n6)?.grants ?? assert.fail('n6 runs')
  const named = [...ledger.checksums].filter(ring =>
    cluster.nodeOf(n6)?.grants?.ring(ring)?.has(asNodeId('n6')),
  )
  assert.deepEqual(named, [], 'the large rings were dropped first')
  assert.notDeepEqual(withheld(scene), [])
  world.leave(n6, 15_000)
  pass(5_000)
  assert.equal(n6.left, false)
  world.wipe(n4)
  for (const host of [n4, n5]) world.start(host)
  pass(8_000)
  assert.equal(n6.left, true, 'before its deadline: nobody needs it any more')
  assert.deepEqual(withheld(scene), [])
})

for (const how of ['at once', 'when all they had was elsewhere'])
  test(`nobody waits for members that left in good order, ${how}, when a member dies as the voter list changes`, () => {
    const scene = started()
    const { cluster, world, n1, n5, n6, n7, pass } = scene
    if (how !== 'at once') for (const host of [n6, n7]) cluster.control(host, { kind: 'cordon' })
    pass(5_000)
    for (const host of [n6, n7]) world.leave(host, 15_000)
    pass(10_000)
    assert.ok(n6.left && n7.left)
    cluster.control(n1, { kind: 'voter-add', node: asNodeId('n4') })
    pass(100)
    world.crash(n5)
    pass(15_000)
    assert.equal(cluster.nodeOf(n1)?.grants?.ledger.checksums.size, 1, 'the voters have settled')
    assert.deepEqual(withheld(scene), [])
  })
