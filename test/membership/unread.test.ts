import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Lone, record } from './records.ts'

test('a silence is counted up to what has been read, and what waits here accuses nobody', () => {
  const me = new Lone()
  const [a, b] = [record('a'), record('b')]
  const links = [me.meet(a, 0), me.meet(b, 0)] as const
  me.runTo(1_000, ms => {
    if (ms % 500 !== 0) return
    me.say(links[0], a, { type: 'ping', seq: ms }, ms)
    me.say(links[1], b, { type: 'ping', seq: ms }, ms)
  })
  for (let ms = 1_100; ms <= 6_000; ms += 100) me.tick(ms, { behindMs: ms - 1_000 })
  assert.ok(me.events().includes('fell-behind'))
  assert.equal(me.events().filter(event => event === 'fell-behind').length, 1)
  assert.ok(!me.events().includes('member-suspect'))
  assert.equal(me.membership.counters().secondConnections, 0, 'nor is it a cause to dial again')
  // Up to 2400 ms all has been read by now, and b said nothing in the 1400 ms before.
  const accused = () =>
    me.effects.flatMap(one =>
      one.kind === 'log' && one.event === 'member-suspect' ? [one.fields['member']] : [],
    )
  me.say(links[0], a, { type: 'ping', seq: 6_010 }, 6_010)
  me.tick(6_100, { behindMs: 3_700 })
  assert.deepEqual(accused(), [])
  me.tick(6_200, { behindMs: 3_400 })
  assert.deepEqual(accused(), ['b'], 'whoever reads late accuses late, but does')
})

test('a hold is over when what came in it has been read: it may take an accusation back', () => {
  const me = new Lone()
  const d = record('d')
  const others = ['a', 'b', 'c'].map(name => ({ member: record(name), link: me.meet(record(name), 0) }))
  me.meet(d, 0)
  const alive = (ms: number) => {
    for (const { member, link } of others) me.say(link, member, { type: 'ping', seq: ms }, ms)
  }
  const claim = (ms: number, sequence: number, withdrawn: boolean) => {
    for (const { member, link } of others) {
      const said = { accuser: member.id, subject: d.id, incarnation: 1, sequence, withdrawn }
      me.say(link, member, { type: 'claims', claims: [{ ...said, evidence: 'timeout' }] }, ms)
    }
  }
  me.runTo(2_500, ms => ms % 500 === 0 && alive(ms))
  claim(2_500, 1, false)
  for (let ms = 2_600; ms <= 3_500; ms += 100) me.tick(ms, { behindMs: ms - 2_500 })
  assert.equal(me.statusOf(d), 'alive', 'a second has gone by, and nothing of it was read')
  claim(3_500, 2, true)
  me.tick(3_600)
  assert.equal(me.statusOf(d), 'alive')
})

test('when something of peers was dropped nobody is accused of silence for a second', () => {
  const me = new Lone()
  const a = record('a')
  const links = [me.meet(a, 0), me.meet(record('b'), 0)] as const
  me.runTo(1_500, ms => ms % 500 === 0 && me.say(links[1], record('b'), { type: 'ping', seq: ms }, ms))
  me.tick(1_600, { dropped: true })
  const keepB = (ms: number) => ms % 500 === 0 && me.say(links[1], record('b'), { type: 'ping', seq: ms }, ms)
  me.runTo(2_500, keepB)
  assert.ok(!me.events().includes('member-suspect'))
  me.runTo(2_700, keepB)
  assert.ok(me.events().includes('member-suspect'))
})

test('what is heard between two ticks stands from then on, however far behind the tick before was', () => {
  const me = new Lone()
  const d = record('d')
  const others = ['a', 'b', 'c'].map(name => ({ member: record(name), link: me.meet(record(name), 0) }))
  const linkOfD = me.meet(d, 0)
  const alive = (ms: number) => {
    for (const { member, link } of others) me.say(link, member, { type: 'ping', seq: ms }, ms)
  }
  me.runTo(3_000, ms => {
    if (ms % 500 !== 0) return
    alive(ms)
    me.say(linkOfD, d, { type: 'ping', seq: ms }, ms)
  })
  // From now on d stands still for 1.9 s, and what the others send takes this node until 4700 ms to read.
  for (let ms = 3_100; ms <= 4_700; ms += 100) {
    alive(ms - 50)
    me.tick(ms, { behindMs: ms - 3_000 })
  }
  for (const { member, link } of others) {
    const said = { accuser: member.id, subject: d.id, incarnation: 1, sequence: 1, withdrawn: false }
    me.say(link, member, { type: 'claims', claims: [{ ...said, evidence: 'timeout' }] }, 4_720)
  }
  me.tick(4_800)
  assert.equal(me.statusOf(d), 'alive', 'accused for 80 ms')
  me.say(linkOfD, d, { type: 'ping', seq: 1 }, 4_900)
  me.runTo(6_000, ms => ms % 500 === 0 && me.say(linkOfD, d, { type: 'ping', seq: ms }, ms))
  assert.equal(me.statusOf(d), 'alive')
})

test('a majority of refusals needs no hold, and so waits for nothing that is not read', () => {
  const me = new Lone()
  const d = record('d')
  const others = ['a', 'b', 'c'].map(name => ({ member: record(name), link: me.meet(record(name), 0) }))
  me.meet(d, 0)
  me.tick(100, { behindMs: 90 })
  for (const { member, link } of others) {
    const said = { accuser: member.id, subject: d.id, incarnation: 1, sequence: 1, withdrawn: false }
    me.say(link, member, { type: 'claims', claims: [{ ...said, evidence: 'refused' }] }, 110)
  }
  assert.equal(me.statusOf(d), 'dead')
})

test('a claim is not forgotten while what says it again waits here', () => {
  const me = new Lone()
  const d = record('d')
  const others = ['a', 'b', 'c'].map(name => ({ member: record(name), link: me.meet(record(name), 0) }))
  const claim = (ms: number) => {
    for (const { member, link } of others) {
      const said = { accuser: member.id, subject: d.id, incarnation: 1, sequence: 1, withdrawn: false }
      me.say(link, member, { type: 'claims', claims: [{ ...said, evidence: 'timeout' }] }, ms)
    }
  }
  me.meet(d, 0)
  me.runTo(2_500)
  claim(2_510)
  for (let ms = 2_600; ms <= 6_500; ms += 100) me.tick(ms, { behindMs: ms - 2_510 })
  assert.equal(me.statusOf(d), 'alive')
  claim(6_510)
  me.tick(6_600)
  assert.equal(me.statusOf(d), 'dead', 'they have accused it for four seconds')
})
