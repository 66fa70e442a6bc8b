import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, type NodeId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import type { MembershipConfig } from '../../src/membership/config.ts'
import { INCARNATION_AHEAD_MS } from '../../src/membership/news.ts'
import { at, Lone, RING, record, WALL } from './records.ts'

const A = record('a')
const Z = record('z')
const DAY_MS = 24 * 3_600_000

const shown = (me: Lone): string[] => [...me.membership.roster.entries()].map(entry => entry.record.id)

/** A node that knows `a` to be dead, and `b`, which said so. */
function withDead(): { me: Lone; link: ReturnType<Lone['meet']> } {
  const me = new Lone()
  const link = me.meet(record('b'), 10)
  me.say(link, record('b'), { type: 'rumour', members: [{ ...A, status: 'dead' }] }, 20)
  return { me, link }
}

test('a dead member that is forgotten is out of sight, and everybody is told', () => {
  const { me } = withDead()
  assert.equal(me.membership.orders.forget(A.id, at(100)), undefined)
  assert.deepEqual(shown(me), ['me', 'b'])
  me.runTo(300)
  const told = me.effects.flatMap(effect =>
    effect.kind === 'publish' && effect.message.type === 'rumour' ? effect.message.members : [],
  )
  assert.ok(told.some(member => member.id === A.id && member.forgotten === true && member.status === 'left'))
})

test('what is alive or unknown is not forgotten, and the answer says why', () => {
  const { me } = withDead()
  assert.equal(me.membership.orders.forget(asNodeId('b'), at(100))?.code, 'MEMBER_ALIVE')
  assert.equal(me.membership.orders.forget(asNodeId('me'), at(100))?.code, 'MEMBER_ALIVE')
  assert.equal(me.membership.orders.forget(asNodeId('nobody'), at(100))?.code, 'MEMBER_UNKNOWN')
  me.membership.orders.forget(A.id, at(100))
  assert.equal(me.membership.orders.forget(A.id, at(101))?.code, 'MEMBER_UNKNOWN')
})

test('old news does not bring a forgotten member back, a later life does', () => {
  const { me, link } = withDead()
  me.membership.orders.forget(A.id, at(100))
  for (const status of ['alive', 'dead', 'left'] as const)
    me.say(link, record('b'), { type: 'rumour', members: [{ ...A, status }] }, 200)
  assert.deepEqual(shown(me), ['me', 'b'])
  me.meet({ ...A, incarnation: 2 }, 300)
  assert.deepEqual(shown(me).toSorted(), ['a', 'b', 'me'])
  assert.equal(me.statusOf(A), 'alive')
})

test('that a member which this node hears is forgotten is not believed; the member is told', () => {
  const me = new Lone()
  const linkA = me.meet(A, 10)
  const link = me.meet(record('b'), 20)
  const forgotten = { ...A, status: 'left' as const, forgotten: true }
  me.say(link, record('b'), { type: 'rumour', members: [forgotten] }, 30)
  assert.equal(me.statusOf(A), 'alive')
  assert.ok(
    me.effects.some(e => e.kind === 'send' && e.link === linkA && e.message.type === 'rumour'),
    'it can refute that',
  )
})

/** A node with voters that have notes of `z`, of which no roster knows. */
function withNamed(config: Partial<MembershipConfig> = {}): { me: Lone; named: Set<NodeId> } {
  const named = new Set([Z.id])
  return { me: new Lone('me', { config, isNamed: id => named.has(id) }), named }
}

test('one that no roster has is forgotten where voters have notes of it, and everybody is told so that they can read it', () => {
  const { me } = withNamed()
  assert.equal(me.membership.orders.forget(asNodeId('y'), at(100))?.code, 'MEMBER_UNKNOWN')
  assert.equal(me.membership.orders.forget(Z.id, at(100)), undefined)
  assert.equal(me.membership.roster.get(Z.id)?.record.forgotten, true)
  assert.deepEqual(shown(me), ['me'])
  me.runTo(300)
  const told = me.effects.flatMap(effect =>
    effect.kind === 'publish' && effect.message.type === 'rumour' ? effect.message.members : [],
  )
  const record = told.find(member => member.id === Z.id)
  assert.match(record?.peerId ?? '', /^[1-9A-HJ-NP-Za-km-z]{20,128}$/)
  const other = new Lone('other')
  const link = other.meet(me.membership.self, 10)
  other.say(link, me.membership.self, { type: 'rumour', members: told }, 400)
  assert.equal(other.membership.roster.get(Z.id)?.record.forgotten, true)
})

