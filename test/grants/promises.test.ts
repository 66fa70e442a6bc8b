import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asPeerId } from '../../src/base/ids.ts'
import { instantOf, type Now, wallOf } from '../../src/base/time.ts'
import type { Renew } from '../../src/grants/messages.ts'
import { Promises } from '../../src/grants/promises.ts'
import { buildRing } from '../../src/ring/build-ring.ts'
import { ringDefaults } from '../../src/ring/config.ts'

const a = asNodeId('a')
const b = asNodeId('b')
const peer = asPeerId('key-a')
const ringOf = (...ids: string[]) =>
  buildRing(
    ids.map(id => ({ id: asNodeId(id), weight: 1 })),
    ringDefaults(),
  )
const both = ringOf('a', 'b')
const onlyA = ringOf('a')
const rings = new Map([both, onlyA].map(ring => [ring.checksum, ring]))
const at = (ms: number): Now => ({ mono: instantOf(ms), wall: wallOf(ms) })
const keysOfB = Array.from({ length: 40 }, (_, i) => `k${i}`).filter(key => both.owner(key) === b)
const key = keysOfB[0] ?? ''

function renew(seq: number, ring = both, keeps: readonly string[] = [], session = 1): Renew {
  const scope = { ring: ring.checksum, leaving: false, keeps }
  return { type: 'renew', session, seq, scope, voters: { version: 1, hash: '' }, term: 0 }
}
const ask = (promises: Promises, node: typeof a, request: Renew, own = both, ms = 0, from = peer) =>
  promises.receive(node, from, request, own.checksum, 2_500, at(ms))

test('a request that is not newer than the last changes nothing', () => {
  const promises = new Promises(rings)
  ask(promises, a, renew(2))
  assert.equal(ask(promises, a, renew(2)).kind, 'stale')
  assert.equal(ask(promises, a, renew(1)).kind, 'stale')
})

test('a promise under another ring is named until it runs out', () => {
  const promises = new Promises(rings)
  ask(promises, a, renew(1, onlyA), onlyA)
  const during = ask(promises, b, renew(1))
  assert.ok(during.kind === 'granted')
  assert.deepEqual(
    during.granted.exceptions.map(({ node }) => node),
    [a],
  )
  promises.expire(at(2_500))
  const later = ask(promises, b, renew(2), both, 2_500)
  assert.ok(later.kind === 'granted')
  assert.deepEqual(later.granted.exceptions, [])
})

test('a refused ring narrows the promise and adds no time', () => {
  const promises = new Promises(rings)
  ask(promises, a, renew(1, onlyA), onlyA)
  assert.deepEqual(ask(promises, a, renew(2, both), onlyA, 2_000), { kind: 'refused', reason: 'ring' })
  const grant = ask(promises, b, renew(1), both, 2_000)
  assert.ok(grant.kind === 'granted')
  assert.deepEqual(grant.granted.exceptions, [], 'a gave up all that b owns')
  promises.expire(at(2_500))
  assert.equal(promises.size, 1)
})

test('a keep is granted only out of a grant that was good for the key', () => {
  const fresh = new Promises(rings)
  const unheard = ask(fresh, a, renew(1, both, [key]))
  assert.ok(unheard.kind === 'granted')
  assert.deepEqual(unheard.granted.scope.keeps, [])
  const promises = new Promises(rings)
  ask(promises, a, renew(1, onlyA), onlyA)
  const kept = ask(promises, a, renew(2, both, [key]))
  assert.ok(kept.kind === 'granted')
  assert.deepEqual(kept.granted.scope.keeps, [key])
})

test('a keep under another promise is promised on, but not granted', () => {
  const promises = new Promises(rings)
  ask(promises, b, renew(1))
  ask(promises, a, renew(1, onlyA), onlyA)
  const kept = ask(promises, a, renew(2, both, [key]))
  assert.ok(kept.kind === 'granted')
  assert.deepEqual(kept.granted.scope.keeps, [])
  const again = ask(promises, a, renew(3, both, [key]))
  assert.ok(again.kind === 'granted')
  assert.deepEqual(again.granted.scope.keeps, [])
})

test('a new session is refused while the old promise stands, unless the key proves the restart', () => {
  const promises = new Promises(rings)
  ask(promises, a, renew(5))
  assert.deepEqual(ask(promises, a, renew(1, both, [], 2), both, 1, asPeerId('other')), {
    kind: 'refused',
    reason: 'session',
  })
  assert.equal(ask(promises, a, renew(1, both, [], 2), both, 1).kind, 'granted')
  assert.deepEqual(ask(promises, a, renew(9, both, [], 1), both, 1), { kind: 'refused', reason: 'session' })
})

test('a life on another disk is another one, whatever its boot number: the key may have been kept, and the count of boots not', () => {
  const promises = new Promises(rings)
  const [before, after] = [
    { ...renew(242), disk: 'lost' },
    { ...renew(5), disk: 'new' },
  ]
  ask(promises, a, before)
  assert.equal(promises.standsFor(a, peer, before), true)
  assert.deepEqual(ask(promises, a, after, both, 1), { kind: 'refused', reason: 'session' })
  promises.drop(a, peer)
  assert.equal(ask(promises, a, after, both, 2).kind, 'granted')
  assert.equal(promises.standsFor(a, peer, before), false, 'no grant of before goes to it')
  assert.equal(promises.standsFor(a, peer, after), true)
})

test('a later boot of the same key on another disk proves no restart: two containers may have been given one key', () => {
  const promises = new Promises(rings)
  const [one, other] = [
    { ...renew(1), disk: 'one' },
    { ...renew(1, both, [], 2), disk: 'other' },
  ]
  assert.equal(ask(promises, a, one).kind, 'granted')
  assert.deepEqual(ask(promises, a, other, both, 1), { kind: 'refused', reason: 'session' })
  assert.equal(promises.standsFor(a, peer, one), true)
  promises.expire(at(2_500))
  assert.equal(ask(promises, a, other, both, 2_500).kind, 'granted')
})

test('a ring that nobody knows here keeps everybody else away from everything', () => {
  const known = new Map([[both.checksum, both]])
  const promises = new Promises(known)
  ask(promises, a, renew(1, onlyA), onlyA)
  const grant = ask(promises, b, renew(1))
  assert.ok(grant.kind === 'granted')
  assert.equal(grant.granted.exceptions.length, 1)
})

test('two nodes with one name and one boot number are two: the second waits until the promise to the first ran out', () => {
  const promises = new Promises(rings)
  assert.equal(ask(promises, a, renew(1)).kind, 'granted')
  const other = asPeerId('another key')
  assert.deepEqual(ask(promises, a, renew(9), both, 100, other), { kind: 'refused', reason: 'session' })
  promises.drop(a, other)
  assert.deepEqual(ask(promises, a, renew(10), both, 200, other), { kind: 'refused', reason: 'session' })
  promises.expire(at(2_500))
  assert.equal(ask(promises, a, renew(11), both, 2_500, other).kind, 'granted')
})

test('a promise ends early for a restart of the same process only where that is trusted', () => {
  const trusting = new Promises(rings)
  ask(trusting, a, renew(1))
  assert.equal(ask(trusting, a, renew(1, both, [], 2)).kind, 'granted')

  const wary = new Promises(rings, false)
  ask(wary, a, renew(1))
  const again = ask(wary, a, renew(1, both, [], 2), both, 2_499)
  assert.deepEqual(again, { kind: 'refused', reason: 'session' })
  wary.expire(at(2_500))
  assert.equal(ask(wary, a, renew(2, both, [], 2), both, 2_500).kind, 'granted')
})
