import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asTaskId, type NodeId } from '../../src/base/ids.ts'
import { Strays } from '../../src/tasks/strays.ts'
import { Cluster } from './cluster.ts'
import { metric } from './host.ts'
import { names, specs } from './samples.ts'

const HOLDERS = 3
const [first, second, third] = names(3).map(asNodeId) as [NodeId, NodeId, NodeId]
const task = asTaskId('t')

test('a record that moves is never on fewer than two disks, though its new owner still waits for answers', () => {
  const cluster = new Cluster()
  const tasks = specs(60)
  const disksOf = (id: string): number =>
    [...cluster.hosts.values()].filter(({ disk }) => disk.has(id)).length
  cluster.start(names(4))
  for (const spec of tasks) cluster.request('n1', { kind: 'submit', spec })
  cluster.until(() => cluster.allSettled(tasks) && tasks.every(({ id }) => disksOf(id) === HOLDERS))
  const comers = names(10).slice(4)
  for (const name of comers) {
    cluster.boot(name)
    // It hears nothing from here, so what it gains waits.
    cluster.cut.add(`n1 ${name}`)
  }
  cluster.agree()
  for (const name of comers) cluster.open(name)
  const fewest = { now: HOLDERS }
  for (let ms = 0; ms < 1_000; ms++) {
    cluster.pass(1)
    fewest.now = Math.min(fewest.now, ...tasks.map(({ id }) => disksOf(id)))
  }
  const dropped = cluster.living.reduce((sum, host) => sum + metric(host, 'strays_dropped_total'), 0)
  assert.ok(dropped > 0, 'records moved')
  assert.ok(fewest.now >= 2, `${fewest.now} disks`)
  cluster.cut.clear()
  cluster.until(() => cluster.quiet() && tasks.every(({ id }) => disksOf(id) === HOLDERS))
})

test('a stray record may go when all of its heirs have it as it is now', () => {
  const strays = new Strays()
  assert.equal(strays.confirmed({ task, revision: 1, epoch: 1 }, first, [first, second]), false)
  assert.equal(strays.confirmed({ task, revision: 1, epoch: 1 }, first, [first, second]), false)
  assert.equal(strays.confirmed({ task, revision: 1, epoch: 1 }, second, [first, second]), true)
  assert.equal(strays.size, 0)
})

test('what was confirmed of an earlier revision, or under another ring, does not count', () => {
  const strays = new Strays()
  strays.confirmed({ task, revision: 1, epoch: 1 }, first, [first, second])
  assert.equal(strays.confirmed({ task, revision: 2, epoch: 1 }, second, [first, second]), false)
  assert.equal(strays.confirmed({ task, revision: 2, epoch: 2 }, first, [first, third]), false)
  assert.equal(strays.confirmed({ task, revision: 2, epoch: 2 }, third, [first, third]), true)
})

test('what is no heir of the record confirms nothing', () => {
  const strays = new Strays()
  assert.equal(strays.confirmed({ task, revision: 1, epoch: 1 }, third, [first]), false)
  assert.equal(strays.size, 0)
})