test('where no member can be dropped for its tombstone it is not forgotten, and the answer says so', () => {
  const { me } = withNamed({ membersMax: 3 })
  me.meet(record('b'), 10)
  me.meet(record('c'), 20)
  const failure = me.membership.orders.forget(Z.id, at(100))
  assert.equal(failure?.code, 'MEMBERS_FULL')
  assert.match(failure?.detail ?? '', /knows 3 members.*membership\.membersMax/)
  assert.equal(me.membership.roster.get(Z.id), undefined)
})

test('whoever was forgotten by name only and lives after all is welcome in the life that it has', () => {
  const { me } = withNamed()
  me.membership.orders.forget(Z.id, at(100))
  me.meet(Z, 200)
  assert.equal(me.statusOf(Z), 'alive')
  assert.deepEqual(shown(me), ['me', 'z'])
})

test('that a member is forgotten is kept, and taken from others, for as long as voters have notes of it', () => {
  const { me, named } = withNamed({ tombstoneMs: 1_000, membersMax: 3 })
  const link = me.meet(record('b'), 10)
  const goneAt = wallOf(WALL - 5_000)
  const rumour = { type: 'rumour', members: [{ ...Z, status: 'left', forgotten: true, goneAt }] } as const
  me.say(link, record('b'), rumour, 20)
  const isForgotten = () => me.membership.roster.get(Z.id)?.record.forgotten === true
  assert.ok(isForgotten(), 'it is past its time, and needed')
  me.say(link, record('b'), { type: 'rumour', members: [A] }, 30)
  assert.ok(isForgotten(), 'it makes no room for others')
  me.runTo(3_000, ms => me.say(link, record('b'), { type: 'ping', seq: ms }, ms))
  assert.ok(isForgotten())
  named.delete(Z.id)
  me.runTo(3_200, ms => me.say(link, record('b'), { type: 'ping', seq: ms }, ms))
  assert.equal(me.membership.roster.get(Z.id), undefined)
  me.say(link, record('b'), rumour, 3_300)
  assert.equal(me.membership.roster.get(Z.id), undefined)
})

test('a tombstone is dropped a day after the death, wherever it was first heard of, and is not taken up again', () => {
  const me = new Lone('me', { config: { tombstoneMs: DAY_MS } })
  const link = me.meet(record('b'), 10)
  const dead = (ageMs: number) => ({ ...A, status: 'dead' as const, goneAt: (WALL - ageMs) as never })
  me.say(link, record('b'), { type: 'rumour', members: [dead(DAY_MS - 1_000)] }, 20)
  assert.deepEqual(shown(me), ['me', 'b', 'a'])
  me.runTo(1_200, ms => me.say(link, record('b'), { type: 'ping', seq: ms }, ms))
  assert.deepEqual(shown(me), ['me', 'b'])
  me.say(link, record('b'), { type: 'rumour', members: [dead(DAY_MS - 1_000)] }, 1_300)
  assert.deepEqual(shown(me), ['me', 'b'])
})

test('a finder whose clock is days off does not make a death forgotten at once', () => {
  const me = new Lone('me', { config: { tombstoneMs: DAY_MS } })
  const link = me.meet(record('b'), 10)
  me.say(link, record('b'), { type: 'rumour', members: [A] }, 20)
  const goneAt = (WALL - 9 * DAY_MS) as never
  me.say(link, record('b'), { type: 'rumour', members: [{ ...A, status: 'dead', goneAt }] }, 30)
  me.runTo(1_000)
  assert.equal(me.statusOf(A), 'dead')
})

