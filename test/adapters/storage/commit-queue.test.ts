import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CommitQueue } from '../../../src/adapters/storage/commit-queue.ts'
import type { EncodedWrite, Write } from '../../../src/adapters/storage/protocol.ts'
import { AssertionError } from '../../../src/base/assert.ts'
import { CodedError } from '../../../src/base/errors.ts'

/** A queue whose disk is this test: `sent` is what was handed over, `turn` lets scheduled work happen. */
function queueOf(lengthMax = 1_000_000) {
  const sent: { batch: number; writes: readonly EncodedWrite[]; last: boolean }[] = []
  const queue = new CommitQueue((batch, writes, last) => sent.push({ batch, writes, last }), lengthMax)
  return { queue, sent }
}

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))
const put = (key: string, value: Write['value'] = 1): Write => ({ table: 'tasks', key, value })
const keysOf = (sent: { writes: readonly EncodedWrite[] } | undefined): string[] =>
  (sent?.writes ?? []).map(([, key]) => key)

test('commits of one job go out together, those made meanwhile wait for the next transaction', async () => {
  const { queue, sent } = queueOf()
  const order: string[] = []
  for (const key of ['a', 'b']) void queue.add([put(key)]).then(() => order.push(key))
  await turn()
  for (const key of ['c', 'd', 'e']) void queue.add([put(key)]).then(() => order.push(key))
  await turn()
  assert.deepEqual(sent.map(keysOf), [['a', 'b']])
  assert.equal(queue.depth, 5)
  queue.committed(1)
  await turn()
  assert.deepEqual(order, ['a', 'b'])
  assert.deepEqual(sent.map(keysOf), [
    ['a', 'b'],
    ['c', 'd', 'e'],
  ])
  queue.committed(7)
  await turn()
  assert.deepEqual(order, ['a', 'b', 'c', 'd', 'e'])
  assert.deepEqual(queue.counts, {
    commits: 5,
    rows: 5,
    transactions: 2,
    lastBatch: 3,
    lastMs: 7,
    maxMs: 7,
    held: 0,
  })
  assert.equal(queue.length, 0)
})

test('a large commit is handed over in slices over several turns, and only the last ends the transaction', async () => {
  const { queue, sent } = queueOf()
  const done = queue.add(Array.from({ length: 2500 }, (_, i) => put(`k${i}`)))
  while (sent.at(-1)?.last !== true) await turn()
  assert.deepEqual(
    sent.map(({ writes, last }) => [writes.length, last]),
    [
      [1000, false],
      [1000, false],
      [500, true],
    ],
  )
  queue.committed(1)
  await done
})

test('a transaction takes whole commits up to a bound', async () => {
  const { queue, sent } = queueOf(1e9)
  const commits = Array.from({ length: 3 }, (_, c) =>
    queue.add(Array.from({ length: 2_000 }, (_, i) => put(`${c}-${i}`))),
  )
  while (sent.at(-1)?.last !== true) await turn()
  assert.equal(sent.flatMap(keysOf).length, 4_000)
  queue.committed(1)
  await Promise.all(commits.slice(0, 2))
  while (sent.flatMap(keysOf).length < 6_000) await turn()
  queue.committed(1)
  await Promise.all(commits)
})

test('the failure of the disk rejects what runs, what waits and what comes', async () => {
  const { queue, sent } = queueOf()
  const running = queue.add([put('a')])
  await turn()
  const waiting = queue.add([put('b')])
  const failure = new CodedError('STORE_FAILED', 'disk on fire')
  queue.fail(failure)
  queue.fail(new CodedError('STORE_FAILED', 'a later one'))
  const coming = queue.add([put('c')])
  for (const each of [running, waiting, coming]) await assert.rejects(each, failure)
  await turn()
  assert.equal(sent.length, 1)
  await queue.idle()
})

test('a disk that falls too far behind fails, but one commit alone may be of any size', async () => {
  const { queue } = queueOf(100)
  const big = queue.add([put('big', 'x'.repeat(1000))])
  assert.ok(queue.fullness > 1)
  const next = queue.add([put('next')])
  const isOverflow = (error: unknown): boolean =>
    error instanceof CodedError &&
    error.code === 'STORE_FAILED' &&
    error.message.includes('at most 100 characters')
  await assert.rejects(big, isOverflow)
  await assert.rejects(next, isOverflow)
})

test('what is urgent goes before what waits, and is overtaken by nothing', async () => {
  const { queue, sent } = queueOf(1e9)
  const order: string[] = []
  const add = (key: string, urgent: boolean, rows = 1) =>
    queue
      .add(
        Array.from({ length: rows }, (_, i) => put(i === 0 ? key : `${key}-${i}`)),
        urgent,
      )
      .then(() => order.push(key))
  const all = [add('running', false)]
  await turn()
  all.push(add('bulk', false, 4_000), add('more', false, 4_000), add('urgent', true), add('soon', true))
  for (let transactions = 0; order.length < 5; transactions++) {
    assert.ok(transactions < 9, String(order))
    while (sent.at(-1)?.last !== true) await turn()
    sent.push({ batch: 0, writes: [], last: false })
    queue.committed(1)
    await turn()
  }
  await Promise.all(all)
  assert.deepEqual(order, ['running', 'urgent', 'soon', 'bulk', 'more'])
})

