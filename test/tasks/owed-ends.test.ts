/** Ends that a holder lacks, out of reach while it lives: an owner keeps so many for it, and no more. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import { Table } from '../../src/tasks/table.ts'
import type { TaskRecord } from '../../src/tasks/task.ts'
import { freshRecord } from '../../src/tasks/transition.ts'
import { OWED_MAX } from '../../src/tasks/trimming.ts'
import { spec } from './samples.ts'
import { ring, Scene, THREE } from './scene.ts'

const MORE = 300

/** Ends of n1, of an earlier term: so many that more are owed than may be. */
function ends(): readonly TaskRecord[] {
  const found: TaskRecord[] = []
  for (let i = 0; found.length < OWED_MAX + MORE; i++) {
    if (ring.owner(`key-${i}`) !== 'n1') continue
    const at = wallOf(1_600_000_000_000 + i)
    const fresh = freshRecord(spec(`t${i}`, { key: `key-${i}` }), 'api', at, THREE.map(asNodeId), 1)
    found.push({ ...fresh, state: 'succeeded', settledAt: at, result: null, term: 4, copies: 2 })
  }
  return found
}

/** Its keys are complete, and it is to keep no end for its own sake. */
function holding(records: readonly TaskRecord[]): Scene {
  const scene = new Scene({ settledMax: 0 }, { records })
  scene.take()
  scene.answer('n2')
  scene.answer('n3')
  return scene
}

test('of ends that a living holder lacks for good only so many are kept', () => {
  const records = ends()
  const scene = holding(records)
  scene.solo.pass(10_000, () => scene.acknowledge('n2'))
  const gone = records.filter(({ spec: { id } }) => scene.solo.tasks.get(id) === undefined)
  assert.equal(gone.length, MORE)
  assert.equal(scene.solo.metric('ends_owed'), OWED_MAX)
  assert.equal(scene.solo.metric('owed_ends_dropped_total'), MORE)
  assert.equal(scene.solo.logged('owed-ends-dropped').length, 1)
  scene.solo.pass(20_000, () => scene.acknowledge('n3'))
  assert.equal(scene.solo.metric('ends_owed'), 0)
  assert.equal(scene.solo.tasks.page({ scope: 'all', limit: 1 }).tasks.length, 0)
})

test('none of those that are on too few disks goes, however many they are', () => {
  const records = ends()
  const scene = holding(records)
  scene.solo.pass(10_000)
  assert.equal(scene.solo.metric('ends_owed'), records.length)
  assert.equal(scene.solo.metric('owed_ends_dropped_total'), 0)
})

test('those that have stood back longest are the first to crowd the others, but one that has to stay all the same', () => {
  const table = new Table(asNodeId('n1'))
  const entries = ends().slice(0, 5)
  for (const record of entries) table.missTurn(table.add(record))
  const ids = (max: number, limit = 9) => table.crowding(max, limit).map(({ id }) => id)
  const [first, second, third] = entries.map(({ spec: { id } }) => id)
  assert.deepEqual(ids(5), [])
  assert.deepEqual(ids(3), [first, second])
  assert.deepEqual(ids(0, 1), [first])
  const stays = table.get(first ?? assert.fail('it is there'))
  table.missTurn(stays ?? assert.fail('it is there'))
  assert.deepEqual(ids(3), [second, third])
})

test('those that stand back come to their turn a few at a time, and all of them', () => {
  const table = new Table(asNodeId('n1'))
  const entries = ends().map(record => table.add(record))
  for (const entry of entries) table.missTurn(entry)
  const seen = new Set<string>()
  const look = () =>
    table.takeTurn(entry => {
      seen.add(entry.id)
      return false
    }, 1_000)
  look()
  assert.equal(seen.size, 1_000)
  while (seen.size < entries.length) {
    const before = seen.size
    look()
    assert.ok(seen.size > before)
  }
  assert.equal(table.standingBack, entries.length)
})
