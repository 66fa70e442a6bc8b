import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asPeerId } from '../../src/base/ids.ts'
import type { MemberRecord } from '../../src/membership/member.ts'
import { at, Lone, RING, record } from './records.ts'

test('a hello makes a member, and everything known goes back', () => {
  const me = new Lone()
  me.meet(record('a'), 10)
  assert.equal(me.statusOf(record('a')), 'alive')
  assert.deepEqual(
    me.sent('sync').map(sync => sync.members.map(member => member.id)),
    [['me', 'a']],
  )
})

test('nothing but hello and refuse is listened to before the hello', () => {
  const me = new Lone()
  const link = me.open(record('a'), 10)
  const effects = me.say(
    link,
    record('a'),
    { type: 'sync', reply: true, members: [record('b')], claims: [] },
    11,
  )
  assert.deepEqual(effects, [])
  assert.equal(me.statusOf(record('b')), undefined)
  assert.equal(me.membership.counters().ungreetedDropped, 1)
})

test('a link on which no hello comes is closed', () => {
  const me = new Lone()
  me.open(record('a'), 0)
  me.runTo(3_100)
  assert.ok(me.effects.some(effect => effect.kind === 'close-link' && effect.reason === 'no hello came'))
})

test('other ring parameters are refused with both sides named', () => {
  const me = new Lone()
  const a = record('a')
  const link = me.open(a, 10)
  me.say(
    link,
    a,
    { type: 'hello', cluster: 'test', self: a, ring: { ...RING, vnodesPerWeight: 40 }, version: '0' },
    11,
  )
  const [refusal] = me.sent('refuse')
  assert.equal(refusal?.code, 'RING_MISMATCH')
  assert.match(refusal?.detail ?? '', /100 vnodes.*40 vnodes/)
  assert.equal(me.statusOf(a), undefined)
})

test('a hello for another key than the connection’s is refused', () => {
  const me = new Lone()
  const link = me.open(record('a'), 10)
  const forged = record('b')
  me.say(link, record('a'), { type: 'hello', cluster: 'test', self: forged, ring: RING, version: '0' }, 11)
  assert.equal(me.sent('refuse')[0]?.code, 'PEER_NOT_ALLOWED')
  assert.equal(me.statusOf(forged), undefined)
})

test('a newcomer with a live member’s name and another key is refused', () => {
  const me = new Lone()
  me.meet(record('a'), 10)
  const impostor = record('a', { peerId: asPeerId('another-key'), incarnation: 9 })
  me.meet(impostor, 500)
  assert.equal(me.sent('refuse')[0]?.code, 'NODE_ID_TAKEN')
  assert.equal(me.membership.roster.get(asNodeId('a'))?.record.peerId, 'key-a')
})

test('a newcomer with the name of a member that went silent takes its place', () => {
  const me = new Lone()
  me.meet(record('a'), 10)
  me.runTo(3_000)
  me.meet(record('a', { peerId: asPeerId('another-key'), incarnation: 9 }), 3_000)
  assert.deepEqual(me.sent('refuse'), [])
  assert.equal(me.membership.roster.get(asNodeId('a'))?.record.peerId, 'another-key')
})

test('a claim that this node is dead is refuted with a higher incarnation', () => {
  const me = new Lone()
  const link = me.meet(record('a'), 10)
  const dead = record('me', { status: 'dead', incarnation: 4 })
  me.say(link, record('a'), { type: 'sync', reply: false, members: [dead], claims: [] }, 20)
  assert.equal(me.membership.self.incarnation, 5)
  assert.equal(me.membership.self.status, 'alive')
  assert.ok(
    me.effects.some(
      e => e.kind === 'publish' && e.message.type === 'rumour' && e.message.members[0]?.incarnation === 5,
    ),
  )
})

test('another share of the ring under the incarnation of this node is outbid: nobody takes one for the other', () => {
  for (const other of [{ weight: 2 }, { cordoned: true }]) {
    const me = new Lone()
    const link = me.meet(record('a'), 10)
    const told = (members: ReturnType<typeof record>[]) =>
      me.say(link, record('a'), { type: 'sync', reply: false, members, claims: [] }, 20)
    told([record('me')])
    assert.equal(me.membership.self.incarnation, 1, 'it is what it says itself')
    told([record('me', other)])
    const { incarnation, weight, cordoned = false } = me.membership.self
    assert.deepEqual([incarnation, weight, cordoned], [2, 1, false])
  }
})

