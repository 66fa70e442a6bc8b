import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { instantOf, wallOf } from '../../src/base/time.ts'
import { Circle, OBSERVERS_MAX } from '../../src/membership/observers.ts'
import { Roster } from '../../src/membership/roster.ts'
import { FULL_MESH_MAX, Topology } from '../../src/membership/topology.ts'
import { record } from './records.ts'

const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `n${i + 1}`)

function rosterOf(self: string, all: readonly string[]): Roster {
  const roster = new Roster(record(self), 2_000, instantOf(0), wallOf(0))
  for (const name of all) if (name !== self) roster.learn(record(name), instantOf(0), wallOf(0))
  return roster
}

function topologyOf(self: string, all: readonly string[]): Topology {
  const roster = rosterOf(self, all)
  return new Topology(roster, new Circle(roster))
}

const wantedBy = (self: string, all: readonly string[]): Set<string> =>
  new Set(
    topologyOf(self, all)
      .wanted()
      .map(({ record: { id } }) => id),
  )

test('to 32 members everybody is linked to everybody', () => {
  const all = names(FULL_MESH_MAX)
  for (const self of all) assert.equal(wantedBy(self, all).size, all.length - 1)
})

test('above, the links of a node do not grow with the cluster', () => {
  for (const count of [33, 100, 1_000]) {
    const all = names(count)
    for (const self of all.slice(0, 10)) assert.equal(wantedBy(self, all).size, 2 * OBSERVERS_MAX + 6)
  }
})

test('a member and its observers want each other, and the observers one another', () => {
  const all = names(200)
  const topologies = new Map(all.map(name => [name, topologyOf(name, all)]))
  for (const name of all.slice(0, 20)) {
    const topology = topologies.get(name)
    const observers = topology?.circle.observersOf(asNodeId(name)) ?? []
    assert.equal(observers.length, OBSERVERS_MAX)
    for (const observer of observers) {
      assert.ok(topology?.wants(observer))
      assert.ok(topologies.get(observer)?.wants(asNodeId(name)))
      assert.ok(topologies.get(observer)?.observed.has(asNodeId(name)))
      for (const other of observers) assert.ok(other === observer || topologies.get(observer)?.wants(other))
    }
  }
})

test('nobody is chosen by many: with the choices of others a node has 26 to 40 links among 1,000', () => {
  const all = names(1_000)
  const degrees = new Map(all.map(name => [name, wantedBy(name, all)]))
  for (const name of all) {
    for (const other of degrees.get(name) ?? []) degrees.get(other)?.add(name)
  }
  const sizes = [...degrees.values()].map(peers => peers.size)
  assert.ok(Math.min(...sizes) >= 26, `fewest ${Math.min(...sizes)}`)
  assert.ok(Math.max(...sizes) <= 40, `most ${Math.max(...sizes)}`)
})

test('the links of a large cluster hold together when any tenth of it is gone', () => {
  const all = names(300)
  const gone = new Set(all.filter((_, i) => i % 10 === 3))
  const links = new Map(all.map(name => [name, wantedBy(name, all)]))
  const reached = new Set(['n1'])
  const queue = ['n1']
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    for (const other of links.get(name) ?? []) {
      if (reached.has(other) || gone.has(other)) continue
      reached.add(other)
      queue.push(other)
    }
  }
  assert.equal(reached.size, all.length - gone.size)
})

test('one member more changes few links of the others', () => {
  const all = names(300)
  let changed = 0
  for (const self of all) {
    const before = wantedBy(self, all)
    for (const other of wantedBy(self, [...all, 'newcomer']))
      if (!before.has(other) && other !== 'newcomer') changed++
  }
  assert.equal(changed, 0, 'nobody new is wanted but the newcomer')
})

test('everybody stays linked to the voters, and does not exchange liveness with them for that', () => {
  const all = names(200)
  const topology = topologyOf('n1', all)
  const before = topology.wanted().length
  const far = all
    .map(asNodeId)
    .filter(name => name !== 'n1' && !topology.wants(name))
    .slice(0, 3)
  topology.setVoters(far)
  assert.equal(topology.wanted().length, before + 3)
  for (const voter of far) {
    assert.ok(topology.wants(voter))
    assert.ok(!topology.isClose(voter))
    assert.equal(topology.probeMs(voter, 100), 500)
  }
})

test('the observers of a dead member are those it would have if it lived', () => {
  const all = names(50)
  const roster = rosterOf('n1', all)
  const circle = new Circle(roster)
  const observers = circle.observersOf(asNodeId('n7'))
  roster.learn(record('n7', { status: 'dead' }), instantOf(1), wallOf(1))
  assert.deepEqual(circle.observersOf(asNodeId('n7')), observers)
})
