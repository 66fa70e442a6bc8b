import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { asPeerId } from '../../src/base/ids.ts'
import { instantOf } from '../../src/base/time.ts'
import { bornOf, isYounger, lifeOf, standsAside } from '../../src/membership/life.ts'

const NOW = instantOf(1_000_000)

interface Bearer {
  readonly nonce: number
  readonly ageMs: number
  readonly heldMs: number
  readonly key: string
}

/** Does `one` stand aside when it is refused because `other` bears its name? */
const yields = (one: Bearer, other: Bearer): boolean =>
  standsAside(
    { born: bornOf(one, NOW), peerId: asPeerId(one.key), heldMs: one.heldMs },
    { nonce: other.nonce, ageMs: other.ageMs, heldMs: other.heldMs, peerId: asPeerId(other.key) },
    NOW,
  )

const bearer = (change: Partial<Bearer> = {}): Bearer => ({
  nonce: 1,
  ageMs: 60_000,
  heldMs: 60_000,
  key: 'a',
  ...change,
})

test('with one key the restart has the name, and its past stands aside, however long that held it', () => {
  const past = bearer({ ageMs: 3_600_000 })
  const restart = bearer({ nonce: 2, ageMs: 100, heldMs: 0 })
  assert.equal(yields(past, restart), true)
  assert.equal(yields(restart, past), false)
})

test('a newcomer with another key stands aside for whoever has held the name', () => {
  const holder = bearer()
  const newcomer = bearer({ nonce: 2, ageMs: 100, heldMs: 0, key: 'b' })
  assert.equal(yields(newcomer, holder), true)
  assert.equal(yields(holder, newcomer), false)
})

test('a clock has no part in it: a newcomer that is older as a process is a newcomer all the same', () => {
  const holder = bearer({ ageMs: 30_000, heldMs: 20_000 })
  const newcomer = bearer({ nonce: 2, ageMs: 86_400_000, heldMs: 0, key: 'b' })
  assert.equal(yields(newcomer, holder), true)
  assert.equal(yields(holder, newcomer), false)
})

test('of two that both have held the name the one that took it over keeps it', () => {
  const lost = bearer({ ageMs: 3_600_000 })
  const replacement = bearer({ nonce: 2, ageMs: 60_000, key: 'b' })
  assert.equal(yields(lost, replacement), true)
  assert.equal(yields(replacement, lost), false)
})

test('refused by somebody who only heard of the other bearer, a newcomer stands aside and a holder does not', () => {
  const own = { born: { nonce: 1, at: instantOf(0) }, peerId: asPeerId('a') }
  assert.equal(standsAside({ ...own, heldMs: 0 }, undefined, NOW), true)
  assert.equal(standsAside({ ...own, heldMs: 60_000 }, undefined, NOW), false)
})

test('of two bearers exactly one stands aside', () => {
  const any = fc.record({
    nonce: fc.nat(),
    ageMs: fc.nat(100_000),
    heldMs: fc.nat(100_000),
    key: fc.constantFrom('a', 'b'),
  })
  fc.assert(
    fc.property(any, any, (one, other) => {
      fc.pre(one.nonce !== other.nonce)
      assert.notEqual(yields(one, other), yields(other, one))
    }),
  )
})

test('who is younger is one order: not both, and the same seen from any later time', () => {
  const life = fc.record({ nonce: fc.nat(), ageMs: fc.nat(10_000) })
  fc.assert(
    fc.property(life, life, fc.nat(1_000_000), (one, other, laterMs) => {
      fc.pre(one.nonce !== other.nonce)
      const [a, b] = [bornOf(one, NOW), bornOf(other, NOW)]
      assert.notEqual(isYounger(a, b), isYounger(b, a))
      const then = instantOf(NOW + laterMs)
      assert.equal(isYounger(bornOf(lifeOf(a, then), then), bornOf(lifeOf(b, then), then)), isYounger(a, b))
    }),
  )
})
