/** What this node sees itself of a process that is gone counts for voters, whoever has buried the member first. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { at, Lone, record } from './records.ts'

const a = record('a')
const others = ['b', 'c', 'd'].map(name => record(name))

/** A node that has met four, and its link to the first of them. */
function met() {
  const me = new Lone()
  const link = me.meet(a, 10, 'a:7946')
  for (const other of others) me.meet(other, 10)
  me.runTo(100)
  me.effects = []
  return { me, link }
}

/** All others accuse it of having refused them: a majority without this node. */
function buried(me: Lone, ms: number): void {
  for (const { id, peerId } of others) {
    const claim = {
      accuser: id,
      subject: a.id,
      incarnation: a.incarnation,
      sequence: 1,
      evidence: 'refused' as const,
      withdrawn: false,
    }
    me.membership.gossip(peerId, peerId, { type: 'claims', claims: [claim] }, at(ms))
  }
  me.collect()
}

function dialOf(me: Lone): number {
  const dials = me.effects.flatMap(effect => (effect.kind === 'dial' ? [effect] : []))
  assert.deepEqual(
    dials.map(({ address }) => address),
    ['a:7946'],
  )
  return dials[0]?.dial ?? 0
}

const refused = { ok: false, reason: 'refused', detail: '' } as const

test('others bury the member between the close of its link and the answer to the dial: the refusal is told', () => {
  const { me, link } = met()
  me.membership.linkDown(link, a.peerId, 'remote', at(110))
  me.collect()
  buried(me, 115)
  assert.equal(me.statusOf(a), 'dead')
  me.membership.dialled(dialOf(me), refused, at(120))
  assert.deepEqual(
    me.membership.takeRefusals().map(({ id }) => id),
    [asNodeId('a')],
  )
})

test('others bury the member before its link closes: it is dialled all the same, and its refusal is told', () => {
  const { me, link } = met()
  buried(me, 110)
  assert.equal(me.statusOf(a), 'dead')
  me.effects = []
  me.membership.linkDown(link, a.peerId, 'remote', at(115))
  me.collect()
  me.membership.dialled(dialOf(me), refused, at(120))
  assert.deepEqual(
    me.membership.takeRefusals().map(({ id }) => id),
    [asNodeId('a')],
  )
  assert.ok(!me.events().includes('member-suspect'), 'nobody accuses the dead')
})

test('a member that has said farewell is no evidence', () => {
  const { me, link } = met()
  me.say(link, a, { type: 'leave', member: { ...a, leaving: true, status: 'left' } }, 110)
  me.effects = []
  me.membership.linkDown(link, a.peerId, 'remote', at(115))
  me.collect()
  assert.deepEqual(
    me.effects.filter(({ kind }) => kind === 'dial'),
    [],
  )
  assert.deepEqual(me.membership.takeRefusals(), [])
})
