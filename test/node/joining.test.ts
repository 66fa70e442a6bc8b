import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Joining } from '../../src/node/joining.ts'
import { at, Lone, record } from '../membership/records.ts'

/** A node that announces itself cordoned, with other members. */
function joiner(delayMs: number, others: Parameters<typeof record>[1][], ownersMin = 1) {
  const lone = new Lone()
  lone.membership.orders.setCordoned('joining', true, at(0))
  others.forEach((change, index) => {
    lone.meet(record(`n${index}`, change), 10)
  })
  const joining = new Joining(lone.membership, delayMs, ownersMin)
  const owns = (ms: number, gateOpen = true): boolean => {
    joining.advance(gateOpen, at(ms))
    return lone.membership.self.cordoned !== true
  }
  return { lone, owns }
}

test('a joiner owns nothing until its gate has been open for the delay', () => {
  const { owns } = joiner(3_000, [{}])
  assert.equal(owns(10_000, false), false)
  assert.equal(owns(11_000), false)
  assert.equal(owns(13_900), false)
  assert.equal(owns(14_000), true)
})

test('where nobody owns anything a joiner waits for its gate only', () => {
  const { owns } = joiner(3_000, [{ cordoned: true }, { leaving: true }])
  assert.equal(owns(1_000, false), false)
  assert.equal(owns(1_100), true)
})

test('where fewer others own something than a change needs copies a joiner waits for its gate only', () => {
  const { owns } = joiner(3_000, [{}, { cordoned: true }, { leaving: true }], 2)
  assert.equal(owns(1_000, false), false)
  assert.equal(owns(1_100), true)
})

test('where as many others own something as a change needs copies a joiner waits, and no longer once one of them leaves', () => {
  const { lone, owns } = joiner(3_000, [{}, {}], 2)
  assert.equal(owns(1_000), false)
  lone.meet(record('n1', { leaving: true, incarnation: 5 }), 1_500)
  assert.equal(owns(1_600), true)
})

test('a cordon that an operator put on meanwhile stays', () => {
  const { lone, owns } = joiner(1_000, [{}])
  lone.membership.orders.setCordoned('operator', true, at(20))
  assert.equal(owns(1_000), false)
  assert.equal(owns(5_000), false)
  assert.deepEqual([...lone.membership.orders.cordonedFor], ['operator'])
})

test('without a delay a joiner is as it came', () => {
  const { lone, owns } = joiner(0, [{}])
  owns(1_000)
  assert.equal(lone.membership.self.incarnation, 2)
})
