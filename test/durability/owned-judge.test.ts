/** Can it be said of tasks that have no owner that they have one? */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allOwned, ownedOf, wholeOf } from './owned-judge.ts'

const NONE = { scheduled: 0, ready: 0, running: 0, retrying: 0, succeeded: 0, dead: 0, cancelled: 0 }

const status = (ready: number, takingOver = false) => ({
  tasks: { owned: { ...NONE, ready, running: 1 }, takingOver },
})

test('what nodes own is of all of them, and in any state', () => {
  assert.deepEqual(ownedOf([status(3), status(4)]), { tasks: 9, settled: true })
  assert.deepEqual(ownedOf([status(3), status(4, true)]), { tasks: 9, settled: false })
})

test('a node that says nothing is not one that owns nothing', () => {
  assert.equal(ownedOf([status(3), undefined]), undefined)
})

test('fewer tasks than were handed in are no whole to come back to', () => {
  assert.equal(wholeOf({ tasks: 12, settled: true }, 10), 12)
  assert.throws(
    () => wholeOf({ tasks: 9, settled: true }, 10),
    /9 tasks have an owner, and 10 were handed in/,
  )
  assert.throws(() => wholeOf({ tasks: 0, settled: true }, 10))
  assert.throws(() => wholeOf({ tasks: Number.NaN, settled: true }, 10))
})

test('all are owned again when none is missing and nobody takes over any more', () => {
  assert.equal(allOwned({ tasks: 10, settled: true }, 10), true)
  assert.equal(allOwned({ tasks: 9, settled: true }, 10), false)
  assert.equal(allOwned({ tasks: 10, settled: false }, 10), false)
  assert.equal(allOwned(undefined, 10), false)
  assert.equal(allOwned({ tasks: 0, settled: true }, 0), false, 'of none nobody can tell')
})
