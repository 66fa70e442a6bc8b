import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Limit } from '../../../src/adapters/executors/limit.ts'
import { Slots } from '../../../src/adapters/executors/slots.ts'
import { after, instantOf } from '../../../src/base/time.ts'

const never = new AbortController().signal

test('so many at one time, and the others in the order in which they came', async () => {
  const slots = new Slots(2)
  const order: number[] = []
  const take = async (number: number) => {
    assert.equal(await slots.take(never, new Limit(), 0), 'admitted')
    order.push(number)
  }
  const all = [1, 2, 3, 4].map(take)
  await Promise.all(all.slice(0, 2))
  assert.deepEqual([slots.taken, slots.waiting], [2, 2])
  slots.giveBack()
  await all[2]
  slots.giveBack()
  await all[3]
  assert.deepEqual(order, [1, 2, 3, 4])
  slots.giveBack()
  slots.giveBack()
  assert.deepEqual([slots.taken, slots.waiting], [0, 0])
})

test('who is stopped or out of time waits no longer and takes no slot', async () => {
  const slots = new Slots(1)
  await slots.take(never, new Limit(), 0)
  assert.equal(await slots.take(AbortSignal.abort(), new Limit(), 0), 'aborted')
  const stop = new AbortController()
  const stopped = slots.take(stop.signal, new Limit(), 0)
  const late = slots.take(never, new Limit(after(instantOf(performance.now()), 40)), 20)
  stop.abort()
  assert.deepEqual(await Promise.all([stopped, late]), ['aborted', 'over'])
  assert.deepEqual([slots.taken, slots.waiting], [1, 0])
  slots.giveBack()
  assert.equal(slots.taken, 0)
})

test('a slot that comes in the moment of the stop is not lost', async () => {
  const slots = new Slots(1)
  await slots.take(never, new Limit(), 0)
  const stop = new AbortController()
  const waiting = slots.take(stop.signal, new Limit(), 0)
  stop.abort()
  slots.giveBack()
  if ((await waiting) === 'admitted') slots.giveBack()
  assert.equal(slots.taken, 0)
  assert.equal(await slots.take(never, new Limit(), 0), 'admitted')
})
