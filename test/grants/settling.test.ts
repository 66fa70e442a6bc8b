import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { grantsDefaults } from '../../src/grants/config.ts'
import type { GrantsEffect } from '../../src/grants/effects.ts'
import type { VoterList } from '../../src/grants/messages.ts'
import { VoterBook } from '../../src/grants/voter-book.ts'
import { hashOf } from '../../src/grants/voter-list.ts'
import { a, at, b, c } from './scene.ts'

const d = asNodeId('d')
const of3: VoterList = { version: 1, names: [a, b, c], fixed: true }
const adding: VoterList = {
  ...{ version: 2, names: [a, b, c, d], previous: [a, b, c], fixed: true },
  ...{ root: hashOf(of3), ballot: { round: 5, by: a } },
}

/** `a`, which has the joint list on its disk. */
function madeOf(): { book: VoterBook; isMade: () => boolean } {
  const out: GrantsEffect[] = []
  const book = new VoterBook({
    ...{ self: a, stored: { ...adding, promised: { round: 5, by: a } } },
    ...{ config: { ...grantsDefaults(), mode: 'quorum' }, promiseMs: () => 2_500, nextMark: () => 1, out },
    top: () => ({ known: true, value: 0, raise: () => {} }),
  })
  const isMade = () =>
    out.splice(0).some(effect => effect.kind === 'persist' && JSON.stringify(effect).includes('"version":3'))
  return { book, isMade }
}

const told = (list: VoterList | undefined, promiseMs: number) =>
  ({ type: 'voters', list, firm: list !== undefined, top: 0, promiseMs }) as const

test('a change of the voter list is made when the longest promise of those who settled it has run out', () => {
  const { book, isMade } = madeOf()
  book.message(b, told(adding, 10_000), at(0))
  book.tick(at(9_900))
  assert.equal(isMade(), false)
  book.tick(at(10_000))
  assert.equal(isMade(), true)
})

test('so it is when the one that gave it has lost its disk since: what it granted before stands', () => {
  const { book, isMade } = madeOf()
  book.message(b, told(adding, 10_000), at(0))
  book.message(c, told(adding, 2_500), at(2_400))
  book.message(b, told(undefined, 2_500), at(2_450))
  book.tick(at(2_600))
  assert.equal(isMade(), false)
  book.tick(at(10_000))
  assert.equal(isMade(), true)
})
