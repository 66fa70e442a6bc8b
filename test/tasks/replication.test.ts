import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { instantOf, wallOf } from '../../src/base/time.ts'
import { Counters } from '../../src/tasks/counts.ts'
import { Step } from '../../src/tasks/effects.ts'
import { BATCH_BYTES_MAX, BATCH_RECORDS_MAX, Replication } from '../../src/tasks/replication.ts'
import { Table } from '../../src/tasks/table.ts'
import type { TaskRecord } from '../../src/tasks/task.ts'
import { freshRecord } from '../../src/tasks/transition.ts'
import { spec } from './samples.ts'

const self = asNodeId('n1')
const peer = asNodeId('n2')

function made(count: number, payload: string | null = null) {
  const table = new Table(self)
  const counters = new Counters()
  const replication = new Replication(table, counters, 100)
  const records: TaskRecord[] = []
  for (let i = 0; i < count; i++) {
    const record = freshRecord(spec(`t${i}`, { payload }), 'api', wallOf(0), [self, peer], 1)
    table.add(record)
    records.push(record)
  }
  const flush = (at: number) => {
    const step = new Step({ mono: instantOf(at), wall: wallOf(at) })
    replication.tick(instantOf(at))
    replication.flush(step)
    return step
      .effects()
      .flatMap(effect => (effect.kind === 'persist' ? effect.then : []))
      .flatMap(effect =>
        effect.kind === 'send' && effect.message.type === 'replicate' ? [effect.message] : [],
      )
  }
  return { table, counters, replication, records, flush }
}

test('a change goes out behind the disk, once, and is safe when it is acknowledged', () => {
  const { replication, records, flush } = made(1)
  replication.changed(records[0] as TaskRecord, [peer], instantOf(0))
  assert.equal(replication.unsafe, 1)
  const sent = flush(0)
  assert.equal(sent.length, 1)
  assert.deepEqual(flush(10), [])
  assert.deepEqual(replication.acknowledged(peer, sent[0]?.batch as number, instantOf(1))?.records, records)
  assert.equal(replication.unsafe, 0)
  assert.equal(replication.pending, 0)
})

test('an acknowledgement of an older version does not make the newer one safe', () => {
  const { table, replication, records, flush } = made(1)
  const [first] = records as [TaskRecord]
  replication.changed(first, [peer], instantOf(0))
  const [sent] = flush(0)
  const second = { ...first, revision: 2 }
  const entry = table.get(first.spec.id)
  assert.ok(entry && sent)
  table.put(entry, second)
  replication.changed(second, [peer], instantOf(0))
  const [again] = flush(1)
  replication.acknowledged(peer, sent.batch, instantOf(1))
  assert.equal(replication.unsafe, 1)
  replication.acknowledged(peer, again?.batch as number, instantOf(1))
  assert.equal(replication.unsafe, 0)
})

test('what is not acknowledged is sent again, ever more slowly, as it is by then', () => {
  const { table, counters, replication, records, flush } = made(1)
  const [first] = records as [TaskRecord]
  replication.changed(first, [peer], instantOf(0))
  flush(0)
  const entry = table.get(first.spec.id)
  assert.ok(entry)
  table.put(entry, { ...first, revision: 5 })
  const times: number[] = []
  for (let at = 0; at < 30_000; at += 100) {
    const sent = flush(at)
    if (sent.length > 0) times.push(at)
    for (const { records: copies } of sent) assert.equal(copies[0]?.revision, 5)
  }
  const gaps = times.map((at, i) => at - (times[i - 1] ?? 0))
  assert.deepEqual(gaps.slice(0, 5), [1_000, 2_000, 4_000, 5_000, 5_000])
  assert.equal(counters.of('replicas_resent'), times.length)
})

test('batches are bounded in records and bytes, and a peer in what is under way to it', () => {
  const many = made(3_000)
  for (const record of many.records) many.replication.copy(record, peer, false)
  const sent = many.flush(0)
  assert.ok(sent.every(({ records }) => records.length <= BATCH_RECORDS_MAX))
  assert.ok(sent.length < 15, 'the window is full before everything is sent')
  const all = new Set<string>()
  for (let batch = sent.shift(); batch !== undefined; batch = sent.shift()) {
    for (const { spec: copied } of batch.records) all.add(copied.id)
    many.replication.acknowledged(peer, batch.batch, instantOf(1))
    sent.push(...many.flush(1))
  }
  assert.equal(all.size, 3_000)
  const big = made(40, 'x'.repeat(200_000))
  for (const record of big.records) big.replication.changed(record, [peer], instantOf(0))
  const frames = big.flush(0)
  assert.ok(frames.every(frame => JSON.stringify(frame).length <= BATCH_BYTES_MAX + 1_000))
  assert.ok(JSON.stringify(frames).length < 5_000_000, 'a link is not flooded')
})

test('a change of now is not held up by a flood of copies', () => {
  const { table, replication, records, flush } = made(5_000)
  for (const record of records) replication.copy(record, peer, false)
  flush(0)
  const done = freshRecord(spec('done'), 'api', wallOf(0), [self, peer], 1)
  table.add(done)
  replication.changed(done, [peer], instantOf(0))
  assert.equal(flush(1)[0]?.records[0]?.spec.id, 'done')
})

