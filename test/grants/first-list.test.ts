/** How the first list comes about while those who took a proposal lose their disks, one after the other. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeId } from '../../src/base/ids.ts'
import { VoterWorld } from './voter-world.ts'

const [P, Q] = [0, 1]

/** Puts the nodes named on one side, shows them each other and those `besides`, of whom they hear nothing. */
function side(world: VoterWorld, number: number, names: string, besides = ''): void {
  for (const id of names) world.sides.set(id as NodeId, number)
  const live = new Set([...names, ...besides] as NodeId[])
  for (const id of names) world.look(id as NodeId, live)
}

const listsOf = (world: VoterWorld, names: string) =>
  [...names].map(id => {
    const list = world.machine(id as NodeId).disk.voters
    return list === undefined ? '-' : `${list.version} ${list.names.join('')}`
  })

test('a word of before counts for no first list: who said it lost its disk since and votes in another', () => {
  const world = new VoterWorld(1, [...'abcdefgh'], { expectedNodes: 5 })
  const start = (names: string) => [...names].map(id => world.start(id as NodeId))
  const lose = (id: string) => {
    world.crash(id as NodeId)
    world.wipe(id as NodeId)
    start(id)
  }
  start('abcd')
  side(world, P, 'abcd', 'e')
  world.runUntil(2_000)
  assert.deepEqual(listsOf(world, 'abcde'), ['0 abcde', '0 abcde', '0 abcde', '0 abcde', '-'])
  // d comes back to those who know nothing of it; the others see it still.
  lose('d')
  start('efgh')
  side(world, Q, 'defgh')
  world.runUntil(10_000)
  assert.deepEqual(new Set(listsOf(world, 'defgh')), new Set(['1 defgh']))
  assert.ok(world.acting(world.machine('f' as NodeId)), 'the list is in force, and d knows its top again')
  lose('e')
  side(world, Q, 'dfgh')
  side(world, P, 'abce', 'd')
  world.runUntil(16_000)
  assert.ok(world.acting(world.machine('f' as NodeId)))
  assert.equal(world.acting(world.machine('a' as NodeId)), undefined)
  assert.deepEqual(new Set(listsOf(world, 'abce')), new Set(['0 abcde']))
  // Nothing is lost by that: the list that stands is everybody's when they meet.
  side(world, P, 'abcdefgh')
  world.runUntil(24_000)
  assert.deepEqual(new Set(listsOf(world, 'abcdefgh')), new Set(['1 defgh']))
  assert.ok(world.acting(world.machine('a' as NodeId)))
})
