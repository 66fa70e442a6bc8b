import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MemberRecord } from '../../src/membership/member.ts'
import { at, Lone, record } from './records.ts'

test('a node that has left is not pushed out of its own full roster by whoever comes meanwhile', () => {
  const me = new Lone('me', { config: { membersMax: 3 } })
  me.meet(record('a'), 10)
  me.meet(record('b'), 20)
  me.membership.beginLeave(at(30))
  me.membership.finishLeave(at(40))
  me.meet(record('c'), 50)
  me.tick(100)
  assert.equal(me.membership.self.status, 'left')
  assert.equal(me.statusOf(record('c')), undefined)
})

test('of a member that was pushed out of a full roster and is back before the next tick nothing is forgotten', () => {
  const me = new Lone('me', { config: { membersMax: 4 } })
  const link = me.meet(record('x'), 10)
  const say = (members: MemberRecord[], ms: number) =>
    me.say(link, record('x'), { type: 'sync', reply: false, members, claims: [] }, ms)
  say([record('a', { status: 'dead' })], 20)
  say([record('b', { status: 'dead' })], 30)
  say([record('c')], 40)
  assert.equal(me.statusOf(record('a')), undefined)
  say([record('a', { incarnation: 2 })], 50)
  me.tick(100)
  assert.equal(me.statusOf(record('a')), 'alive')
  assert.ok(me.membership.ledger.of(record('a').id).some(({ event }) => event === 'member-alive'))
  assert.deepEqual(me.membership.ledger.of(record('b').id), [])
})
