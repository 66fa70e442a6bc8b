import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asTaskId } from '../../src/base/ids.ts'
import { Random } from '../../src/base/random.ts'
import { wallOf } from '../../src/base/time.ts'
import { DedupeIndex, holdsKey } from '../../src/tasks/dedupe-index.ts'
import { Table } from '../../src/tasks/table.ts'
import type { TaskRecord } from '../../src/tasks/task.ts'
import { freshRecord } from '../../src/tasks/transition.ts'
import { spec } from './samples.ts'

const HOLDERS = [asNodeId('n1')]

function recordOf(id: string, acceptedAt: number, ttlMs: number): TaskRecord {
  const named = spec(id, { key: 'customer', dedupe: { key: 'sync', ttlMs } })
  return freshRecord(named, 'api', wallOf(acceptedAt), HOLDERS, 1)
}

test('of a key that was used ten thousand times before a few are looked at', () => {
  let looks = 0
  const index = new DedupeIndex<{ readonly record: TaskRecord }>()
  for (let i = 0; i < 10_000; i++) {
    const record = recordOf(`t${i}`, i, 10)
    index.add({
      get record() {
        looks++
        return record
      },
    })
  }
  looks = 0
  assert.equal(
    index.firstOf(spec('new', { key: 'customer', dedupe: { key: 'sync', ttlMs: 1 } }), wallOf(20_000)),
    undefined,
  )
  assert.ok(looks < 100, `${looks} of them were looked at`)
})

test('in whatever order tasks come, go and are accepted anew, the first whose time is not over is found', () => {
  const random = new Random(7)
  const table = new Table(asNodeId('n1'))
  const asked = spec('new', { key: 'customer', dedupe: { key: 'sync', ttlMs: 1 } })
  for (let turn = 0; turn < 2_000; turn++) {
    const id = asTaskId(`t${random.below(40)}`)
    const known = table.get(id)
    const record = recordOf(id, random.below(100), 1 + random.below(50))
    if (known === undefined) table.add(record)
    else if (random.below(2) === 0) table.remove(known)
    else table.put(known, { ...known.record, acceptedAt: record.acceptedAt })
    const now = wallOf(random.below(150))
    const living = [...table.entries()].filter(entry => holdsKey(entry.record, now))
    living.sort((a, b) => a.record.acceptedAt - b.record.acceptedAt || (a.id < b.id ? -1 : 1))
    assert.equal(table.dedupes.firstOf(asked, now)?.id, living[0]?.id, `turn ${turn}`)
    assert.equal(table.dedupes.size, Math.min(1, table.size))
  }
})
