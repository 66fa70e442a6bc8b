/** Can the judge of the syncs fail? It is given answers that came after their syncs, and then the same with one thing wrong. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Sync } from './straces.ts'
import { type Handed, handedLines, syncedFor } from './syncs-claims.ts'

const HANDED: readonly Handed[] = [
  { from: 100, to: 110, copies: 2 },
  { from: 200, to: 210, copies: 2 },
]
const SYNCS: readonly Sync[] = [
  { node: 'n1', from: 101, to: 103 },
  { node: 'n2', from: 104, to: 109 },
  { node: 'n1', from: 202, to: 203 },
  { node: 'n3', from: 200, to: 210 },
]

const failing = (handed: readonly Handed[], syncs: readonly Sync[] = SYNCS, wanted = handed.length) =>
  handedLines('alone', handed, syncs, wanted)
    .filter(({ holds }) => holds === false)
    .map(({ claim }) => claim)

const [FEW, BARE] = [
  'alone: a 202 that tells of less than 2 copies',
  'alone: a 202 before as many stores had synced as it tells of copies',
]

/** The same, with one of the syncs otherwise. */
const with3 = (more: Partial<Sync>) => SYNCS.map(sync => (sync.node === 'n3' ? { ...sync, ...more } : sync))

test('answers that came after the syncs of two stores each', () => {
  assert.deepEqual(failing(HANDED), [])
  assert.match(handedLines('alone', HANDED, SYNCS, 2)[0]?.figure ?? '', /^4 durable copies told of, 4 syncs/)
})

test('a sync that is missing, begun before the request, done after the answer, or a second one of the same store', () => {
  assert.deepEqual(failing(HANDED, SYNCS.slice(0, 3)), [BARE])
  assert.deepEqual(failing(HANDED, with3({ from: 199 })), [BARE])
  assert.deepEqual(failing(HANDED, with3({ to: 211 })), [BARE])
  assert.deepEqual(failing(HANDED, with3({ node: 'n1' })), [BARE])
  assert.equal(syncedFor(SYNCS, { from: 100, to: 210, copies: 2 }), 3)
})

test('an answer that tells of no copy needs no sync, and is not what was promised', () => {
  const [one = { from: 0, to: 0, copies: 0 }] = HANDED
  assert.deepEqual(failing([one, { ...one, copies: 0 }]), [FEW])
  assert.deepEqual(failing([one, { ...one, copies: 1 }]), [FEW])
  assert.deepEqual(failing([one, { ...one, copies: Number.NaN }]), [FEW])
  assert.deepEqual(failing([one, { ...one, copies: 3 }]), [BARE])
})

test('a task that was left out, and none at all', () => {
  assert.deepEqual(failing(HANDED.slice(1), SYNCS, 2), [FEW, BARE])
  assert.deepEqual(failing([], SYNCS, 0), [FEW, BARE])
})