test('a tombstone of a clock that is far ahead is dropped after its time, and none that was handed on is taken up again', () => {
  const me = new Lone('me', { config: { tombstoneMs: 1_000 } })
  const link = me.meet(record('b'), 10)
  const goneAt = wallOf(WALL + 1_000 * DAY_MS)
  const listen = (ms: number) => void me.say(link, record('b'), { type: 'ping', seq: ms }, ms)
  me.say(link, record('b'), { type: 'rumour', members: [{ ...A, status: 'left', goneAt }] }, 20)
  const handedOn = me.membership.roster.get(A.id)?.record
  assert.ok(handedOn)
  me.runTo(1_200, listen)
  assert.deepEqual(shown(me), ['me', 'b'])
  me.say(link, record('b'), { type: 'rumour', members: [handedOn] }, 1_300)
  assert.deepEqual(shown(me), ['me', 'b'])
})

test('what is kept of members goes with their tombstones, those that made room for others too', () => {
  const me = new Lone('me', { config: { membersMax: 3 } })
  const link = me.meet(record('b'), 10)
  me.say(link, record('b'), { type: 'rumour', members: [{ ...A, status: 'dead' }] }, 20)
  assert.ok(me.membership.ledger.of(A.id).length > 0)
  me.say(link, record('b'), { type: 'rumour', members: [record('c')] }, 30)
  me.tick(100)
  assert.deepEqual(me.membership.ledger.of(A.id), [])
})

test('a cordon and a weight are new incarnations of the own record, and are told at once', () => {
  const me = new Lone()
  const { orders } = me.membership
  orders.setCordoned('operator', true, at(10))
  assert.deepEqual([me.membership.self.cordoned, me.membership.self.incarnation], [true, 2])
  orders.setCordoned('operator', true, at(11))
  assert.equal(me.membership.self.incarnation, 2)
  orders.setWeight(2.5, at(12))
  assert.deepEqual([me.membership.self.weight, me.membership.self.incarnation], [2.5, 3])
  orders.setCordoned('operator', false, at(13))
  assert.deepEqual([me.membership.self.cordoned, me.membership.self.incarnation], [false, 4])
  const told = me
    .collect()
    .flatMap(e => (e.kind === 'publish' && e.message.type === 'rumour' ? e.message.members : []))
  assert.deepEqual(
    told.map(member => member.incarnation),
    [2, 3, 4],
  )
})

test('an operator’s cordon outlasts the one for joining', () => {
  const me = new Lone()
  const { orders } = me.membership
  orders.setCordoned('joining', true, at(10))
  orders.setCordoned('operator', true, at(20))
  orders.setCordoned('joining', false, at(30))
  assert.equal(me.membership.self.cordoned, true)
  orders.setCordoned('operator', false, at(40))
  assert.equal(me.membership.self.cordoned, false)
})

test('an incarnation centuries ahead of the clock is not taken, and the limit itself can be outbid a moment later', () => {
  const me = new Lone()
  const link = me.meet(record('b'), 10)
  const far = 2 ** 52
  const limit = WALL + 20 + INCARNATION_AHEAD_MS
  me.say(
    link,
    record('b'),
    { type: 'rumour', members: [record('me', { status: 'dead', incarnation: far })] },
    20,
  )
  assert.equal(me.membership.self.incarnation, 1)
  assert.equal(me.membership.counters().implausible, 1)
  me.say(
    link,
    record('b'),
    { type: 'rumour', members: [record('me', { status: 'dead', incarnation: limit })] },
    20,
  )
  assert.equal(me.membership.self.incarnation, limit + 1)
  const other = new Lone('other')
  const meet = other.meet(record('b'), 10)
  other.say(meet, record('b'), { type: 'rumour', members: [me.membership.self] }, 21)
  assert.equal(other.membership.roster.get(asNodeId('me'))?.record.incarnation, limit + 1)
})

test('a newcomer with an incarnation centuries ahead is refused and told to set its clock', () => {
  const me = new Lone()
  me.meet(record('a', { incarnation: 2 ** 51 }), 10)
  const [refusal] = me.sent('refuse')
  assert.equal(refusal?.code, 'PEER_NOT_ALLOWED')
  assert.match(refusal?.detail ?? '', /clock/)
})