test('an accusation against this node is refuted', () => {
  const me = new Lone()
  const link = me.meet(record('a'), 10)
  const claim = {
    accuser: asNodeId('a'),
    subject: asNodeId('me'),
    incarnation: 1,
    sequence: 1,
    evidence: 'timeout' as const,
    withdrawn: false,
  }
  me.say(link, record('a'), { type: 'sync', reply: false, members: [], claims: [claim] }, 20)
  assert.equal(me.membership.self.incarnation, 2)
})

test('the death of a member that this node hears is not believed; the member is told', () => {
  const me = new Lone()
  const linkB = me.meet(record('b'), 10)
  const linkA = me.meet(record('a'), 20)
  me.say(
    linkA,
    record('a'),
    { type: 'sync', reply: false, members: [record('b', { status: 'dead' })], claims: [] },
    30,
  )
  assert.equal(me.statusOf(record('b')), 'alive')
  const told = me.effects.filter(e => e.kind === 'send' && e.link === linkB && e.message.type === 'rumour')
  assert.equal(told.length, 1)
})

test('a majority against a member that this node hears again convicts only once it is silent here too', () => {
  const me = new Lone()
  const d = record('d')
  const accusers = ['a', 'b', 'c'].map(name => ({ member: record(name), link: me.meet(record(name), 10) }))
  me.meet(d, 10)
  const accuse = (ms: number): void => {
    for (const { member, link } of accusers) {
      const claim = { accuser: member.id, subject: d.id, incarnation: 1, sequence: 1, withdrawn: false }
      me.say(link, member, { type: 'claims', claims: [{ ...claim, evidence: 'timeout' }] }, ms)
    }
  }
  const everySecond = (ms: number): void => {
    if (ms >= 2_000 && ms % 1_000 === 0) accuse(ms)
    else if (ms % 500 === 0)
      for (const { member, link } of accusers) me.say(link, member, { type: 'ping', seq: ms }, ms)
  }
  me.runTo(2_800, everySecond)
  const accuses = (name: string) =>
    me.effects.some(
      one => one.kind === 'log' && one.event === 'member-suspect' && one.fields['accuser'] === name,
    )
  assert.equal(accuses('me'), true)
  me.meet(d, 2_850)
  me.runTo(4_300, everySecond)
  assert.equal(me.statusOf(d), 'alive', 'heard 1450 ms ago at most, and 50 ms ago when the hold was over')
  me.runTo(4_500, everySecond)
  assert.equal(me.statusOf(d), 'dead', 'the others still accuse it, and it is silent here too')
})

test('a silent member is accused after the limit and the claim is withdrawn on contact', () => {
  const me = new Lone()
  const link = me.meet(record('a'), 0)
  const linkB = me.meet(record('b'), 0)
  const keepB = (ms: number) => {
    if (ms % 500 === 0) me.say(linkB, record('b'), { type: 'ping', seq: ms }, ms)
  }
  me.runTo(1_500, keepB)
  assert.ok(!me.events().includes('member-suspect'))
  me.runTo(1_800, keepB)
  assert.ok(me.events().includes('member-suspect'))
  assert.equal(me.statusOf(record('a')), 'alive')
  me.say(link, record('a'), { type: 'ping', seq: 1 }, 1_850)
  assert.ok(me.events().includes('claim-withdrawn'))
})

test('whoever stood still accuses nobody for it', () => {
  const me = new Lone()
  const members = [record('a'), record('b')]
  const links = members.map(member => me.meet(member, 0))
  me.runTo(1_000, ms => {
    for (const [i, member] of members.entries())
      me.say(links[i] ?? (1 as never), member, { type: 'ping', seq: ms }, ms)
  })
  me.tick(9_000)
  assert.ok(me.events().includes('stood-still'))
  assert.ok(!me.events().includes('member-suspect'))
  me.runTo(10_300, ms => {
    for (const [i, member] of members.entries())
      me.say(links[i] ?? (1 as never), member, { type: 'ping', seq: ms }, ms)
  })
  assert.ok(!me.events().includes('member-suspect'))
})

