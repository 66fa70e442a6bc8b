import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asPeerId } from '../../src/base/ids.ts'
import { grantsDefaults } from '../../src/grants/config.ts'
import { Granting } from '../../src/node/granting.ts'
import { buildRing } from '../../src/ring/build-ring.ts'
import { ringDefaults } from '../../src/ring/config.ts'
import { at, Lone, RING, record } from '../membership/records.ts'
import { sampleInit } from './samples.ts'

const NAMES = ['a', 'b', 'me'].map(asNodeId)

/** A voter that has been started again and remembers the list. */
const init = sampleInit({
  boot: 2,
  grants: { ...grantsDefaults(), mode: 'quorum', expectedNodes: 3 },
  voter: { top: 7, voters: { version: 1, names: NAMES, fixed: false } },
})

test('a voter that is a member before a link leads to it is asked as soon as there is one, not at the next renewal', () => {
  const lone = new Lone()
  const granting = new Granting(init, at(0))
  const { membership } = lone
  const a = lone.meet(record('a'), 10)
  lone.say(a, record('a'), { type: 'sync', reply: false, members: [record('b')], claims: [] }, 20)
  const ring = buildRing(
    NAMES.map(id => ({ id, weight: 1 })),
    ringDefaults(),
  )
  granting.viewChanged(ring, membership, at(30))
  const asked = (ms: number) => {
    granting.awake(at(ms))
    return granting
      .ask(membership, ring, [], at(ms))
      .flatMap(effect =>
        effect.kind === 'send' &&
        effect.message.type === 'renew' &&
        membership.linkTo(effect.to) !== undefined
          ? [effect.to]
          : [],
      )
  }
  assert.deepEqual(asked(30), ['a'])
  assert.deepEqual(asked(50), [], 'nothing is new')
  lone.meet(record('b'), 60)
  assert.deepEqual(asked(60), ['b'])
  assert.deepEqual(asked(70), [], 'once')
})

test('what a voter writes goes before all that waits for the disk', () => {
  const lone = new Lone()
  const granting = new Granting(init, at(0))
  const { membership } = lone
  lone.meet(record('a'), 10)
  const members = NAMES.map(id => ({ id, weight: 1 }))
  const ring = buildRing(members, ringDefaults())
  granting.viewChanged(ring, membership, at(30))
  const list = granting.grants?.voters.name ?? assert.fail('it knows the list')
  const { checksum } = ring
  const scope = { ring: checksum, members, leaving: false, keeps: [] }
  const renew = { type: 'renew', session: 1, seq: 1, scope, voters: list, term: 9 } as const
  const persists = () =>
    granting
      .ask(membership, ring, [], at(10_000))
      .flatMap(effect => (effect.kind === 'persist' ? [effect] : []))
  const first = persists()
  for (const effect of first.flatMap(({ then }) => then))
    if (effect.kind === 'persisted') granting.persisted(effect.mark, at(10_000))
  granting.message(asNodeId('a'), asPeerId('key-a'), renew, at(10_000))
  const written = [...first, ...persists()]
  assert.ok(written.some(({ writes }) => writes.some(({ key }) => key === 'top')))
  assert.ok(written.every(({ urgent }) => urgent))
})

test('a reset of the voters counts the members that are heard, not those that a view still calls alive', () => {
  const lone = new Lone()
  const granting = new Granting(init, at(0))
  const { membership } = lone
  const a = lone.meet(record('a'), 10)
  lone.meet(record('b'), 20)
  lone.runTo(2_000, ms => lone.say(a, record('a'), { type: 'ack', seq: ms }, ms))
  assert.equal(lone.statusOf(record('b')), 'alive', 'nobody has said that it is dead')
  const reset = (...names: string[]) =>
    granting.changeVoters({ kind: 'voters-reset', names: names.map(asNodeId) }, membership, at(2_000))
  const refused = reset('b')
  assert.ok(!refused.ok && refused.failure.code === 'VOTERS_UNCHANGED')
  assert.match(refused.failure.detail, /dead or silent: b\./)
  assert.equal(granting.grants?.voters.conflicts, 0)
  assert.equal(reset('b', 'me').ok, false, 'half of them, without the lowest name')
  assert.equal(reset('a', 'b', 'me').ok, true)
  assert.equal(reset('a').ok, true)
})