test('a transaction that is held is tried again: one commit alone first, nothing twice, nothing out of order', async () => {
  const { queue, sent } = queueOf()
  const order: string[] = []
  const add = (key: string, urgent = false) => void queue.add([put(key)], urgent).then(() => order.push(key))
  for (const key of ['a', 'b', 'c']) add(key)
  await turn()
  queue.held()
  add('d')
  add('word', true)
  await turn()
  assert.deepEqual(sent.map(keysOf), [['a', 'b', 'c']], 'nothing is sent while it is held')
  assert.equal(queue.depth, 5)
  queue.retry()
  queue.held()
  queue.retry()
  queue.committed(1)
  queue.committed(1)
  await turn()
  assert.deepEqual(sent.map(keysOf), [['a', 'b', 'c'], ['word'], ['word'], ['a', 'b', 'c', 'd']])
  assert.deepEqual(order, ['word', 'a', 'b', 'c', 'd'])
  assert.equal(new Set(sent.map(({ batch }) => batch)).size, sent.length, 'each try has its own number')
  assert.equal(queue.counts.held, 2)
  assert.equal(queue.length, 0)
})

test('the parts of a held transaction that were not handed over yet never are', async () => {
  const { queue, sent } = queueOf()
  const done = queue.add(Array.from({ length: 2500 }, (_, i) => put(`k${i}`)))
  await Promise.resolve()
  assert.equal(sent.length, 1)
  const [first] = sent
  queue.held()
  await turn()
  await turn()
  assert.equal(sent.length, 1)
  queue.retry()
  while (sent.at(-1)?.last !== true) await turn()
  assert.deepEqual(
    sent.slice(1).map(({ batch, writes }) => [batch === first?.batch, writes.length]),
    [
      [false, 1000],
      [false, 1000],
      [false, 500],
    ],
  )
  queue.committed(1)
  await done
})

test('idle waits for what waits', async () => {
  const { queue } = queueOf()
  await queue.idle()
  void queue.add([put('a')])
  let idle = false
  const done = queue.idle().then(() => {
    idle = true
  })
  await turn()
  assert.equal(idle, false)
  queue.committed(1)
  await done
})

test('a key that is no text is a bug', () => {
  assert.throws(() => queueOf().queue.add([put('\ud800')]), AssertionError)
})

test('a call without writes settles right after all that was called before it, and before what comes later', async () => {
  const { queue, sent } = queueOf()
  const order: string[] = []
  const say = (what: string) => () => void order.push(what)
  void queue.add([]).then(say('nothing before it'))
  await turn()
  assert.deepEqual(order.splice(0), ['nothing before it'])
  assert.equal(sent.length, 0)
  void queue.add([put('a')]).then(say('a'))
  void queue.add([]).then(say('after a'))
  void queue.add([put('b')]).then(say('b'))
  await turn()
  void queue.add([]).then(say('after b'))
  void queue.add([put('c')]).then(say('c'))
  void queue.add([put('u')], true).then(say('u'))
  void queue.add([]).then(say('after c and u'))
  queue.committed(1)
  await turn()
  assert.deepEqual(order.splice(0), ['a', 'after a', 'b', 'after b'])
  queue.committed(1)
  await turn()
  assert.deepEqual(order, ['u', 'c', 'after c and u'])
  assert.equal(queue.counts.commits, 4)
  const failure = new CodedError('STORE_FAILED', 'gone')
  const waits = [queue.add([put('d')]), queue.add([])]
  queue.fail(failure)
  for (const wait of waits) await assert.rejects(wait, failure)
})

test('a call without writes waits for what is under way too when an urgent one goes before that, since it was held', async () => {
  const { queue, sent } = queueOf()
  const said: string[] = []
  const add = (key: string, urgent: boolean): void => {
    void queue.add(key === 'none' ? [] : [put(key)], urgent).then(() => said.push(key))
  }
  add('record', false)
  await turn()
  add('promise', true)
  add('none', false)
  add('later', false)
  queue.held()
  queue.retry()
  assert.deepEqual(keysOf(sent.at(-1)), ['promise'])
  queue.committed(1)
  await turn()
  assert.deepEqual(said, ['promise'], 'the record is in memory only')
  queue.committed(1)
  await turn()
  assert.deepEqual(said, ['promise', 'record', 'none', 'later'])
})

test('it tells how long the transaction that runs has taken, and nothing when none does', async () => {
  const { queue } = queueOf()
  assert.equal(queue.runningMs, 0)
  void queue.add([put('a')])
  await turn()
  const [first, later] = [queue.runningMs, await turn().then(() => queue.runningMs)]
  assert.ok(first > 0 && later > first, `${first}, ${later}`)
  queue.committed(1)
  assert.equal(queue.runningMs, 0)
})
