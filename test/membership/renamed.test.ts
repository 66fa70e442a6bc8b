/** A key is one process: of two names that live with one key, one has left. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asPeerId } from '../../src/base/ids.ts'
import { instantOf, wallOf } from '../../src/base/time.ts'
import type { MemberRecord } from '../../src/membership/member.ts'
import { Roster } from '../../src/membership/roster.ts'
import { at, Lone, record } from './records.ts'

const KEY = asPeerId('key')
const named = (name: string, incarnation: number, change: Partial<MemberRecord> = {}): MemberRecord =>
  record(name, { peerId: KEY, incarnation, ...change })
const [OLD, NEW] = [named('old', 10), named('new', 50)]
const GONE = { status: 'left', leaving: true } as const

/** Who has the key after each news. */
function holders(news: readonly MemberRecord[]): (string | undefined)[] {
  const roster = new Roster(record('me'), 100, instantOf(0), wallOf(0))
  return news.map(one => {
    roster.learn(one, instantOf(1), wallOf(1))
    return roster.byPeer(KEY)?.record.id
  })
}

const sync = (...members: MemberRecord[]) => ({ type: 'sync', reply: false, members, claims: [] }) as const

test('the key is the later life’s, whatever order news come in', () => {
  const left = named('old', 10, GONE)
  assert.deepEqual(holders([NEW, OLD, left]), ['new', 'new', 'new'])
  assert.deepEqual(holders([OLD, NEW, left]), ['old', 'new', 'new'])
  assert.deepEqual(holders([named('a', 1), named('b', 1)]), ['a', 'b'])
  assert.deepEqual(holders([named('b', 1), named('a', 1)]), ['b', 'b'])
})

test('when the name that has the key is gone, it goes to a name that lives with it, and then to the later life', () => {
  const dead = named('new', 50, { status: 'dead' })
  assert.deepEqual(holders([OLD, NEW, dead, named('old', 10, GONE)]), ['old', 'new', 'old', 'new'])
  const elsewhere = { ...NEW, incarnation: 51, peerId: asPeerId('another') }
  assert.deepEqual(holders([OLD, NEW, elsewhere]), ['old', 'new', 'old'])
})

test('a tombstone that is dropped leaves the key to the other one', () => {
  const roster = new Roster(record('me'), 100, instantOf(0), wallOf(0))
  roster.learn(named('new', 50, GONE), instantOf(0), wallOf(0))
  roster.learn(named('old', 10, GONE), instantOf(5_000), wallOf(5_000))
  roster.reap(7_000, instantOf(8_000))
  assert.equal(roster.byPeer(KEY)?.record.id, 'old')
  roster.reap(7_000, instantOf(13_000))
  assert.equal(roster.byPeer(KEY), undefined)
})

test('late news of life of an old name are news of its end where the process is heard under another name', () => {
  const me = new Lone()
  const other = me.meet(record('b'), 10)
  const link = me.meet(NEW, 20)
  me.say(other, record('b'), sync(OLD), 30)
  assert.equal(me.statusOf(OLD), 'left')
  assert.equal(me.statusOf(NEW), 'alive')
  assert.equal(me.membership.touched(link, KEY, at(40)), 'new')
  me.tick(100)
  const told = me.effects.flatMap(effect => (effect.kind === 'publish' ? [effect.message] : []))
  const ends = told.flatMap(message => (message.type === 'rumour' ? message.members : []))
  assert.ok(
    ends.some(({ id, status }) => id === 'old' && status === 'left'),
    'everybody is told',
  )
})

test('who has heard neither name takes the later life', () => {
  const me = new Lone()
  const link = me.meet(record('b'), 10)
  me.say(link, record('b'), sync(OLD), 20)
  me.say(link, record('b'), sync(NEW), 30)
  assert.deepEqual([me.statusOf(OLD), me.statusOf(NEW)], ['left', 'alive'])
  me.say(link, record('b'), sync({ ...NEW, incarnation: 60, id: asNodeId('third') }), 40)
  me.say(link, record('b'), sync({ ...NEW, incarnation: 51 }), 50)
  assert.deepEqual([me.statusOf(NEW), me.statusOf(record('third'))], ['left', 'alive'])
})

test('a name that is heard does not end by what is said of its key: it is told, and outbids that', () => {
  const me = new Lone()
  const other = me.meet(record('b'), 10)
  me.meet(OLD, 20)
  me.say(other, record('b'), sync(NEW), 30)
  assert.deepEqual([me.statusOf(OLD), me.statusOf(NEW)], ['alive', undefined])
  assert.deepEqual(me.sent('rumour').at(-1)?.members, [NEW])

  const bearer = new Lone('old')
  const own = bearer.membership.self.peerId
  const link = bearer.meet(record('b'), 10)
  const ghost = named('ghost', 50, { peerId: own })
  bearer.say(link, record('b'), sync(ghost), 20)
  assert.equal(bearer.membership.self.incarnation, 51)
  assert.equal(bearer.statusOf(ghost), 'left')
  bearer.say(link, record('b'), sync({ ...ghost, incarnation: 90 }), 30)
  assert.equal(bearer.membership.self.incarnation, 51, 'contested now and then only')
})

test('a process that says hello has its name, whatever life its key had under another', () => {
  const me = new Lone()
  const other = me.meet(record('b'), 10)
  me.say(other, record('b'), sync(NEW), 20)
  me.meet(OLD, 30)
  assert.deepEqual([me.statusOf(OLD), me.statusOf(NEW)], ['alive', 'left'])
})

test('an old name that another process bears with a key of its own is not that of the renamed one', () => {
  const me = new Lone()
  const other = me.meet(record('b'), 10)
  me.meet(record('old', { peerId: asPeerId('own'), incarnation: 5 }), 20)
  me.meet(NEW, 30)
  me.say(other, record('b'), sync(OLD), 40)
  const holder = me.membership.roster.get(asNodeId('old'))?.record
  assert.deepEqual([holder?.status, holder?.peerId], ['alive', 'own'])
})

test('old news of life, outlived by the end of that name, ends no other', () => {
  const me = new Lone()
  const other = me.meet(record('b'), 10)
  const left = named('fast', 90, GONE)
  me.say(other, record('b'), sync(left, NEW), 20)
  me.say(other, record('b'), sync(named('fast', 90)), 30)
  assert.deepEqual([me.statusOf(left), me.statusOf(NEW)], ['left', 'alive'])
})
