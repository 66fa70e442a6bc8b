import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asTaskId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import { type Entry, type Retention, Table } from '../../src/tasks/table.ts'
import type { TaskRecord } from '../../src/tasks/task.ts'
import { freshRecord } from '../../src/tasks/transition.ts'
import { TRIM_MAX } from '../../src/tasks/trimming.ts'
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
/** So many results for ever. */
const kept = (settledMax: number, more: Partial<Retention> = {}): Retention => ({
  ...{ settledMax, settledMs: 1e15, deadMax: 1e9, deadMs: 1e15 },
  ...more,
})
const idsOf = (entries: readonly Entry[]): string[] => entries.map(({ id }) => id)

test('what was settled first is dropped first, in whatever order it came', () => {
  const table = new Table(self)
  for (const at of [50, 20, 40, 10, 30]) table.add(settled(`t${at}`, at))
  assert.deepEqual(idsOf(table.surplus(kept(2), wallOf(100), 9)), ['t10', 't20', 't30'])
  assert.deepEqual(
    idsOf(table.surplus(kept(2), wallOf(100), 9)),
    ['t10', 't20', 't30'],
    'to be asked is not to be dropped',
  )
  assert.deepEqual(idsOf(table.surplus(kept(2), wallOf(100), 1)), ['t10'])
  for (const entry of table.surplus(kept(2), wallOf(100), 9)) table.remove(entry)
  assert.deepEqual(table.surplus(kept(2), wallOf(100), 9), [])
  assert.equal(table.size, 2)
})

test('a record that turns out to be settled later counts as newer, and one of a list not at all', () => {
  const table = new Table(self)
  const [first, second] = [1, 2, 3, 4].map(at => table.add(settled(`t${at}`, at)))
  assert.ok(first && second)
  table.put(first, settled('t1', 9))
  table.setLists(second, ['work'])
  assert.deepEqual(idsOf(table.surplus(kept(0), wallOf(100), 9)), ['t3', 't4', 't1'])
  table.setLists(second, [])
  assert.deepEqual(idsOf(table.surplus(kept(3), wallOf(100), 9)), ['t2'])
})

test('what is older than its time is dropped, and no more than may go at once', () => {
  const table = new Table(self)
  for (const at of [50, 20, 40, 10, 30]) table.add(settled(`t${at}`, at))
  const aged = (settledMs: number, limit = 9) =>
    idsOf(table.surplus(kept(9, { settledMs }), wallOf(100), limit))
  assert.deepEqual(aged(90), [])
  assert.deepEqual(aged(89), ['t10'])
  assert.deepEqual(aged(65), ['t10', 't20', 't30'])
  assert.deepEqual(aged(65, 2), ['t10', 't20'])
})

test('dead letters have bounds of their own', () => {
  const table = new Table(self)
  for (const at of [10, 20, 30]) {
    table.add(settled(`t${at}`, at))
    table.add({ ...settled(`d${at}`, at), state: 'dead' })
  }
  const now = wallOf(100)
  assert.deepEqual(idsOf(table.surplus(kept(1), now, 9)), ['t10', 't20'])
  assert.deepEqual(idsOf(table.surplus(kept(9, { deadMax: 1 }), now, 9)), ['d10', 'd20'])
  assert.deepEqual(idsOf(table.surplus(kept(9, { deadMs: 75 }), now, 9)), ['d10', 'd20'])
  assert.deepEqual(idsOf(table.surplus(kept(2, { deadMax: 0 }), now, 3)), ['t10', 'd10', 'd20'])
  const dead = table.get(asTaskId('d10'))
  assert.ok(dead)
  table.put(dead, { ...dead.record, state: 'ready' })
  assert.deepEqual(idsOf(table.surplus(kept(9, { deadMax: 1 }), now, 9)), ['d20'], 'what lives again stays')
})

test('a result goes when its time has come, though nothing else happens', () => {
  const cluster = new Cluster({ config: { settledMs: 60_000 } })
  cluster.start(['n1'])
  const host = cluster.host('n1')
  cluster.pass(1_000)
  const result = settled('t', 1_700_000_000_000 + cluster.now)
  cluster.deliver('n1', 'n2', { type: 'replicate', batch: 1, records: [result] })
  cluster.pass(59_000)
  assert.equal(host.disk.has('t'), true)
  cluster.pass(2_000)
  assert.equal(host.disk.has('t'), false)
})

test('old results that another node sends do not push out newer ones', () => {
  const cluster = new Cluster({ config: kept(5) })
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
  const cluster = new Cluster({ config: kept(5) })
  cluster.start(['n1'])
  const host = cluster.host('n1')
  const records = Array.from({ length: 3 * TRIM_MAX }, (_, i) => settled(`t${i}`, i))
  cluster.deliver('n1', 'n2', { type: 'replicate', batch: 1, records })
  assert.equal(metric(host, 'settled_dropped_total'), TRIM_MAX)
  assert.ok(host.machine.nextWake() <= cluster.now)
  cluster.until(() => metric(host, 'settled_dropped_total') === records.length - 5, 1_000)
  assert.ok(host.machine.nextWake() > cluster.now)
})

test('what has to be kept stands back for those behind it, pushes out none of them, and comes to its turn again', () => {
  const table = new Table(self)
  const [first, second] = [10, 20, 30, 40, 50].map(at => table.add(settled(`t${at}`, at)))
  assert.ok(first && second)
  table.missTurn(first)
  table.missTurn(first)
  assert.deepEqual(idsOf(table.surplus(kept(4), wallOf(100), 9)), [])
  assert.deepEqual(idsOf(table.surplus(kept(3), wallOf(100), 9)), ['t20'])
  table.missTurn(second)
  table.remove(second)
  table.put(first, settled('t10', 45))
  table.takeTurn(() => true, 9)
  assert.deepEqual(idsOf(table.surplus(kept(1), wallOf(100), 9)), ['t30', 't40', 't10'])
})