test('a remote close answered by a refused dial is evidence at once, and of two members a verdict', () => {
  const me = new Lone()
  const link = me.meet(record('a'), 0)
  me.runTo(3_000, ms => me.say(link, record('a'), { type: 'ping', seq: ms }, ms))
  me.membership.linkDown(link, record('a').peerId, 'remote', at(3_010))
  const dial = me.collect().find(effect => effect.kind === 'dial')
  assert.ok(dial?.kind === 'dial')
  me.membership.dialled(dial.dial, { ok: false, reason: 'refused', detail: '' }, at(3_015))
  me.collect()
  assert.equal(me.statusOf(record('a')), 'dead')
})

test('a close of this side or an unreachable host is no evidence', () => {
  for (const cause of ['local', 'error'] as const) {
    const me = new Lone()
    const link = me.meet(record('a'), 0)
    me.runTo(3_000, ms => me.say(link, record('a'), { type: 'ping', seq: ms }, ms))
    me.membership.linkDown(link, record('a').peerId, cause, at(3_010))
    me.tick(3_100)
    for (const effect of me.effects.filter(e => e.kind === 'dial')) {
      me.membership.dialled(effect.dial, { ok: false, reason: 'refused', detail: '' }, at(3_110))
    }
    assert.equal(me.statusOf(record('a')), 'alive', cause)
  }
})

test('the farewell waits for acknowledgements, and not for ever', () => {
  const me = new Lone()
  const link = me.meet(record('a'), 0)
  me.meet(record('b'), 0)
  me.membership.beginLeave(at(50))
  me.membership.finishLeave(at(60))
  me.collect()
  assert.equal(me.membership.leaveDone(at(61).mono), false)
  me.say(link, record('a'), { type: 'leave-ack', incarnation: 1 }, 70)
  assert.equal(me.membership.leaveDone(at(71).mono), false)
  assert.equal(me.membership.leaveDone(at(1_060).mono), true)
})

test('a second connection is tried after a second of silence', () => {
  const me = new Lone()
  me.meet(record('a'), 0)
  me.runTo(1_300)
  const forced = me.effects.filter(effect => effect.kind === 'dial' && effect.forceNew)
  assert.equal(forced.length, 1)
})

test('a node alone with seeds says that it is an island, and that it knows nobody', () => {
  const me = new Lone('me', { seeds: ['b:7946'] })
  assert.equal(me.membership.island, true)
  assert.equal(me.membership.synced, false)
  me.tick(100)
  const dial = me.effects.find(effect => effect.kind === 'dial')
  assert.ok(dial?.kind === 'dial')
  me.membership.dialled(dial.dial, { ok: false, reason: 'self', detail: '' }, at(110))
  assert.equal(me.membership.island, false)
  assert.equal(me.membership.synced, true)
})

test('a seed in trouble is named once for each kind of trouble', () => {
  const me = new Lone('me', { seeds: ['b:7946'] })
  for (let ms = 100; ms < 30_000; ms += 100) {
    const known = me.effects.length
    me.tick(ms)
    for (const effect of me.effects.slice(known)) {
      if (effect.kind !== 'dial') continue
      const reason = ms < 15_000 ? 'unresolvable' : 'refused'
      me.membership.dialled(effect.dial, { ok: false, reason, detail: 'test' }, at(ms + 1))
      me.collect()
    }
  }
  assert.equal(me.events().filter(event => event === 'seed-trouble').length, 2)
})

test('one sync cannot give a member that this node hears another key', () => {
  const me = new Lone()
  me.meet(record('a'), 10)
  const link = me.meet(record('b'), 20)
  const forged = record('a', { peerId: asPeerId('another-key'), incarnation: 9 })
  me.say(link, record('b'), { type: 'sync', reply: false, members: [forged], claims: [] }, 30)
  assert.equal(me.membership.roster.get(asNodeId('a'))?.record.peerId, 'key-a')
  assert.ok(me.membership.roster.byPeer(asPeerId('key-a')))
})

test('claims count from their accuser only, not from whoever repeats them', () => {
  const me = new Lone()
  me.meet(record('a'), 10)
  const link = me.meet(record('b'), 20)
  const claim = {
    subject: asNodeId('a'),
    incarnation: 1,
    sequence: 9,
    evidence: 'refused' as const,
    withdrawn: false,
  }
  const claims = ['c', 'b'].map(name => ({ ...claim, accuser: asNodeId(name) }))
  me.say(link, record('b'), { type: 'sync', reply: false, members: [record('c')], claims }, 30)
  const entry = me.membership.roster.get(asNodeId('a'))
  assert.ok(entry)
  assert.deepEqual(
    me.membership.sight(entry, at(31).mono).claims.map(c => c.accuser),
    ['b'],
  )
})

