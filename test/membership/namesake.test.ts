import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asPeerId } from '../../src/base/ids.ts'
import type { MemberRecord } from '../../src/membership/member.ts'
import type { Holder, MembershipLinkMessage } from '../../src/membership/messages.ts'
import { at, Lone, RING, record } from './records.ts'

const holder: Holder = { nonce: 7, ageMs: 3_600_000, peerId: asPeerId('another-key'), heldMs: 60_000 }

const refusal = (by: Holder | undefined): MembershipLinkMessage => ({
  type: 'refuse',
  code: 'NODE_ID_TAKEN',
  detail: 'me is held by another',
  ...(by === undefined ? {} : { holder: by }),
})

/** A newcomer that met `a` and was refused by it. */
function refusedNewcomer(): Lone {
  const me = new Lone('me', { seeds: ['a:7946'] })
  const link = me.meet(record('a'), 10)
  me.say(link, record('a'), refusal(holder), 20)
  return me
}

test('a newcomer whose name is taken says so, publishes nothing, accuses nobody and owns nothing', () => {
  const me = refusedNewcomer()
  assert.match(me.membership.nameTaken ?? '', /held by another/)
  assert.ok(me.events().includes('node-id-conflict'))
  assert.equal(me.membership.self.cordoned, true)
  me.effects = []
  me.runTo(20_000)
  assert.deepEqual(
    me.effects.filter(effect => effect.kind === 'publish'),
    [],
  )
  assert.equal(me.statusOf(record('a')), 'alive')
  assert.ok(me.effects.some(effect => effect.kind === 'dial'))
})

test('a node that stands aside wants no tick but the regular ones, and publishes nothing of that time later', () => {
  const me = refusedNewcomer()
  for (let ms = 100; ms <= 5_000; ms += 100) {
    me.tick(ms)
    assert.ok(me.membership.nextWake() > ms, `at ${ms} it wants a tick at ${me.membership.nextWake()}`)
  }
  const link = me.meet(record('a'), 5_010)
  me.say(link, record('a'), { type: 'sync', reply: false, members: [record('b')], claims: [] }, 5_020)
  me.effects = []
  me.runTo(6_500)
  assert.equal(me.membership.nameTaken, undefined)
  const told = me.effects.flatMap(effect => (effect.kind === 'publish' ? [effect.message] : []))
  const names = told
    .flatMap(message => (message.type === 'rumour' ? message.members : []))
    .map(({ id }) => id)
  assert.deepEqual([...new Set(names)], ['me'])
})

test('what is said of its name does not concern a node that stands aside', () => {
  const me = refusedNewcomer()
  const link = me.meet(record('b'), 100)
  const before = me.membership.self.incarnation
  const dead = record('me', { status: 'dead', incarnation: 9 })
  me.say(link, record('b'), { type: 'rumour', members: [dead] }, 110)
  assert.equal(me.membership.self.incarnation, before)
})

test('accepted again and refused by nobody for a second, it is back above everything said of its name', () => {
  const me = refusedNewcomer()
  me.runTo(5_000)
  const link = me.meet(record('a'), 5_010)
  const gone = record('me', { peerId: holder.peerId, status: 'dead', incarnation: 40 })
  me.say(link, record('a'), { type: 'sync', reply: false, members: [gone], claims: [] }, 5_020)
  me.runTo(5_900)
  assert.ok(me.membership.nameTaken)
  me.runTo(6_200)
  assert.equal(me.membership.nameTaken, undefined)
  assert.equal(me.membership.self.incarnation, 41)
  assert.equal(me.membership.self.cordoned, false)
  assert.ok(me.events().includes('node-id-free'))
  me.runTo(7_000)
  assert.ok(!me.events().includes('member-suspect'), 'the time aside is nobody else’s silence')
})

test('a member that still takes the other for the holder does not count as acceptance', () => {
  const me = refusedNewcomer()
  me.runTo(5_000)
  const link = me.meet(record('a'), 5_010)
  const alive = record('me', { peerId: holder.peerId, incarnation: 40 })
  me.say(link, record('a'), { type: 'sync', reply: false, members: [alive], claims: [] }, 5_020)
  me.runTo(8_000)
  assert.ok(me.membership.nameTaken)
})

