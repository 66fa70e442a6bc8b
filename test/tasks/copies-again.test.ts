/**
 * In available mode nobody counts disks, and an owner believes that whoever was sent a record has it. Who lost it meanwhile, or
 * missed a change of it, gets it again.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import { SCAN_MAX } from '../../src/tasks/placing.ts'
import type { TaskSpec } from '../../src/tasks/task.ts'
import { Cluster } from './cluster.ts'
import { names, ringOf, spec, specs } from './samples.ts'

const THREE = names(3)
const ring = ringOf(THREE)
const LATER = wallOf(1_701_000_000_000)

/** Due in a long time. */
const waiting = (count: number): TaskSpec[] => specs(count).map(each => ({ ...each, runAt: LATER }))

/** Those that lie on fewer living disks than hold them. */
const short = (cluster: Cluster, tasks: readonly TaskSpec[]): readonly string[] =>
  tasks
    .filter(({ id }) => cluster.living.filter(({ disk }) => disk.has(id)).length < THREE.length)
    .map(({ id }) => id)

/** Three nodes that have them all. */
function holding(tasks: readonly TaskSpec[]): Cluster {
  const cluster = new Cluster()
  cluster.start(THREE)
  cluster.requestAll(
    'n1',
    tasks.map(each => ({ kind: 'submit', spec: each }) as const),
  )
  cluster.until(() => cluster.quiet() && short(cluster, tasks).length === 0)
  return cluster
}

test('who was no holder while another one was there holds its copies again', () => {
  const tasks = waiting(60)
  const cluster = holding(tasks)
  cluster.boot('n4')
  cluster.agree()
  cluster.open('n4')
  const moved = () => THREE.some(name => tasks.some(({ id }) => !cluster.host(name).disk.has(id)))
  cluster.until(() => cluster.quiet() && moved() && short(cluster, tasks).length === 0)
  cluster.kill('n4')
  cluster.agree()
  cluster.pass(10_000)
  assert.deepEqual(short(cluster, tasks), [])
})

test('who was away for so short that not everything was placed without it is believed to have none', () => {
  const keys = Array.from({ length: 5 * SCAN_MAX }, (_, i) => `key-${i}`)
  const own = keys.filter(key => ring.owner(key) === 'n1').slice(0, SCAN_MAX + 200)
  assert.equal(own.length, SCAN_MAX + 200)
  const tasks = own.map(key => spec(`of-${key}`, { key, runAt: LATER }))
  const cluster = holding(tasks)
  cluster.kill('n3').disk.clear()
  cluster.boot('n3')
  for (const name of ['n1', 'n2']) {
    cluster.show(name, ringOf(['n1', 'n2']), ['n1', 'n2'].map(asNodeId))
    cluster.show(name, ring, THREE.map(asNodeId))
  }
  cluster.show('n3', ring, THREE.map(asNodeId))
  cluster.open('n3')
  cluster.pass(10_000)
  assert.deepEqual(short(cluster, tasks), [])
})

test('who came with another disk before it was found dead gets its copies again', () => {
  const tasks = waiting(60)
  const cluster = holding(tasks)
  cluster.kill('n3').disk.clear()
  cluster.boot('n3')
  const live = THREE.map(asNodeId)
  for (const name of ['n1', 'n2']) cluster.show(name, ring, live, 0, [asNodeId('n3')])
  cluster.show('n3', ring, live)
  cluster.open('n3')
  cluster.pass(10_000)
  assert.deepEqual(short(cluster, tasks), [])
  assert.deepEqual(
    cluster
      .host('n1')
      .log.filter(({ event }) => event === 'disks-lost')
      .map(({ fields }) => fields['nodes']),
    [['n3']],
  )
})
