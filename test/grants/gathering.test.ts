import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { asNodeId, asPeerId } from '../../src/base/ids.ts'
import { instantOf, wallOf } from '../../src/base/time.ts'
import { gathered, KEPT_CHARACTERS_MAX, LISTED_MAX } from '../../src/grants/gathering.ts'
import type { Exception, Scope } from '../../src/grants/messages.ts'
import { Promises } from '../../src/grants/promises.ts'
import { excepted } from '../../src/grants/scopes.ts'
import { ringOf, ringsOf } from './scene.ts'

const NAMES = Array.from({ length: 40 }, (_, i) => `n${i}`)
const [old, next] = [ringOf(...NAMES), ringOf(...NAMES, 'newcomer')]
const rings = ringsOf(old, next)
const KEYS = Array.from({ length: 60 }, (_, i) => `k${i}`)
const told = asNodeId('n0')

const scope: fc.Arbitrary<Scope> = fc.record({
  ring: fc.constantFrom(old.checksum, next.checksum, 'unknown'),
  leaving: fc.boolean(),
  keeps: fc.subarray(KEYS, { maxLength: 3 }),
})
const exceptions: fc.Arbitrary<readonly Exception[]> = fc
  .uniqueArray(fc.constantFrom(...NAMES.slice(1)), { maxLength: 39 })
  .chain(names =>
    fc.tuple(
      ...names.map(name =>
        fc.record({
          node: fc.constant(asNodeId(name)),
          scopes: fc.array(scope, { minLength: 1, maxLength: 3 }),
        }),
      ),
    ),
  )

test('whatever key one of many exceptions covers, what is told of them covers as well', () => {
  fc.assert(
    fc.property(exceptions, all => {
      const few = gathered(all)
      assert.ok(few.length <= Math.max(LISTED_MAX, 4), `${few.length} told`)
      for (const key of KEYS) {
        const covered = all.some(each => excepted(each, told, key, rings))
        if (covered)
          assert.ok(
            few.some(each => excepted(each, told, key, rings)),
            key,
          )
      }
    }),
  )
})

test('kept keys are told in scopes of the largest size, and not at all when they would fill a frame', () => {
  const leaving = (name: string, keeps: string[]): Exception => ({
    node: asNodeId(name),
    scopes: [{ ring: old.checksum, leaving: true, keeps }],
  })
  const some = NAMES.slice(1).map(name =>
    leaving(
      name,
      KEYS.slice(0, 10).map(key => `${name} ${key}`),
    ),
  )
  const few = gathered(some)
  assert.equal(few.length, 2, '390 keys')
  for (const { scopes } of some)
    for (const key of scopes[0]?.keeps ?? [])
      assert.ok(
        few.some(each => excepted(each, told, key, rings)),
        key,
      )
  assert.ok(!few.some(each => excepted(each, told, 'another', rings)))

  const long = 'x'.repeat(KEPT_CHARACTERS_MAX / 30)
  const many = gathered(NAMES.slice(1).map(name => leaving(name, [`${name} ${long}`])))
  assert.equal(many.length, 1)
  assert.ok(
    many.some(each => excepted(each, told, 'another', rings)),
    'nobody may act on anything',
  )
})

test('few exceptions are told one by one', () => {
  const scopes: Scope[] = [{ ring: old.checksum, leaving: false, keeps: [] }]
  const few = NAMES.slice(1, 1 + LISTED_MAX).map(name => ({ node: asNodeId(name), scopes }))
  assert.equal(gathered(few), few)
})

/** Asks this voter for what the ring gives, and to keep these keys. */
const asker =
  (promises: Promises) =>
  (name: string, ring: typeof old, seq: number, keeps: readonly string[] = []) => {
    const renew = {
      type: 'renew',
      session: 1,
      seq,
      scope: { ring: ring.checksum, leaving: false, keeps },
      voters: { version: 1, hash: '' },
      term: 0,
    } as const
    const now = { mono: instantOf(seq), wall: wallOf(seq) }
    const verdict = promises.receive(asNodeId(name), asPeerId(name), renew, ring.checksum, 2_500, now)
    assert.ok(verdict.kind === 'granted')
    return verdict.granted
  }

test('after a change of a large ring a node may go on with what both rings give it, and is told one exception', () => {
  const ask = asker(new Promises(rings))
  for (const name of NAMES) ask(name, old, 1)
  const during = ask('n0', next, 2)
  assert.equal(during.exceptions.length, 1)
  const mine = KEYS.filter(key => old.owner(key) === told && next.owner(key) === told)
  assert.ok(mine.length > 0)
  for (const key of mine) assert.ok(!during.exceptions.some(each => excepted(each, told, key, rings)), key)

  for (const name of NAMES.slice(1)) ask(name, next, 2)
  const later = ask('n0', next, 3)
  assert.deepEqual(later.exceptions, [], 'everybody has given the old ring up')
})

test('keys with long names that a newcomer waits for stop nobody else from acting', () => {
  const newcomer = asNodeId('newcomer')
  const long = Array.from({ length: 8_000 }, (_, i) => `${'x'.repeat(1_000)} ${i}`)
  const moved = Map.groupBy(
    long.filter(key => next.owner(key) === newcomer),
    key => old.owner(key),
  )
  const others = NAMES.slice(1)
  const kept = others.flatMap(name => moved.get(asNodeId(name)) ?? [])
  assert.ok(kept.join('').length > KEPT_CHARACTERS_MAX)
  const ask = asker(new Promises(rings))
  for (const name of NAMES) ask(name, old, 1)
  for (const name of others) {
    const keeps = moved.get(asNodeId(name)) ?? []
    assert.deepEqual(ask(name, next, 2, keeps).scope.keeps, keeps)
  }
  const { exceptions } = ask('n0', next, 2)
  for (const key of KEYS.filter(each => next.owner(each) === told))
    assert.ok(!exceptions.some(each => excepted(each, told, key, rings)), `${key} is kept by nobody`)
  const waits = ask('newcomer', next, 1)
  for (const key of kept) assert.ok(waits.exceptions.some(each => excepted(each, newcomer, key, rings)))
})
