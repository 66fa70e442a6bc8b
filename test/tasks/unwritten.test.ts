/** Copies that a holder did not write down: its disk was full, or it was too early for them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asTaskId } from '../../src/base/ids.ts'
import { instantOf, wallOf } from '../../src/base/time.ts'
import { Counters } from '../../src/tasks/counts.ts'
import { Step } from '../../src/tasks/effects.ts'
import type { Replicate } from '../../src/tasks/messages.ts'
import { Replication, type Stamps } from '../../src/tasks/replication.ts'
import { Table } from '../../src/tasks/table.ts'
import { freshRecord } from '../../src/tasks/transition.ts'
import { names, ringOf, spec } from './samples.ts'
import { own, ready, ring, THREE } from './scene.ts'

const peer = asNodeId('n2')
const FULL = { unwritten: Array.from({ length: 200 }, (_, place) => place) }

const tasksOf = (batches: readonly Replicate[]): string[] =>
  batches.flatMap(({ records }) => records.map(record => record.spec.id))

test('of what a full disk refused another copy is tried each time, so one that may not leave holds up no other', () => {
  const table = new Table(asNodeId('n1'))
  const may = new Set<string>(['gated', 't1', 't2'])
  const stamps: Stamps = {
    ring: 'ring',
    atOnce: true,
    isCounted: () => true,
    termOf: () => 1,
    leaving: ({ id }) => (may.has(id) ? 'now' : 'later'),
  }
  const replication = new Replication(table, new Counters(), 100, stamps)
  const flush = (at: number): Replicate[] => {
    const step = new Step({ mono: instantOf(at), wall: wallOf(at) })
    replication.tick(instantOf(at))
    replication.flush(step)
    return step.effects().flatMap(effect => (effect.kind === 'send' ? [effect.message as Replicate] : []))
  }
  const records = [...may].map(id => freshRecord(spec(id), 'api', wallOf(0), [], 1))
  for (const record of records) {
    table.add(record)
    replication.changed(record, [peer], instantOf(0))
  }
  const [batch] = flush(0)
  assert.ok(batch)
  const said = replication.acknowledged(peer, batch.batch, instantOf(1))
  assert.ok(said)
  replication.answered(peer, said, records, instantOf(1))
  may.delete('gated')
  const tried = new Set<string>()
  for (let at = 100; at <= 5_000; at += 100) for (const task of tasksOf(flush(at))) tried.add(task)
  assert.ok(tried.has('t1') || tried.has('t2'), `${tried.size} were tried`)
})

test('what its owner calls early goes there again a second later, all of it, and is nothing that a disk had no room for', () => {
  const later = ringOf(names(10))
  const moves = (i: number): boolean => {
    const heirs = later.preferenceList(`key-${i}`, 3)
    return ring.owner(`key-${i}`) === 'n1' && heirs[0] === 'n4' && !heirs.some(id => THREE.includes(id))
  }
  const keys = Array.from({ length: 20_000 }, (_, i) => i)
    .filter(moves)
    .slice(0, 3)
  const scene = ready()
  for (const i of keys) scene.solo.submit(spec(`moves-${i}`, { key: `key-${i}`, runAt: wallOf(1e15) }))
  for (const holder of ['n2', 'n3']) scene.acknowledge(holder)
  scene.right.end()
  scene.right.epochs.note(later)
  scene.right.epochs.members = names(10).map(asNodeId)
  scene.solo.see(names(10))
  const early = { ...FULL, early: FULL.unwritten }
  assert.equal(tasksOf(scene.acknowledge('n4', early)).length, keys.length)
  const again: string[] = []
  scene.solo.pass(1_500, () => again.push(...tasksOf(scene.acknowledge('n4', early))))
  assert.deepEqual(again.sort(), keys.map(i => `moves-${i}`).sort())
  assert.ok(
    keys.every(i => scene.solo.tasks.get(asTaskId(`moves-${i}`)) !== undefined),
    'they stay here',
  )
})

test('what a full disk has missed is sent there when it takes copies again, though others go there all the time', () => {
  const scene = ready()
  const missed = Array.from({ length: 20 }, (_, i) => `missed-${i}`)
  for (const task of missed) scene.solo.submit(own(task, { runAt: wallOf(1e15) }))
  scene.acknowledge('n2')
  scene.solo.pass(500, () => scene.acknowledge('n3', FULL))
  const came = new Set<string>()
  let count = 0
  const goOn = (): void => {
    scene.solo.submit(own(`next-${count++}`, { runAt: wallOf(1e15) }))
    scene.acknowledge('n2')
    for (const task of tasksOf(scene.acknowledge('n3'))) came.add(task)
  }
  for (let ms = 0; ms < 3_000; ms += 100) {
    goOn()
    scene.solo.pass(100)
  }
  assert.deepEqual(
    missed.filter(task => !came.has(task)),
    [],
  )
})
