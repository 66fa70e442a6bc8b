import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CommitQueue } from '../../../src/adapters/storage/commit-queue.ts'
import type { EncodedWrite, Write } from '../../../src/adapters/storage/protocol.ts'
import { AssertionError } from '../../../src/base/assert.ts'
import { CodedError } from '../../../src/base/errors.ts'

/** A queue whose disk is this test: `sent` is what was handed over, `turn` lets scheduled work happen. */
function queueOf(lengthMax = 1_000_000) {
  const sent: { writes: readonly EncodedWrite[]; last: boolean }[] = []
  const queue = new CommitQueue((writes, last) => sent.push({ writes, last }), lengthMax)
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
    queue.add(Array.from({ length: 9_000 }, (_, i) => put(`${c}-${i}`))),
  )
  while (sent.at(-1)?.last !== true) await turn()
  assert.equal(sent.flatMap(keysOf).length, 18_000)
  queue.committed(1)
  await Promise.all(commits.slice(0, 2))
  while (sent.flatMap(keysOf).length < 27_000) await turn()
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
