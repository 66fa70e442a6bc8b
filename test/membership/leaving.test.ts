/** A member that leaves says so before it goes. One that has not, and is out of touch, may be there and drain. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { at, Lone, record } from './records.ts'

/** A member announces its leave, and its link closes before the farewell; the number of the dial that follows. */
function cutOffWhileLeaving() {
  const me = new Lone()
  const a = record('a')
  const link = me.meet(a, 0, 'a:7946')
  me.say(link, a, { type: 'leave', member: { ...a, leaving: true } }, 100)
  me.membership.linkDown(link, a.peerId, 'remote', at(110))
  const [dial] = me.collect().flatMap(effect => (effect.kind === 'dial' ? [effect.dial] : []))
  assert.ok(dial)
  return { me, a, dial }
}

test('a leave is seen as a leave even when its link closes before the farewell', () => {
  const { me, a, dial } = cutOffWhileLeaving()
  me.membership.dialled(dial, { ok: false, reason: 'refused', detail: '' }, at(115))
  me.collect()
  assert.equal(me.statusOf(a), 'left')
})

test('whoever drains behind a link that was cut has not left', () => {
  const { me, a, dial } = cutOffWhileLeaving()
  assert.equal(me.statusOf(a), 'alive')
  me.membership.dialled(dial, { ok: true, peer: a.peerId }, at(115))
  me.meet({ ...a, leaving: true }, 116, 'a:7946')
  assert.equal(me.statusOf(a), 'alive')
  assert.equal(me.membership.roster.get(a.id)?.record.leaving, true)
})
