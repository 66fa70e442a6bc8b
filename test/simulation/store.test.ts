import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Random } from '../../src/base/random.ts'
import type { Effect, Write } from '../../src/node/machine.ts'
import { Disk } from './disk.ts'
import { EventQueue } from './queue.ts'
import { Store } from './store.ts'

const row = (key: string): Write => ({ table: 'tasks', key, value: 1 })
const mark = (number: number): Effect => ({ kind: 'persisted', mark: number })

/** A store whose transactions take 10 ms each, and what it said. */
function opened() {
  const queue = new EventQueue()
  const disk = new Disk(new Random(1))
  disk.setCommitMs(10, 10)
  const done: string[] = []
  const store = new Store({
    disk,
    queue,
    whenAwake: run => run(),
    perform: effects => {
      for (const effect of effects) if (effect.kind === 'persisted') done.push(`${queue.now}: ${effect.mark}`)
      return true
    },
    failed: () => done.push(`${queue.now}: failed`),
    tell: condition => done.push(`${queue.now}: ${condition}`),
  })
  const rows = (): string[] => [...disk.rows('tasks').keys()]
  return { queue, disk, store, done, rows }
}

test('commits of one moment share a transaction, and what comes meanwhile shares the next', () => {
  const { queue, store, done } = opened()
  store.commit([row('a')], [mark(1)], false)
  store.commit([row('b')], [mark(2)], false)
  queue.in(5, () => store.commit([row('c')], [mark(3)], false))
  queue.runUntil(100)
  assert.deepEqual(done, ['10: 1', '10: 2', '20: 3'])
})

test('what is urgent overtakes what waits, and not what is under way', () => {
  const { queue, store, done } = opened()
  store.commit([row('a')], [mark(1)], false)
  queue.in(5, () => {
    store.commit([row('b')], [mark(2)], false)
    store.commit([row('c')], [mark(3)], true)
  })
  queue.runUntil(100)
  assert.deepEqual(done, ['10: 1', '20: 3', '20: 2'])
})

test('a process that dies loses what waited; a transaction that was under way is on the disk whole or not at all', () => {
  const outcomes = new Set<string>()
  for (let seed = 0; seed < 20; seed++) {
    const { queue, store, done, disk } = opened()
    for (let draws = 0; draws < seed; draws++) disk.commitMs()
    store.commit([row('a')], [mark(1)], false)
    store.commit([row('b')], [mark(2)], false)
    queue.in(5, () => store.commit([row('c')], [mark(3)], false))
    queue.in(7, () => store.crash())
    queue.runUntil(100)
    assert.deepEqual(done, [])
    outcomes.add([...disk.rows('tasks').keys()].join())
  }
  assert.deepEqual([...outcomes].sort(), ['', 'a,b'])
})

test('on a full disk what fits into the reserve is written, the rest waits for room', () => {
  const { queue, disk, store, done, rows } = opened()
  disk.become('full', 1)
  store.commit([row('a')], [mark(1)], false)
  store.commit([row('b')], [mark(2)], false)
  queue.runUntil(1_000)
  assert.deepEqual(rows(), ['a'])
  assert.equal(done[0], '10: full')
  assert.ok(done.includes('270: 1') && !done.some(said => said.endsWith(': 2')), done.join())
  disk.become('ok')
  queue.runUntil(2_000)
  assert.deepEqual(rows(), ['a', 'b'])
})

test('a store that is closed writes what it was asked for', () => {
  const { queue, store, rows } = opened()
  store.commit([row('a')], [mark(1)], false)
  queue.in(5, () => store.commit([row('b')], [mark(2)], false))
  queue.in(7, () => store.close())
  queue.runUntil(100)
  assert.deepEqual(rows(), ['a', 'b'])
})
