import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asPeerId, type NodeId } from '../../src/base/ids.ts'
import { Random } from '../../src/base/random.ts'
import { grantsDefaults } from '../../src/grants/config.ts'
import type { GrantsEffect } from '../../src/grants/effects.ts'
import { Grants } from '../../src/grants/grants.ts'
import type { GrantsLinkMessage, Renew, StoredNotes } from '../../src/grants/messages.ts'
import { RINGS_MAX } from '../../src/grants/rings.ts'
import { buildRing } from '../../src/ring/build-ring.ts'
import { ringDefaults } from '../../src/ring/config.ts'
import type { Ring } from '../../src/ring/ring.ts'
import { knownBefore } from './noted.ts'
import { a, at, b, both, c, grantOf, ringOf } from './scene.ts'

const config = { ...grantsDefaults(), mode: 'quorum' as const, expectedNodes: 2 }
const noted = ringOf('a', 'b', 'c')
const other = ringOf('a', 'c')
const tell = { type: 'ring-tell', checksum: noted.checksum, members: noted.members } as const

const stored = ({ checksum, members }: Ring): StoredNotes => ({
  ...{ seq: 7, lost: false, list: '', disks: [] },
  rings: [{ seq: 7, ring: checksum, members }],
})

function grantsOf(self: NodeId, voters: readonly NodeId[], notes?: StoredNotes): Grants {
  const list = { version: 1, names: voters, fixed: true }
  const parts = {
    ...{ self, peer: asPeerId(`key-${self}`), session: 2, config, random: new Random(1) },
    stored: { top: 5, voters: list, promiseMs: config.promiseMs, notes, disk: `disk-${self}` },
    buildRing: (members: Ring['members']) => buildRing(members, ringDefaults()),
  }
  return new Grants(parts, at(0))
}

/** Many nodes come back at one moment: as many rings pass by as anybody remembers. */
function pass(grants: Grants, ms: number): void {
  for (let i = 0; i < RINGS_MAX; i++) grants.viewChanged(ringOf('a', 'b', `n${i}`), [a, b], false, at(ms))
  grants.viewChanged(both, [a, b], false, at(ms))
}

const sent = (effects: readonly GrantsEffect[]): { to: NodeId; message: GrantsLinkMessage }[] =>
  effects.flatMap(effect => (effect.kind === 'send' ? [{ to: effect.to, message: effect.message }] : []))

/** Whom it asks for the ring. */
function asksAt(grants: Grants, ms: number): NodeId[] {
  grants.tick(at(ms))
  const asks = sent(grants.effects()).filter(({ message }) => message.type === 'ring-ask')
  return asks.map(({ to }) => to)
}

test('a voter tells of whom a ring is that it has noted, however many have passed by since', () => {
  const grants = grantsOf(a, [a, b], stored(noted))
  pass(grants, 10)
  grants.effects()
  grants.message(b, asPeerId('key-b'), { type: 'ring-ask', checksum: noted.checksum }, at(20))
  assert.deepEqual(sent(grants.effects()), [{ to: b, message: tell }])
})

/** A node that both voters have told of two rings, which it does not know, and the term under which it looks for them. */
function told(): { grants: Grants; term: number } {
  const grants = grantsOf(c, [a, b])
  grants.viewChanged(both, [a, b, c], false, at(10))
  const renews = () => sent(grants.effects()).filter(({ message }) => message.type === 'renew')
  const rings = [noted, other].map(({ checksum }, i) => ({ seq: 2 + i, ring: checksum }))
  const notes = { seq: 3, lost: false, rings, disks: [] }
  for (const ms of [10, 20])
    for (const { to, message } of renews()) {
      const { seq, scope, term } = message as Renew
      const grant = grantOf(seq, scope, { session: 2, top: term, termTaken: term > 0, notes })
      grants.message(to, asPeerId(`key-${to}`), grant, at(ms))
    }
  const term = grants.terms.tenure?.term ?? 0
  assert.ok(term > 0)
  return { grants, term }
}

test('a noted ring is asked for until it is known, now of this voter and now of that', () => {
  const { grants, term } = told()
  const asked: string[] = []
  for (let ms = 100; ms <= 500; ms += 100) {
    assert.equal(grants.ledger.ringsBefore(term), 'unknown')
    asked.push(asksAt(grants, ms).join())
  }
  assert.deepEqual(asked, [`${a},${a}`, '', `${b},${b}`, '', `${a},${a}`])
  for (const { checksum, members } of [noted, other])
    grants.message(a, asPeerId('key-a'), { type: 'ring-tell', checksum, members }, at(510))
  assert.equal(knownBefore(grants.ledger, term).length, 2)
  assert.deepEqual(asksAt(grants, 800), [])
})

test('so it is when nobody looks for it between two ticks: else the first voter would be asked again and again, and it may be gone', () => {
  const { grants, term } = told()
  const asked: string[] = []
  for (let ms = 300; ms <= 1_200; ms += 100) {
    if (ms % 300 === 0) assert.equal(grants.ledger.ringsBefore(term), 'unknown')
    const whom = asksAt(grants, ms).join()
    if (ms % 300 === 0) asked.push(whom)
    else assert.equal(whom, '')
  }
  assert.deepEqual(asked, [`${a},${a}`, `${b},${b}`, `${a},${a}`, `${b},${b}`])
})
