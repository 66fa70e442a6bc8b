/**
 * A voter was away while the others settled without it, and so has a note of a ring that is long over, of members that have left
 * since, or of disks that were replaced since. What these had lies elsewhere by now, as a quorum knows. So nobody waits for them
 * when the voter is back.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { Cluster } from './cluster.ts'

const HOSTS = 7
const VOTERS = ['n1', 'n2', 'n3'].map(asNodeId)
const KEYS = Array.from({ length: 300 }, (_, number) => `key ${number}`)

/** All are up, and then the third voter is not. */
function withoutVoter() {
  const everyone = Array.from({ length: HOSTS }, (_, index) => index)
  const hosts = everyone.map(() => ({ seeds: [0, 1, 2] }))
  const cluster = new Cluster({ seed: 5, hosts, list: [], grants: { mode: 'quorum', voters: VOTERS } })
  const { world } = cluster
  for (const from of everyone)
    for (const to of everyone) if (from !== to) world.paths.setDelay(from, to, 0.5, 2)
  for (const host of world.hosts) world.start(host)
  world.runUntil(10_000)
  const voter = world.host('n3')
  world.crash(voter)
  world.runUntil(20_000)
  return { cluster, world, voter }
}

type Scene = ReturnType<typeof withoutVoter>

/** What owners hold back, and for whom. */
function withheld({ cluster, world }: Scene): readonly string[] {
  const waits = world.hosts.flatMap(host => {
    const node = cluster.nodeOf(host)
    const held = KEYS.filter(key => node?.ring.owner(key) === host.name).flatMap(key => {
      const takeover = node?.tasks.takeoverOf(key)
      return takeover === undefined || takeover.complete ? [] : [`${host.name}: ${takeover.waitsFor}`]
    })
    return held
  })
  return [...new Set(waits)]
}

/** Of how many rings each voter that is up has a note. */
const notes = ({ cluster, world }: Scene): readonly (number | undefined)[] =>
  VOTERS.map(name => cluster.nodeOf(world.host(name))?.grants?.counters()['notes'])

/** What it takes over takes longer than it grants nothing after its start: two members hear of it, and cannot be asked yet. */
function comeBack(scene: Scene): void {
  const { world, voter } = scene
  assert.deepEqual(withheld(scene), [])
  assert.deepEqual(notes(scene), [1, 1, undefined], 'the others have settled')
  const late = [world.host('n4'), world.host('n5')]
  for (const host of late) world.cut(voter, host)
  world.start(voter)
  world.runUntil(world.now + 5_000)
  assert.notDeepEqual(withheld(scene), [], 'it waits for these two')
  for (const host of late) world.heal(voter, host)
  world.runUntil(world.now + 20_000)
  assert.deepEqual(withheld(scene), [])
  assert.deepEqual(notes(scene), [1, 1, 1])
}

test('nobody waits for members that have left since, when a voter is back that knows of them only', () => {
  const scene = withoutVoter()
  for (const name of ['n6', 'n7']) {
    scene.world.leave(scene.world.host(name), 8_000)
    scene.world.runUntil(scene.world.now + 10_000)
    assert.equal(scene.world.host(name).left, true)
  }
  comeBack(scene)
})

test('nor for the former disks of two members that got new ones meanwhile, one after the other', () => {
  const scene = withoutVoter()
  const { world } = scene
  for (const host of ['n6', 'n7'].map(name => world.host(name))) {
    world.powerOff(host)
    world.wipe(host)
    world.start(host)
    world.runUntil(world.now + 15_000)
    assert.deepEqual(withheld(scene), [])
    assert.deepEqual(notes(scene), [1, 1, undefined], 'the others have settled')
  }
  comeBack(scene)
})
