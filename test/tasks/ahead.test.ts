import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AHEAD_MAX, Ahead } from '../../src/tasks/ahead.ts'

function after(noteMs: number, runMs: number): Ahead {
  const ahead = new Ahead()
  for (let i = 0; i < 200; i++) {
    ahead.noted(noteMs)
    ahead.ran(runMs)
  }
  return ahead
}

test('nothing is noted ahead before it is known how long work takes', () => {
  const ahead = new Ahead()
  ahead.noted(50)
  assert.equal(ahead.beyond(16), 0)
})

test('of work as long as a note as many as there are places; of longer work fewer, of much longer work none', () => {
  assert.equal(after(20, 20).beyond(16), 15)
  assert.equal(after(20, 80).beyond(16), 3)
  assert.equal(after(20, 1_000).beyond(16), 0)
})

test('of work that takes no time there is a bound', () => {
  assert.equal(after(100, 0).beyond(64), AHEAD_MAX)
})

test('after what was noted had to wait too long there is none, until work is seen to be short', () => {
  const ahead = after(20, 1)
  ahead.tooMany()
  assert.equal(ahead.beyond(16), 0)
  for (let i = 0; i < 200; i++) ahead.ran(1)
  assert.ok(ahead.beyond(16) > 16)
})

test('where notes take long, what waits in vain again and again is soon not noted any more', () => {
  const ahead = after(100, 1)
  const beyond = Array.from({ length: 5 }, () => {
    ahead.tooMany()
    return ahead.beyond(16)
  })
  assert.deepEqual(beyond, [3, 1, 0, 0, 0])
})
