import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Random } from '../../src/base/random.ts'
import { grantsDefaults } from '../../src/grants/config.ts'
import { Member } from '../../src/grants/member.ts'
import type { Renew } from '../../src/grants/messages.ts'
import { Rings } from '../../src/grants/rings.ts'
import { hashOf } from '../../src/grants/voter-list.ts'
import type { Voters } from '../../src/grants/voters.ts'
import { buildRing } from '../../src/ring/build-ring.ts'
import { ringDefaults } from '../../src/ring/config.ts'
import { a, at, b, both, grantOf, keyOf } from './scene.ts'

const list = { version: 1, names: [b], fixed: true }
const voters: Voters = {
  list,
  name: { version: 1, hash: hashOf(list) },
  names: [b],
  includes: node => node === b,
  isQuorum: nodes => nodes.has(b),
}

/** A member that acts under a term, and what it asked of its one voter. */
function acting() {
  const rings = new Rings(members => buildRing(members, ringDefaults()))
  rings.own(both)
  const logged: string[] = []
  const log = (event: string): void => {
    logged.push(event)
  }
  const parts = {
    self: a,
    session: 1,
    config: { ...grantsDefaults(), mode: 'quorum' as const },
    rings,
    voters,
    log,
  }
  const member = new Member({ ...parts, random: new Random(1) })
  member.viewChanged(both, false)
  const ask = (ms: number): Renew => {
    let asked: Renew | undefined
    member.request([b], at(ms), (_, renew) => {
      asked = renew
    })
    assert.ok(asked, `the voter is asked at ${ms}`)
    return asked
  }
  const first = ask(0)
  member.answered(b, grantOf(first.seq, first.scope, { fresh: true }), at(10))
  const second = ask(20)
  assert.ok(second.term > 0)
  member.answered(b, grantOf(second.seq, second.scope, { top: second.term, termTaken: true }), at(30))
  return { member, ask, logged, term: second.term }
}

const key = keyOf(both, a)

test('a voter whose promise has run out while its grant still counts here says that this clock stood still', () => {
  const { member, ask, logged, term } = acting()
  assert.equal(member.leaveFor(key)?.term, term)
  const next = ask(700)
  member.answered(b, grantOf(next.seq, next.scope, { fresh: true, top: term + 50 }), at(710))
  assert.equal(member.leaveFor(key), undefined)
  assert.ok(logged.includes('clock-stood-still'))
  assert.equal(member.counts.clockStops, 1)
  const again = ask(720)
  member.answered(b, grantOf(again.seq, again.scope, { top: term + 50 }), at(730))
  const chosen = ask(740)
  assert.ok(chosen.term > term + 50, 'a new term is asked for')
})

test('the same grant once more, with what its disk has by now, says nothing of the kind', () => {
  const { member, ask, logged, term } = acting()
  const next = ask(700)
  const grant = grantOf(next.seq, next.scope, { top: term, termTaken: true })
  member.answered(b, { ...grant, fresh: false }, at(710))
  member.answered(b, { ...grant, fresh: false }, at(720))
  assert.equal(member.leaveFor(key)?.term, term)
  assert.ok(!logged.includes('clock-stood-still'))
})

test('a first grant after the last one has run out is no surprise', () => {
  const { member, ask, logged } = acting()
  member.expire(at(5_000))
  const next = ask(5_000)
  member.answered(b, grantOf(next.seq, next.scope, { fresh: true }), at(5_010))
  assert.ok(!logged.includes('clock-stood-still'))
})

test('whoever is told of a higher term for its keys gives up what it holds, and takes one above it', () => {
  const { member, ask, term } = acting()
  member.outranked(term + 1_000, at(100))
  assert.equal(member.leaveFor(key), undefined)
  const again = ask(110)
  member.answered(b, grantOf(again.seq, again.scope), at(120))
  assert.ok(ask(130).term > term + 1_000)
})
