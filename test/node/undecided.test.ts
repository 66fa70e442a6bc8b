/** More nodes than expected were cut off from each other at their first start, and have taken different first lists. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { readinessOf } from '../../src/node/views.ts'
import { Cluster } from '../simulation/cluster.ts'
import type { Host } from '../simulation/world.ts'

const EXPECTED = 3

/** Of four that have found each other again, two have taken the one and two the other. A fifth, with the other, is still away. */
function undecided() {
  const seeds = [0, 1, 2, 3, 4]
  const hosts = seeds.map(() => ({ seeds }))
  const cluster = new Cluster({
    seed: 5,
    hosts,
    list: [],
    grants: { mode: 'quorum', expectedNodes: EXPECTED },
  })
  const { world } = cluster
  const [four, fifth] = [world.hosts.slice(0, 4), world.hosts[4] as Host]
  for (const [index, host] of world.hosts.entries()) {
    const names = ['n1', 'n2', 'n3', 'n4'].slice(index < 2 ? 0 : 1).map(asNodeId)
    const value = { version: 0, names, previous: undefined, fixed: true }
    host.disk.apply([{ table: 'grants', key: 'voters', value }])
    if (host !== fifth) world.start(host)
  }
  world.runUntil(10_000)
  const nodeOf = (host: Host) => cluster.nodeOf(host) ?? assert.fail(`${host.name} runs`)
  const reasons = (host: Host) => readinessOf(nodeOf(host), host.clock.at(world.now)).reasons
  return { cluster, world, four, fifth, nodeOf, reasons }
}

test('each says who took what, and the command that decides', () => {
  const { cluster, world, four, nodeOf, reasons } = undecided()
  for (const host of four) {
    const [reason, ...more] = reasons(host)
    assert.deepEqual([reason?.code, more], ['voters-undecided', []])
    const { detail = '' } = reason ?? {}
    for (const words of [
      '3 nodes must have taken the same',
      'n1, n2 took n1 n2 n3 n4',
      'n3, n4 took n2 n3 n4',
      '"roundtable voters reset NAME... --confirm simulated"',
    ])
      assert.ok(detail.includes(words), detail)
  }
  const names = ['n1', 'n2', 'n3'].map(asNodeId)
  cluster.control(four[3] as Host, { kind: 'voters-reset', names })
  world.runUntil(20_000)
  for (const host of four) assert.deepEqual([nodeOf(host).grants?.voters.names, reasons(host)], [names, []])
})

test('one that comes with the proposal that the lowest has not taken makes it the list: enough have it then', () => {
  const { world, four, fifth, nodeOf, reasons } = undecided()
  world.start(fifth)
  world.runUntil(20_000)
  const names = ['n2', 'n3', 'n4'].map(asNodeId)
  for (const host of [...four, fifth])
    assert.deepEqual([nodeOf(host).grants?.voters.names, reasons(host)], [names, []])
})
