/** Can the judge of the sizes fail? It is given outcomes that are right, and then the same with one thing wrong. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { claimsOf } from './claims.ts'
import { KINDS, type Kind } from './traffic.ts'
import type { Event, Outcome, Rate, Rates } from './trial.ts'

const ASKED = [8, 16, 32, 100, 300, 1_000]
const FRAMES: Readonly<Record<number, number>> = { 8: 60, 16: 117, 32: 164, 100: 185, 300: 186, 1000: 103 }

function rates(frames: number, bytes: number, vectors = 52): Rates {
  const out = { frames, bytes }
  const kinds = Object.fromEntries(
    KINDS.map((kind): [Kind, Rate] => [kind, { frames: kind === 'vectors' ? vectors : 1, bytes: 1 }]),
  ) as Record<Kind, Rate>
  return { out, in: out, kinds }
}

const spread = (last: number) => ({ first: 1, median: Math.min(last, 100), last })
const event = (last: number): Event => ({ agree: spread(last), rates: rates(1, 1) })

/** A byte and a half for each member and vector. */
const outcome = (size: number, more: Partial<Outcome> = {}): Outcome => ({
  ...{ size, quorum: true, rest: rates(FRAMES[size] ?? 0, 30_000 + size * 1.5 * 52), restVoters: undefined },
  ...{ renewalsPerVoter: 100, links: 7, join: event(500), joinActs: spread(2_000), crash: event(60) },
  ...{ majority: event(2_500), minority: spread(1_700), heal: event(30), healActs: spread(500) },
  ...{
    loss: rates(1, 1),
    lossStalls: 900,
    lossDeaths: 0,
    lossSuspicions: 0,
    afterLoss: spread(10),
    falseDeaths: 0,
  },
  ...{ longest: {}, virtualMs: 90_000, ...more },
})

/** All sizes, one of them special. */
const all = (size = 0, more: Partial<Outcome> = {}): readonly Outcome[] =>
  ASKED.map(each => outcome(each, each === size ? more : {}))

const failing = (outcomes: readonly Outcome[], asked = ASKED) =>
  claimsOf(outcomes, asked)
    .filter(({ holds }) => !holds)
    .map(({ claim }) => claim)

const FLAT_16 = 'a node at rest sends at any size at most 1.7 times the frames that it sends among 16'
const FLAT_32 = 'a node at rest sends at any size at most 1.2 times the frames that it sends among 32'
const BYTES = 'a member more costs a node at most 2 bytes for each vector it sends'

test('sizes that keep to everything', () => {
  assert.deepEqual(failing(all()), [])
})

test('frames that grow: above 1.7 times those among 16, above 1.2 times those among 32', () => {
  const sends = (size: number, frames: number) => failing(all(size, { rest: rates(frames, 31_000) }))
  assert.deepEqual(sends(300, 1.69 * 117), [FLAT_32])
  assert.deepEqual(sends(300, 1.71 * 117), [FLAT_16, FLAT_32])
  assert.deepEqual(sends(32, 1.71 * 117), [FLAT_16])
  assert.deepEqual(sends(300, 0), [FLAT_16, FLAT_32], 'one that sends nothing is not at rest')
  assert.deepEqual(sends(300, Number.NaN), [FLAT_16, FLAT_32])
})

test('bytes that grow by more than two for each member and vector, and vectors that nobody counted', () => {
  const among = (bytes: number, vectors = 52) => failing(all(1_000, { rest: rates(103, bytes, vectors) }))
  assert.deepEqual(among(37_800 + 900 * 52 * 1.99), [])
  assert.deepEqual(among(37_800 + 900 * 52 * 2.01), [BYTES])
  assert.deepEqual(among(30_000, 0), [BYTES])
  assert.deepEqual(among(Number.NaN), [BYTES])
})

test('a size that was left out', () => {
  const without = (size: number) => failing(all().filter(one => one.size !== size))
  const tried = 'every size of 8, 16, 32, 100, 300, 1000 was tried'
  assert.deepEqual(without(1_000), [tried])
  assert.deepEqual(without(16), [tried, FLAT_16])
  assert.deepEqual(without(32), [tried, FLAT_32])
  assert.ok(failing([]).length >= 12, 'nothing holds of no outcome')
})

test('a fence that comes late, an agreement that never does, a heal that is late, a false death', () => {
  assert.equal(failing(all(100, { minority: spread(2_001) })).length, 1)
  assert.equal(failing(all(100, { minority: undefined })).length, 1)
  assert.equal(failing(all(100, { majority: { ...event(1), agree: undefined } })).length, 1)
  assert.equal(failing(all(100, { heal: event(5_001) })).length, 1)
  assert.equal(failing(all(100, { falseDeaths: 1 })).length, 1)
  assert.equal(failing(all(100, { lossDeaths: 1 })).length, 1)
  assert.equal(failing(all(100, { lossStalls: 0 })).length, 1, 'a loss of nothing')
  assert.equal(failing(all(1_000, { renewalsPerVoter: 481 })).length, 1)
})
