import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { type Instant, NEVER } from '../../src/base/time.ts'
import { KEEPS_MAX } from '../../src/grants/messages.ts'
import { ANSWERED_MAX, Answered } from '../../src/node/answered.ts'
import { buildRing } from '../../src/ring/build-ring.ts'
import { ringDefaults } from '../../src/ring/config.ts'

const at = (ms: number): Instant => ms as Instant
const ringOf = (...names: string[]) =>
  buildRing(
    names.map(name => ({ id: asNodeId(name), weight: 1 })),
    ringDefaults(),
  )
const ALONE = ringOf('a')
const TWO = ringOf('a', 'b')
const KEYS = Array.from({ length: 20 }, (_, i) => `key/${i}`)
const LOST = KEYS.filter(key => TWO.owner(key) === 'b')

/** `a`, which has told everybody until then that it acts for all of the keys. */
function told(until: number, keys = KEYS): Answered {
  const answered = new Answered(asNodeId('a'))
  for (const key of keys) answered.note(key, at(until), at(0))
  return answered
}

test('a key that is lost while an answer counts is kept until the answer has run out', () => {
  const answered = told(2_000)
  assert.deepEqual(answered.lost(ALONE, at(10)), [])
  assert.equal(answered.nextWake(), NEVER)
  const lost = answered.lost(TWO, at(20))
  assert.deepEqual(lost, LOST)
  assert.equal(answered.nextWake(), at(2_000))
  assert.equal(answered.lost(TWO, at(1_999)), lost)
  assert.deepEqual(answered.lost(TWO, at(2_000)), [])
  assert.equal(answered.nextWake(), NEVER)
})

test('of two answers the later one counts, and a key that came back is not kept', () => {
  const answered = told(2_000)
  answered.note(LOST[0] ?? '', at(2_500), at(500))
  answered.lost(TWO, at(600))
  assert.deepEqual(answered.lost(TWO, at(2_499)), LOST)
  assert.deepEqual(told(2_000).lost(ALONE, at(600)), [])
  const back = told(2_000)
  assert.deepEqual(back.lost(TWO, at(600)), LOST)
  assert.deepEqual(back.lost(ALONE, at(700)), [])
})

test('answers that have run out before the view changes keep nothing', () => {
  assert.deepEqual(told(2_000).lost(TWO, at(2_000)), [])
})

test('more answers than can be remembered keep more than can be named, until the last of them has run out', () => {
  const many = Array.from({ length: ANSWERED_MAX }, (_, i) => `many/${i}`)
  const answered = told(2_000, many)
  answered.note('one too many', at(2_100), at(100))
  assert.ok(answered.lost(TWO, at(200)).length > KEEPS_MAX)
  assert.ok(answered.lost(TWO, at(2_099)).length > KEEPS_MAX)
  assert.deepEqual(answered.lost(TWO, at(2_100)), [])
})

test('answers without room are kept for when all that was remembered has run out', () => {
  const many = Array.from({ length: ANSWERED_MAX }, (_, i) => `many/${i}`)
  const answered = told(2_000, many)
  assert.deepEqual(answered.lost(ALONE, at(10)), [])
  answered.note('one too many', at(2_500), at(100))
  assert.deepEqual(answered.lost(ringOf('a'), at(200)), [])
  assert.ok(answered.lost(TWO, at(2_001)).length > KEEPS_MAX)
  assert.equal(answered.nextWake(), at(2_500))
  assert.ok(answered.lost(TWO, at(2_499)).length > KEEPS_MAX)
  assert.deepEqual(answered.lost(TWO, at(2_500)), [])
})

test('a key that is remembered is kept longer than answers without room, if its own counts longer', () => {
  const many = [LOST[0] ?? '', ...Array.from({ length: ANSWERED_MAX - 1 }, (_, i) => `many/${i}`)]
  const answered = told(2_000, many)
  answered.note('one too many', at(2_100), at(100))
  answered.note(LOST[0] ?? '', at(2_500), at(200))
  answered.lost(TWO, at(300))
  assert.ok(answered.lost(TWO, at(2_499)).includes(LOST[0] ?? ''))
})

test('answers without room under this ring do not keep what was lost with the ring before', () => {
  const answered = told(2_000)
  assert.deepEqual(answered.lost(TWO, at(20)), LOST)
  const own = Array.from({ length: 2 * ANSWERED_MAX }, (_, i) => `own/${i}`)
  for (const key of own) answered.note(key, at(2_500), at(1_000))
  assert.deepEqual(answered.lost(TWO, at(2_000)), [])
  assert.ok(answered.lost(ALONE, at(2_001)).length > KEEPS_MAX)
})

test('an answer that ends sooner takes nothing from one that was given before', () => {
  const answered = told(2_500)
  for (const key of KEYS) answered.note(key, at(2_000), at(100))
  assert.deepEqual(answered.lost(TWO, at(2_499)), LOST)
})

test('a look at many more keys than are remembered goes through those that are no more than once', () => {
  const many = Array.from({ length: 200_000 }, (_, i) => `many/${i}`)
  const { user } = process.cpuUsage()
  told(2_000, many)
  // Through 4,096 for each of them: four seconds.
  assert.ok(process.cpuUsage().user - user < 1_000_000)
})