test('seeds may change: those that stay are left alone, new ones are dialled at once', () => {
  const me = new Lone('me', { seeds: ['a:7946', 'b:7946'] })
  const dialled = () => me.effects.flatMap(effect => (effect.kind === 'dial' ? [effect.address] : []))
  me.tick(100)
  assert.deepEqual(dialled(), ['a:7946', 'b:7946'])
  me.membership.orders.setSeeds(['b:7946', 'c:7946'], at(150).mono)
  me.tick(200)
  assert.deepEqual(dialled(), ['a:7946', 'b:7946', 'c:7946'])
  assert.deepEqual(me.membership.seeds, ['b:7946', 'c:7946'])
  me.membership.orders.setSeeds([], at(250).mono)
  assert.equal(me.membership.island, false)
})

/** `a` closes its last link; answers say what each address does. Returns the addresses dialled. */
function closed(
  addresses: string[],
  dialledAt: string | undefined,
  answers: Record<string, 'refused' | 'timeout'>,
) {
  const me = new Lone()
  const a = record('a', { addresses })
  const link = me.open(a, 0, dialledAt)
  me.say(link, a, { type: 'hello', cluster: 'test', self: a, ring: RING, version: '0' }, 0)
  me.runTo(3_000, ms => me.say(link, a, { type: 'ping', seq: ms }, ms))
  me.effects = []
  me.membership.linkDown(link, a.peerId, 'remote', at(3_010))
  const dialled: string[] = []
  for (let ms = 3_011; ms < 3_020; ms++) {
    for (const effect of me.collect()) {
      if (effect.kind !== 'dial') continue
      dialled.push(effect.address)
      const reason = answers[effect.address] ?? 'timeout'
      me.membership.dialled(effect.dial, { ok: false, reason, detail: '' }, at(ms))
    }
  }
  return { dialled, status: me.statusOf(a) }
}

test('of several addresses the one that has answered before says that nobody lives there', () => {
  const end = closed(['x:1', 'y:1'], 'y:1', { 'y:1': 'refused' })
  assert.deepEqual(end, { dialled: ['y:1'], status: 'dead' })
})

test('of several addresses that never answered all must refuse', () => {
  assert.deepEqual(closed(['x:1', 'y:1'], undefined, { 'x:1': 'refused', 'y:1': 'refused' }), {
    dialled: ['x:1', 'y:1'],
    status: 'dead',
  })
  assert.deepEqual(closed(['x:1', 'y:1'], undefined, { 'x:1': 'refused', 'y:1': 'timeout' }), {
    dialled: ['x:1', 'y:1'],
    status: 'alive',
  })
})

test('that a former disk is gone for good is a new incarnation, told to all, and noted by whoever hears it', () => {
  const me = new Lone()
  const link = me.meet(record('b'), 10)
  me.membership.orders.forgetFormerDisk('second', at(20))
  me.membership.orders.forgetFormerDisk('second', at(21))
  assert.deepEqual([me.membership.self.onlyDisk, me.membership.self.incarnation], ['second', 2])
  const told = me
    .collect()
    .flatMap(e => (e.kind === 'publish' && e.message.type === 'rumour' ? e.message.members : []))
    .filter(({ id }) => id === me.membership.self.id)
  assert.deepEqual(
    told.map(({ onlyDisk }) => onlyDisk),
    ['second'],
  )
  const b = record('b', { incarnation: 2, onlyDisk: 'third' })
  me.say(link, record('b'), { type: 'rumour', members: [b] }, 30)
  assert.equal(me.membership.roster.get(b.id)?.record.onlyDisk, 'third')
  const lines = (id: NodeId): readonly string[] => me.membership.ledger.of(id).map(({ event }) => event)
  assert.ok(lines(b.id).includes('member-former-disk-forgotten'))
  assert.ok(lines(me.membership.self.id).includes('former-disk-forgotten'))
  const failure = me.membership.orders.forget(b.id, at(40))
  assert.match(failure?.detail ?? '', /forget b --former-disk/)
})
