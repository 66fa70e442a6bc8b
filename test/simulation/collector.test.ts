/** The checker itself, tried on histories that are right and on ones that are wrong. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asTaskId } from '../../src/base/ids.ts'
import { Collector, type Run } from './collector.ts'

class History {
  now = 0
  readonly collector = new Collector(() => this.now)
  readonly complaints: string[] = []

  constructor() {
    this.collector.complain = invariant => this.complaints.push(invariant)
  }

  run(host: number, token: string, more: Partial<Run> = {}): Run {
    const run: Run = {
      ...{ task: asTaskId('t'), key: 'k', attempt: 1, host, boot: 1, token: { value: token, safe: true } },
      ...{ startedAt: this.now, endedAt: undefined, end: 'running', exceptedUntil: -1 },
      ...more,
    }
    this.collector.began(run)
    return run
  }
}

test('one after the other with rising tokens is right', () => {
  const history = new History()
  const first = history.run(0, '9')
  history.collector.ended(first, 'succeeded')
  const second = history.run(1, '10')
  history.collector.ended(second, 'succeeded')
  history.run(1, '10')
  assert.deepEqual(history.complaints, [])
})

test('two nodes at one moment are wrong, two attempts of one node are not', () => {
  const history = new History()
  history.run(0, '1')
  history.run(0, '1')
  assert.deepEqual(history.complaints, [])
  history.run(1, '2')
  assert.deepEqual(history.complaints, ['one node executes for a key', 'one node executes for a key'])
})

test('two lives of one node at one moment are wrong', () => {
  const history = new History()
  history.run(0, '1')
  history.run(0, '2', { boot: 2 })
  assert.deepEqual(history.complaints, ['one node executes for a key'])
})

test('two nodes at one moment are counted but allowed without safe tokens, and for other keys', () => {
  const history = new History()
  history.run(0, '1', { token: { value: '1', safe: false } })
  history.run(1, '2', { token: { value: '2', safe: false } })
  history.run(2, '3', { key: 'another' })
  assert.deepEqual(history.complaints, [])
  assert.equal(history.collector.overlaps, 1)
})

test('a token that does not rise with a new owner is wrong', () => {
  const history = new History()
  history.collector.ended(history.run(0, '10'), 'succeeded')
  history.collector.ended(history.run(1, '10'), 'succeeded')
  history.collector.ended(history.run(2, '9'), 'succeeded')
  assert.deepEqual(history.complaints, ['tokens rise with each owner', 'tokens rise with each owner'])
})

test('what stands still does not execute, until it goes on', () => {
  const history = new History()
  const frozen = history.run(0, '1')
  history.collector.paused(frozen)
  history.run(1, '2')
  assert.deepEqual(history.complaints, [])
  history.collector.resumed(frozen)
  assert.deepEqual(history.complaints, ['one node executes for a key'])
})

test('what the promise excepts is counted, for as long as it is excepted', () => {
  const history = new History()
  const stale = history.run(0, '1')
  history.collector.paused(stale)
  history.run(1, '2')
  stale.exceptedUntil = 100
  history.collector.resumed(stale)
  assert.deepEqual(history.complaints, [])
  assert.equal(history.collector.overlaps, 1)
  history.collector.lookAgain()
  assert.deepEqual(history.complaints, [])
  history.now = 101
  history.collector.lookAgain()
  assert.equal(history.complaints[0], 'one node executes for a key')
})