test('whoever has held its name for a while does not give it to a newcomer', () => {
  const me = new Lone('me', { seeds: ['a:7946'] })
  const link = me.meet(record('a'), 10)
  me.say(link, record('a'), { type: 'sync', reply: false, members: [], claims: [] }, 20)
  me.runTo(15_000, ms => me.say(link, record('a'), { type: 'ping', seq: ms }, ms))
  const newcomer = { ...holder, ageMs: 100, heldMs: 100 }
  me.say(link, record('a'), refusal(newcomer), 15_010)
  assert.equal(me.membership.nameTaken, undefined)
})

/** A hello of a process with the key of `member`. */
const helloOf = (member: MemberRecord, nonce: number, ageMs: number): MembershipLinkMessage => ({
  type: 'hello',
  cluster: 'test',
  self: member,
  ring: RING,
  version: '0',
  life: { nonce, ageMs },
})

test('a restart with the same key is taken at once, and its past is told to stand aside', () => {
  const me = new Lone()
  const a = record('a')
  const old = me.open(a, 0)
  me.say(old, a, helloOf(a, 1, 60_000), 1)
  const again = record('a', { incarnation: 2, addresses: ['elsewhere:7946'] })
  const link = me.open(a, 100)
  me.say(link, a, helloOf(again, 2, 0), 101)
  assert.deepEqual(me.membership.roster.get(a.id)?.record.addresses, ['elsewhere:7946'])
  const told = me.effects.filter(effect => effect.kind === 'send' && effect.message.type === 'refuse')
  assert.deepEqual(
    told.map(effect => effect.kind === 'send' && effect.link),
    [old],
  )
})

test('an older process with the same key is refused while the younger one answers, and its leave is not the member’s', () => {
  const me = new Lone()
  const a = record('a', { incarnation: 5 })
  const young = me.open(a, 0)
  me.say(young, a, helloOf(a, 2, 0), 1)
  const old = me.open(a, 100)
  me.say(old, a, helloOf(record('a'), 1, 60_000), 101)
  assert.equal(me.sent('refuse').length, 1)
  assert.equal(me.statusOf(a), 'alive')
  me.membership.linkDown(young, a.peerId, 'error', at(2_500))
  const later = me.open(a, 2_600)
  me.say(later, a, helloOf(record('a', { incarnation: 6 }), 1, 62_600), 2_601)
  assert.equal(me.sent('refuse').length, 1, 'nobody answers for the younger one any more')
})

test('late words of a predecessor with another key do not touch its successor', () => {
  const me = new Lone()
  const old = record('a', { peerId: asPeerId('old-key') })
  const oldLink = me.meet(old, 0)
  me.runTo(3_000)
  const successor = record('a', { peerId: asPeerId('new-key'), incarnation: 9 })
  me.meet(successor, 3_000)
  me.say(oldLink, old, { type: 'leave', member: { ...old, status: 'left', leaving: true } }, 3_050)
  const link = me.meet(record('b'), 3_060)
  for (const status of ['dead', 'left'] as const)
    me.say(link, record('b'), { type: 'rumour', members: [{ ...old, status }] }, 3_070)
  me.membership.linkDown(oldLink, old.peerId, 'remote', at(3_080))
  me.collect()
  const known = me.membership.roster.get(asNodeId('a'))?.record
  assert.equal(known?.status, 'alive')
  assert.equal(known?.peerId, 'new-key')
})

test('a peer whose name another bears by now is told so as soon as it speaks', () => {
  const me = new Lone()
  const old = record('a', { peerId: asPeerId('old-key') })
  const oldLink = me.meet(old, 0)
  me.runTo(3_000)
  me.meet(record('a', { peerId: asPeerId('new-key'), incarnation: 9 }), 3_000)
  assert.deepEqual(me.sent('refuse'), [])
  me.say(oldLink, old, { type: 'ping', seq: 1 }, 3_100)
  assert.equal(me.sent('refuse')[0]?.code, 'NODE_ID_TAKEN')
})

test('a node that leaves lets a successor have its name, and does not outbid it', () => {
  const me = new Lone()
  const link = me.meet(record('a'), 0)
  me.membership.beginLeave(at(100))
  const successor = record('me', { incarnation: 9, addresses: ['elsewhere:7946'] })
  me.say(link, record('a'), { type: 'rumour', members: [successor] }, 200)
  assert.equal(me.membership.self.incarnation, 1)
})