test('a peer that is gone is forgotten, and alone nothing is waited for', () => {
  const { replication, records, flush } = made(10)
  for (const record of records) replication.changed(record, [peer], instantOf(0))
  flush(0)
  replication.keepOnly(new Set(), true)
  assert.equal(replication.pending, 0)
  assert.equal(replication.unsafe, 0)
  assert.equal(replication.acknowledged(peer, 101, instantOf(1)), undefined)
})

test('a slow peer is not sent everything again: what it takes for an acknowledgement is waited for', () => {
  const { table, counters, replication, records, flush } = made(1)
  const [first] = records as [TaskRecord]
  const entry = table.get(first.spec.id)
  assert.ok(entry)
  const tripMs = 1_500
  let at = 0
  for (let revision = 2; revision < 42; revision++, at += tripMs) {
    const record = { ...first, revision }
    table.put(entry, record)
    replication.changed(record, [peer], instantOf(at))
    const [sent] = flush(at)
    for (let later = at + 100; later < at + tripMs; later += 100) flush(later)
    assert.notEqual(replication.acknowledged(peer, sent?.batch as number, instantOf(at + tripMs)), undefined)
  }
  assert.ok(counters.of('replicas_resent') <= 2, `${counters.of('replicas_resent')} sent again`)
  assert.equal(replication.unsafe, 0)
})

test('an acknowledgement that comes after its batch was sent again counts, and what waits to be sent again stays here', () => {
  const { table, replication, records, flush } = made(1)
  const [first] = records as [TaskRecord]
  replication.changed(first, [peer], instantOf(0))
  const [sent] = flush(0)
  replication.tick(instantOf(1_000))
  assert.deepEqual(replication.acknowledged(peer, sent?.batch as number, instantOf(1_001))?.records, records)
  assert.deepEqual(flush(1_002), [])
  assert.equal(replication.unsafe, 0)
  assert.equal(replication.pending, 0)

  const second = { ...first, revision: 2 }
  const entry = table.get(first.spec.id)
  assert.ok(entry)
  replication.changed(first, [peer], instantOf(2_000))
  const [older] = flush(2_000)
  replication.tick(instantOf(9_000))
  table.put(entry, second)
  replication.changed(second, [peer], instantOf(9_000))
  assert.notEqual(replication.acknowledged(peer, older?.batch as number, instantOf(9_001)), undefined)
  assert.equal(flush(9_002)[0]?.records[0]?.revision, 2)
})

test('what came to another view says nothing of this one', () => {
  const { replication, records, flush } = made(1)
  replication.changed(records[0] as TaskRecord, [peer], instantOf(0))
  const [sent] = flush(0)
  replication.tick(instantOf(1_000))
  replication.keepOnly(new Set([peer]), false)
  assert.equal(replication.acknowledged(peer, sent?.batch as number, instantOf(1_001)), undefined)
})

test('what does not count yet is sent again more and more slowly, until it does', () => {
  const { replication, records, flush } = made(1)
  replication.changed(records[0] as TaskRecord, [peer], instantOf(0))
  const times: number[] = []
  let counts = false
  for (let at = 0; at < 8_000; at += 10) {
    for (const { batch } of flush(at)) {
      times.push(at)
      const known = replication.acknowledged(peer, batch, instantOf(at + 1), counts)
      if (!counts) replication.again(peer, known?.records ?? [], instantOf(at + 1))
    }
    counts = at > 4_000
  }
  const gaps = times.map((at, i) => at - (times[i - 1] ?? 0)).slice(1)
  assert.ok(
    gaps.every((gap, i) => gap >= (gaps[i - 1] ?? 0) || gap >= 990),
    gaps.join(),
  )
  assert.ok(gaps[0] !== undefined && gaps[0] < 100 && times.length < 12, times.join())
})

test('what is to go in a while goes then, however often more is put beside it', () => {
  const { replication, records, flush } = made(3)
  const [first, second, third] = records as [TaskRecord, TaskRecord, TaskRecord]
  replication.changed(third, [peer], instantOf(0))
  flush(0)
  replication.later(peer, [first], instantOf(0))
  replication.later(peer, [second], instantOf(900))
  const sent = flush(1_000).flatMap(batch => batch.records)
  assert.ok(sent.includes(first) && sent.includes(second))
})

test('what is known here no more does not wait to be sent, whether the peer answers or not', () => {
  const { table, replication, records, flush } = made(100)
  for (const [place, record] of records.entries())
    if (place % 2 === 0) replication.changed(record, [peer], instantOf(0), 0)
    else replication.copy(record, peer, false)
  for (const { spec: kept } of records.slice(10)) {
    const entry = table.get(kept.id)
    assert.ok(entry)
    table.remove(entry)
    replication.forget(kept.id)
  }
  assert.equal(replication.pending, 10)
  const sent = [0, 100, 200, 300].flatMap(at => flush(at)).flatMap(batch => batch.records)
  assert.equal(sent.length, 10)
})
