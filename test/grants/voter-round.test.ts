import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import type { VoterList } from '../../src/grants/messages.ts'
import { jointOf } from '../../src/grants/voter-list.ts'
import { VoterRound } from '../../src/grants/voter-round.ts'
import { a, at, b, c } from './scene.ts'

const d = asNodeId('d')
const of3: VoterList = { version: 1, names: [a, b, c], fixed: true }
const ballot = { round: 5, by: a }
const wish = jointOf(of3, [a, b, c, d])
const other: VoterList = { ...jointOf(of3, [a, b]), ballot: { round: 3, by: c } }

/** A round of `a`, which has promised to it itself. */
function begun(): VoterRound {
  let asks = 0
  const round = new VoterRound(
    { ballot, wish, carried: false, self: a, nextAsk: () => `ask ${++asks}` },
    at(0),
  )
  round.promised(a, { disk: 'disk a' })
  return round
}

const answer = (round: VoterRound): string => round.asking.ask ?? 'none'

test('a list is proposed when enough have promised, and promise again from the same disks', () => {
  const round = begun()
  round.promised(b, { disk: 'disk b' })
  round.promised(d, { disk: 'disk d' })
  assert.equal(round.proposal(at(0)), undefined)
  assert.deepEqual(round.due(at(0)), [b, c, d])
  round.promised(b, { disk: 'disk b', answer: answer(round) })
  assert.deepEqual(round.proposal(at(10)), { ...wish, ballot })
})

test('nothing is while one may have lost its promise with its disk: it accepts lists of lower rounds again', () => {
  const round = begun()
  round.promised(b, { disk: 'disk b' })
  round.promised(d, { disk: 'disk d' })
  assert.equal(round.proposal(at(0)), undefined)
  round.promised(b, { disk: 'disk b' })
  round.promised(b, { disk: 'another', answer: answer(round) })
  assert.equal(round.proposal(at(10)), undefined)
})

test('what stood on the disk of one that promised is proposed, also where it has lost that disk since', () => {
  const round = begun()
  round.promised(b, { disk: 'disk b', accepted: other })
  round.promised(c, { disk: 'disk c' })
  round.proposal(at(0))
  round.promised(b, { disk: 'disk b', accepted: other, answer: answer(round) })
  round.promised(b, { disk: 'another' })
  assert.deepEqual(round.proposal(at(10)), { ...other, ballot })
})

test('who is gone for good holds no round up: the others are asked in its place', () => {
  const round = begun()
  round.promised(b, { disk: 'disk b' })
  round.proposal(at(0))
  round.promised(c, { disk: 'disk c' })
  assert.equal(round.proposal(at(999)), undefined)
  const before = answer(round)
  round.proposal(at(1_000))
  assert.notEqual(answer(round), before)
  round.promised(c, { disk: 'disk c', answer: answer(round) })
  round.promised(d, { disk: 'disk d' })
  assert.deepEqual(round.proposal(at(1_010)), { ...wish, ballot })
})