test('a member whose process was found to be gone is not heard', () => {
  const lone = new Lone()
  const a = lone.meet(record('a'), 10)
  const b = record('b')
  lone.meet(b, 20)
  assert.deepEqual([...lone.membership.heard(at(30).mono)].sort(), ['a', 'b', 'me'])
  const claim = {
    accuser: record('a').id,
    subject: b.id,
    incarnation: 1,
    sequence: 1,
    evidence: 'refused',
  } as const
  lone.say(a, record('a'), { type: 'claims', claims: [{ ...claim, withdrawn: false }] }, 40)
  assert.deepEqual([...lone.membership.heard(at(40).mono)].sort(), ['a', 'me'])
  assert.equal(lone.statusOf(b), 'alive')
})

test('that a process is gone says nothing of another with its key, which was promised before and may act on behind a cut', () => {
  const lone = new Lone()
  const granting = new Granting(init, at(0))
  const { membership } = lone
  const first = record('a')
  const second = record('a', { incarnation: 2, addresses: ['a-2:7946'] })
  const ring = buildRing(
    NAMES.map(id => ({ id, weight: 1 })),
    ringDefaults(),
  )
  const step = (ms: number) => {
    granting.awake(at(ms))
    for (const effect of granting.ask(membership, ring, [], at(ms)))
      if (effect.kind === 'persist')
        for (const each of effect.then) if (each.kind === 'persisted') granting.persisted(each.mark, at(ms))
  }
  const meet = (self: typeof first, nonce: number, ms: number) => {
    const link = lone.open(self, ms)
    const hello = { type: 'hello', cluster: 'test', self, ring: RING, version: '0' } as const
    lone.say(link, self, { ...hello, life: { nonce, ageMs: 0 } }, ms)
    return link
  }
  const renew = (disk: string, ms: number) => {
    const scope = { ring: ring.checksum, leaving: false, keeps: [] }
    const voters = granting.grants?.voters.name ?? assert.fail('it knows the list')
    const request = { type: 'renew', session: 1, seq: 1, scope, voters, term: 0, disk } as const
    granting.message(first.id, first.peerId, request, at(ms))
    step(ms)
  }
  const gone = (link: ReturnType<typeof meet>, ms: number) => {
    lone.effects = []
    membership.linkDown(link, first.peerId, 'remote', at(ms))
    const [dial] = lone.collect().flatMap(effect => (effect.kind === 'dial' ? [effect.dial] : []))
    membership.dialled(dial ?? 0, { ok: false, reason: 'refused', detail: '' }, at(ms + 1))
    step(ms + 1)
  }
  const counted = (name: string) => granting.grants?.counters()[name]

  const cutOff = meet(first, 1, 10)
  granting.viewChanged(ring, membership, at(20))
  step(10_000)
  renew('one', 10_000)
  assert.equal(counted('granted'), 1)
  const other = meet(second, 2, 10_100)
  membership.linkDown(cutOff, first.peerId, 'local', at(10_110))
  renew('another', 10_200)
  assert.equal(counted('session'), 1)
  gone(other, 10_300)
  assert.equal(counted('dropped'), 0, 'the one that was promised is not the one that is gone')

  step(12_600)
  const third = meet(record('a', { incarnation: 3 }), 3, 12_700)
  renew('another', 12_800)
  assert.equal(counted('session'), 1, 'the promise has run out')
  gone(third, 12_900)
  assert.equal(counted('dropped'), 1, 'this one is')
})