test('a link has one hello: a second one, under another name, makes no member', () => {
  const me = new Lone()
  const link = me.meet(record('a'), 10)
  const ghost = record('ghost', { peerId: asPeerId('key-a') })
  me.say(link, record('a'), { type: 'hello', cluster: 'test', self: ghost, ring: RING, version: '0' }, 20)
  assert.equal(me.statusOf(ghost), undefined)
  assert.equal(me.sent('refuse').length, 1)
})

test('a key that comes under another name has left the old one, and late news of that does not take the key away', () => {
  const me = new Lone()
  me.meet(record('old', { peerId: asPeerId('key') }), 10)
  me.meet(record('new', { peerId: asPeerId('key') }), 2_000)
  assert.equal(me.statusOf(record('old')), 'left')
  assert.equal(me.membership.roster.byPeer(asPeerId('key'))?.record.id, 'new')
})

test('a full roster makes room for the living by forgetting its oldest tombstone', () => {
  const me = new Lone('me', { config: { membersMax: 3 } })
  const link = me.meet(record('a'), 10)
  const dead = record('b', { status: 'dead' })
  me.say(link, record('a'), { type: 'sync', reply: false, members: [dead, record('c')], claims: [] }, 20)
  assert.equal(me.statusOf(record('b')), undefined)
  assert.equal(me.statusOf(record('c')), 'alive')
  assert.equal(me.membership.counters().rosterFull, 0)
})

test('in a full roster the dead push out no dead: two who know more of them than there is room for told each other for ever', () => {
  const me = new Lone('me', { config: { membersMax: 3 }, isNamed: id => id === 'c' })
  const link = me.meet(record('a'), 10)
  const say = (member: MemberRecord, ms: number) =>
    me.say(link, record('a'), { type: 'sync', reply: false, members: [member], claims: [] }, ms)
  for (const name of ['b', 'c', 'b', 'c']) say(record(name, { status: 'dead' }), 20)
  assert.equal(me.statusOf(record('b')), 'dead')
  assert.equal(me.statusOf(record('c')), undefined)
  assert.equal(me.events().filter(event => event === 'member-dead').length, 1)
  say(record('c', { status: 'left', leaving: true, forgotten: true }), 30)
  assert.equal(me.membership.roster.get(record('c').id)?.record.forgotten, true, 'somebody waits for it')
})

test('a step of the wall clock keeps a standing claim being said', () => {
  const me = new Lone()
  me.meet(record('a'), 0)
  const linkB = me.meet(record('b'), 0)
  const keepB = (ms: number) => {
    if (ms % 500 === 0) me.say(linkB, record('b'), { type: 'ping', seq: ms }, ms)
  }
  me.runTo(2_500, keepB)
  assert.ok(me.events().includes('member-suspect'))
  const hour = 3_600_000
  const said = () => me.effects.filter(e => e.kind === 'publish' && e.message.type === 'claims').length
  const before = said()
  for (let ms = 2_600; ms < 8_000; ms += 100) {
    const now = { mono: at(ms).mono, wall: at(ms + hour).wall }
    me.membership.awake(now)
    if (ms % 500 === 0) me.membership.frame(linkB, record('b').peerId, { type: 'ping', seq: ms }, now)
    me.membership.tick('ring', { running: 0, queued: 0 }, now)
    me.collect()
  }
  assert.ok(said() - before >= 4, `${said() - before} repeats in 5 s`)
})

test('a refusal is logged once, however often the refused peer comes again', () => {
  const me = new Lone()
  me.meet(record('a'), 10)
  for (let ms = 100; ms < 1_000; ms += 100)
    me.meet(record('a', { peerId: asPeerId('k2'), incarnation: 9 }), ms)
  assert.equal(me.events().filter(event => event === 'peer-refused').length, 1)
})

test('a seed name that led only to this node is asked again, for it may lead to others later', () => {
  const me = new Lone('me', { seeds: ['service:7946'] })
  const dials = () => me.effects.filter(effect => effect.kind === 'dial')
  me.tick(100)
  const first = dials()[0]
  assert.ok(first?.kind === 'dial')
  me.membership.dialled(first.dial, { ok: false, reason: 'self', detail: '' }, at(110))
  me.runTo(6_000)
  assert.equal(dials().length, 2)
})
