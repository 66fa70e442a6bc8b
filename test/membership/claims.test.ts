import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { instantOf } from '../../src/base/time.ts'
import { ClaimBoard } from '../../src/membership/claims.ts'
import type { Claim } from '../../src/membership/messages.ts'

const [a, b, s] = ['a', 'b', 's'].map(asNodeId) as [Claim['accuser'], Claim['accuser'], Claim['subject']]
const claim = (change: Partial<Claim> = {}): Claim => ({
  accuser: a,
  subject: s,
  incarnation: 1,
  sequence: 1,
  evidence: 'timeout',
  withdrawn: false,
  ...change,
})

test('the newest claim of an accuser counts, in whatever order they come', () => {
  const board = new ClaimBoard(3_000)
  board.note(claim({ sequence: 2, withdrawn: true }), instantOf(0))
  assert.equal(board.note(claim({ sequence: 1 }), instantOf(1)), false)
  assert.deepEqual(board.against(s, 1), [])
})

test('a repetition is not news but keeps the claim standing', () => {
  const board = new ClaimBoard(3_000)
  assert.equal(board.note(claim(), instantOf(0)), true)
  assert.equal(board.note(claim(), instantOf(2_900)), false)
  board.expire(instantOf(5_000))
  assert.equal(board.against(s, 1).length, 1)
})

test('a claim not said again for its time is forgotten', () => {
  const board = new ClaimBoard(3_000)
  board.note(claim(), instantOf(0))
  board.expire(instantOf(3_001))
  assert.deepEqual(board.standing(a), [])
})

test('a claim is about one incarnation only', () => {
  const board = new ClaimBoard(3_000)
  board.note(claim({ incarnation: 1 }), instantOf(0))
  board.note(claim({ accuser: b, incarnation: 2 }), instantOf(0))
  assert.deepEqual(
    board.against(s, 2).map(c => c.accuser),
    [b],
  )
})
