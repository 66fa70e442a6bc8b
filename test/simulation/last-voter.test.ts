/**
 * Two machines of three are gone for good, and the third is all that is left to vote: it takes over what the others owned, as an
 * operator who resets the voters must be able to rely on.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { Cluster } from './cluster.ts'
import type { Host } from './world.ts'

/** @param end of the second and the third host, at 10 s */
function lastOfThree(end: (world: Cluster['world'], host: Host) => void) {
  const hosts = [0, 1, 2].map(() => ({ seeds: [0, 1, 2] }))
  const cluster = new Cluster({ seed: 3, hosts, list: [], grants: { mode: 'quorum', expectedNodes: 3 } })
  const { world } = cluster
  for (const host of world.hosts) world.start(host)
  world.runUntil(10_000)
  const [first, ...others] = world.hosts as [Host, Host, Host]
  const node = cluster.nodeOf(first) ?? assert.fail('n1 runs')
  assert.equal(node.ring.members.length, 3)
  for (const host of others) end(world, host)
  world.runUntil(30_000)
  assert.equal(node.grants?.hasLease(first.clock.at(world.now)), false)
  assert.equal(node.ring.members.length, 3, 'without a lease it takes nobody out of the ring')
  cluster.control(first, { kind: 'voters-reset', names: [asNodeId('n1')] })
  world.runUntil(50_000)
  assert.equal(node.grants?.hasLease(first.clock.at(world.now)), true)
  const alive = node.membership.roster.living().map(({ record }) => record.id)
  for (const name of ['n2', 'n3']) cluster.control(first, { kind: 'forget', node: asNodeId(name) })
  world.runUntil(50_100)
  const forgotten = ['n2', 'n3'].map(name => node.membership.roster.get(asNodeId(name))?.record.forgotten)
  return { alive, ring: node.ring.members.map(({ id }) => id), forgotten }
}

const TAKEN_OVER = { alive: ['n1'], ring: ['n1'], forgotten: [true, true] }

test('the last voter takes over from machines that went without a word', () => {
  assert.deepEqual(
    lastOfThree((world, host) => world.powerOff(host)),
    TAKEN_OVER,
  )
})

test('the last voter takes over from processes that were seen to end', () => {
  assert.deepEqual(
    lastOfThree((world, host) => world.crash(host)),
    TAKEN_OVER,
  )
})
