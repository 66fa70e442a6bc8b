import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import { type Entry, Table } from '../../src/tasks/table.ts'
import type { TaskRecord } from '../../src/tasks/task.ts'
import { freshRecord } from '../../src/tasks/transition.ts'
import { TRIM_MAX } from '../../src/tasks/work.ts'
import { Cluster } from './cluster.ts'
import { metric } from './host.ts'
import { spec } from './samples.ts'

const self = asNodeId('n1')
const settled = (id: string, at: number): TaskRecord => ({
  ...freshRecord(spec(id), 'api', wallOf(0), [self], 1),
  state: 'succeeded',
  settledAt: wallOf(at),
  result: null,
})
const idsOf = (entries: readonly Entry[]): string[] => entries.map(({ id }) => id)

test('what was settled first is dropped first, in whatever order it came', () => {
  const table = new Table(self)
  for (const at of [50, 20, 40, 10, 30]) table.add(settled(`t${at}`, at))
  assert.deepEqual(idsOf(table.surplus(2, 9)), ['t10', 't20', 't30'])
  assert.deepEqual(idsOf(table.surplus(2, 9)), ['t10', 't20', 't30'], 'to be asked is not to be dropped')
  assert.deepEqual(idsOf(table.surplus(2, 1)), ['t10'])
  for (const entry of table.surplus(2, 9)) table.remove(entry)
  assert.deepEqual(table.surplus(2, 9), [])
  assert.equal(table.size, 2)
})

test('a record that turns out to be settled later counts as newer, and one of a list not at all', () => {
  const table = new Table(self)
  const [first, second] = [1, 2, 3, 4].map(at => table.add(settled(`t${at}`, at)))
  assert.ok(first && second)
  table.put(first, settled('t1', 9))
  table.setLists(second, ['work'])
  assert.deepEqual(idsOf(table.surplus(0, 9)), ['t3', 't4', 't1'])
  table.setLists(second, [])
  assert.deepEqual(idsOf(table.surplus(3, 9)), ['t2'])
})

test('old results that another node sends do not push out newer ones', () => {
  const cluster = new Cluster({ config: { settledMax: 5 } })
  cluster.start(['n1'])
  const host = cluster.host('n1')
  const records = (prefix: string, at: number) =>
    Array.from({ length: 5 }, (_, i) => settled(`${prefix}-${i}`, at + i))
  cluster.deliver('n1', 'n2', { type: 'replicate', batch: 1, records: records('new', 1_000) })
  cluster.deliver('n1', 'n2', { type: 'replicate', batch: 2, records: records('old', 10) })
  cluster.pass(100)
  assert.deepEqual([...host.disk.keys()].sort(), ['new-0', 'new-1', 'new-2', 'new-3', 'new-4'])
})

test('a great many that may go at once go in slices, one right after the other', () => {
  const cluster = new Cluster({ config: { settledMax: 5 } })
  cluster.start(['n1'])
  const host = cluster.host('n1')
  const records = Array.from({ length: 3 * TRIM_MAX }, (_, i) => settled(`t${i}`, i))
  cluster.deliver('n1', 'n2', { type: 'replicate', batch: 1, records })
  assert.equal(metric(host, 'settled_dropped_total'), TRIM_MAX)
  assert.ok(host.machine.nextWake() <= cluster.now)
  cluster.until(() => metric(host, 'settled_dropped_total') === records.length - 5, 1_000)
  assert.ok(host.machine.nextWake() > cluster.now)
})
