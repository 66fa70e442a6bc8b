/** What changes for a node when its cluster outgrows the full mesh. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, type LinkId, type NodeId } from '../../src/base/ids.ts'
import { instantOf, wallOf } from '../../src/base/time.ts'
import type { MemberRecord } from '../../src/membership/member.ts'
import type { Claim } from '../../src/membership/messages.ts'
import { Circle } from '../../src/membership/observers.ts'
import { Roster } from '../../src/membership/roster.ts'
import { Topology } from '../../src/membership/topology.ts'
import { at, Lone, record } from './records.ts'

const MEMBERS = Array.from({ length: 60 }, (_, i) => record(`n${i + 1}`))

/** The plan that everybody has, as seen by `me`. */
function planOf(members: readonly MemberRecord[]): Topology {
  const roster = new Roster(record('me'), 2_000, instantOf(0), wallOf(0))
  for (const member of members) roster.learn(member, instantOf(0), wallOf(0))
  return new Topology(roster, new Circle(roster))
}

const plan = planOf(MEMBERS)
const me = asNodeId('me')
const observed = plan.circle.observedBy(me)

/** `me` among the members, linked to those it wants, which ping it every half second unless they are silent. */
class Crowd extends Lone {
  readonly linked = new Map<NodeId, LinkId>()
  readonly silent = new Set<NodeId>()

  constructor() {
    super()
    for (const member of MEMBERS) if (plan.wants(member.id)) this.linked.set(member.id, this.meet(member, 0))
    const [first] = this.linked
    assert.ok(first)
    this.say(first[1], memberOf(first[0]), { type: 'sync', reply: false, members: MEMBERS, claims: [] }, 0)
  }

  go(ms: number): void {
    this.runTo(ms, now => {
      if (now % 500 !== 0) return
      for (const [id, link] of this.linked) {
        if (!this.silent.has(id)) this.say(link, memberOf(id), { type: 'ping', seq: now }, now)
      }
    })
  }

  published(type: 'claims' | 'rumour' | 'heartbeat') {
    return this.effects.filter(effect => effect.kind === 'publish' && effect.message.type === type)
  }

  /** Names of those who were sent a message of this type over their link. */
  told(type: 'claims' | 'liveness' | 'ping'): Set<NodeId> {
    const byLink = new Map([...this.linked].map(([id, link]) => [link, id]))
    return new Set(
      this.effects.flatMap(effect =>
        effect.kind === 'send' && effect.message.type === type ? (byLink.get(effect.link) ?? []) : [],
      ),
    )
  }
}

function memberOf(id: NodeId): MemberRecord {
  const member = MEMBERS.find(candidate => candidate.id === id)
  assert.ok(member)
  return member
}

function claimOf(accuser: NodeId, subject: NodeId, change: Partial<Claim> = {}): Claim {
  return { accuser, subject, incarnation: 1, sequence: 1, evidence: 'timeout', withdrawn: false, ...change }
}

test('liveness goes to neighbours and mesh peers in place of most pings, and heartbeats carry no vector', () => {
  const crowd = new Crowd()
  crowd.go(3_000)
  crowd.effects = []
  crowd.go(8_000)
  assert.deepEqual(crowd.told('liveness'), new Set(crowd.linked.keys()))
  const frames = crowd.sent('liveness').length
  assert.ok(frames >= 9 * crowd.linked.size && frames <= 11 * crowd.linked.size, `${frames} in 5 s`)
  for (const effect of crowd.published('heartbeat')) {
    assert.ok(effect.kind === 'publish' && effect.message.type === 'heartbeat')
    assert.deepEqual(effect.message.heard, [])
  }
})

test('an accusation goes to the co-observers and the accused, and once to everybody', () => {
  const crowd = new Crowd()
  crowd.go(3_000)
  const [victim] = observed
  assert.ok(victim)
  crowd.silent.add(victim)
  crowd.effects = []
  crowd.go(6_000)
  const judges = plan.circle.observersOf(victim).filter(id => id !== me)
  assert.deepEqual(crowd.told('claims'), new Set([...judges, victim]))
  assert.equal(crowd.published('claims').length, 1, 'said again every second to the judges, but flooded once')
  assert.ok(crowd.sent('claims').length > 2 * judges.length)
})

test('what two others have told everybody is not told again', () => {
  const crowd = new Crowd()
  crowd.go(3_000)
  const [victim] = observed
  assert.ok(victim)
  crowd.silent.add(victim)
  crowd.go(4_400)
  crowd.effects = []
  const others = plan.circle.observersOf(victim).filter(id => id !== me)
  for (const accuser of others.slice(0, 2)) {
    const claims = [claimOf(accuser, victim)]
    crowd.membership.gossip(
      memberOf(accuser).peerId,
      memberOf(accuser).peerId,
      { type: 'claims', claims },
      at(4_450),
    )
  }
  crowd.go(8_000)
  assert.ok(crowd.events().includes('member-suspect'))
  assert.equal(crowd.published('claims').length, 0)
})

test('a node does not accuse whom it does not observe, however silent', () => {
  const crowd = new Crowd()
  crowd.go(3_000)
  const stranger = [...crowd.linked.keys()].find(id => !observed.includes(id))
  assert.ok(stranger)
  crowd.silent.add(stranger)
  crowd.go(9_000)
  assert.ok(!crowd.events().includes('member-suspect'))
  assert.equal(crowd.statusOf(memberOf(stranger)), 'alive')
})

test('the verdict of a member’s observers is believed from them, though its life was heard of a moment ago', () => {
  const crowd = new Crowd()
  crowd.go(3_000)
  const far = MEMBERS.map(({ id }) => id).find(id => !crowd.linked.has(id))
  assert.ok(far)
  const [observer] = plan.circle.observersOf(far)
  assert.ok(observer)
  const dead = { ...memberOf(far), status: 'dead' as const }
  crowd.membership.gossip(
    memberOf(observer).peerId,
    memberOf(observer).peerId,
    { type: 'rumour', members: [dead] },
    at(3_010),
  )
  assert.equal(crowd.statusOf(dead), 'dead')
})

test('a tombstone from elsewhere is not believed of a member that others hear, and is told on once so that it refutes', () => {
  const crowd = new Crowd()
  crowd.go(3_000)
  const far = MEMBERS.map(({ id }) => id).find(id => !crowd.linked.has(id))
  const [linked] = crowd.linked
  assert.ok(far && linked)
  const dead = { ...memberOf(far), status: 'dead' as const }
  const heartbeat = {
    type: 'heartbeat' as const,
    id: far,
    incarnation: 1,
    leaving: false,
    ringChecksum: 'ring',
    viewDigest: 0,
    load: { running: 0, queued: 0 },
    heard: [],
  }
  const [name, link] = linked
  crowd.membership.gossip(memberOf(far).peerId, memberOf(name).peerId, heartbeat, at(3_010))
  crowd.effects = []
  for (const ms of [3_020, 3_040])
    crowd.say(link, memberOf(name), { type: 'sync', reply: false, members: [dead], claims: [] }, ms)
  crowd.go(3_300)
  assert.equal(crowd.statusOf(dead), 'alive')
  assert.equal(crowd.published('rumour').length, 1)
  crowd.go(8_000)
  crowd.say(link, memberOf(name), { type: 'sync', reply: false, members: [dead], claims: [] }, 8_000)
  assert.equal(crowd.statusOf(dead), 'dead', 'believed once nobody has heard of it for a while')
})

test('a link that only its dialler wanted and wants no more is closed, late; one that the other end dialled is not', () => {
  const crowd = new Crowd()
  const [stranger, guest] = MEMBERS.map(({ id }) => id).filter(id => !crowd.linked.has(id))
  assert.ok(stranger && guest)
  const dialled = crowd.meet(memberOf(stranger), 100, memberOf(stranger).addresses[0])
  const accepted = crowd.meet(memberOf(guest), 100)
  crowd.linked.set(stranger, dialled).set(guest, accepted)
  const closed = (): readonly LinkId[] =>
    crowd.effects.flatMap(effect => (effect.kind === 'close-link' ? [effect.link] : []))
  crowd.go(25_000)
  assert.deepEqual(closed(), [])
  crowd.go(40_000)
  assert.deepEqual(closed(), [dialled])
})

test('a large roster is compared before it is sent, and only what differs is', () => {
  const crowd = new Crowd()
  crowd.effects = []
  const [linked] = crowd.linked
  assert.ok(linked)
  const newcomer = record('newcomer')
  crowd.meet(newcomer, 100)
  assert.equal(crowd.sent('sync').length, 0)
  const [summary] = crowd.sent('summary')
  assert.ok(summary)
  const other = crowd.meet(record('another'), 2_000)
  crowd.effects = []
  const buckets = summary.buckets.with(3, 0).with(5, 0)
  crowd.say(other, record('another'), { type: 'summary', buckets }, 4_000)
  const [sync] = crowd.sent('sync')
  assert.ok(sync?.buckets)
  assert.ok(sync.buckets.includes(3) && sync.buckets.includes(5))
  assert.ok(sync.members.length < 20, `${sync.members.length} records`)
  assert.equal(sync.reply, true)
})

test('however many addresses members have, no rumour is more than a gossip message may be', () => {
  const me = new Lone('me', { config: { membersMax: 1_000 } })
  const link = me.meet(record('a'), 10)
  me.say(link, record('a'), { type: 'sync', reply: false, members: [], claims: [] }, 20)
  const addresses = Array.from({ length: 8 }, (_, i) => `[2001:db8:1234:5678:9abc:def0:1234:567${i}]:7946`)
  const members = Array.from({ length: 400 }, (_, i) => record(`worker-${i}`, { addresses }))
  me.say(link, record('a'), { type: 'sync', reply: false, members, claims: [] }, 30)
  me.runTo(2_000)
  const told = me.effects.flatMap(effect => (effect.kind === 'publish' ? [effect.message] : []))
  const rumours = told.flatMap(message => (message.type === 'rumour' ? [message] : []))
  for (const rumour of rumours) assert.ok(JSON.stringify(rumour).length <= 65_536, 'it fits')
  const names = new Set(rumours.flatMap(rumour => rumour.members.map(({ id }) => id)))
  for (const { id } of members) assert.ok(names.has(id), `${id} is told`)
})
