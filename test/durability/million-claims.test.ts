/** Can the judge of a million queued tasks fail? It is given a run that is right, and then the same with one thing wrong. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type MillionSeen, millionClaims } from './million-claims.ts'

const WANTED = { count: 1_000_000, daemons: 8, restarts: 3 }
const RIGHT: MillionSeen = {
  addedS: 90,
  owned: 1_000_003,
  residentMib: Array.from({ length: 8 }, () => 700),
  restartsS: [4, 5, 6],
  residentAfterMib: Array.from({ length: 8 }, () => 800),
  all: { servingS: 30, ownedS: 40 },
}

const failing = (more: Partial<MillionSeen> = {}, wanted = WANTED) =>
  millionClaims({ ...RIGHT, ...more }, wanted)
    .filter(({ holds }) => holds === false)
    .map(({ claim }) => claim)

const [QUEUED, READ, MEMORY, RESTARTS, SERVING] = [
  '1000000 tasks are queued in eight daemons',
  'memory was read of every daemon, before and after restarts',
  'memory of a daemon with all below it: 200 MiB and 2 KiB for each of 375000 records',
  'restarts',
  'one is killed and started on its disk: from its start to serving',
]

test('a run that keeps to its bounds', () => {
  assert.deepEqual(failing(), [])
})

test('tasks that are missing', () => {
  assert.deepEqual(failing({ owned: 999_999 }), [QUEUED])
})

test('one daemon of eight above the bound, before or after restarts; the bound grows with the records only', () => {
  // 200 MiB and 2 KiB of each of 375,000 records are 932.4 MiB.
  const one = (mib: number) => [...RIGHT.residentMib.slice(1), mib]
  assert.deepEqual(failing({ residentMib: one(933) }), [])
  assert.deepEqual(failing({ residentMib: one(934) }), [MEMORY])
  assert.deepEqual(failing({ residentAfterMib: one(934) }), [MEMORY])
  const few = millionClaims(RIGHT, { ...WANTED, count: 1_000 }).filter(({ holds }) => holds === false)
  assert.equal(few.length, 1)
})

test('a daemon whose memory nobody read, or that has none', () => {
  assert.deepEqual(failing({ residentMib: RIGHT.residentMib.slice(1) }), [READ])
  assert.deepEqual(failing({ residentAfterMib: [] }), [READ])
  assert.deepEqual(failing({ residentMib: [...RIGHT.residentMib.slice(1), 0] }), [READ])
})

test('a restart that takes too long, one that was left out, and none', () => {
  assert.deepEqual(failing({ restartsS: [4, 10.1, 6] }), [SERVING])
  assert.deepEqual(failing({ restartsS: [4, 5] }), [RESTARTS])
  assert.deepEqual(failing({ restartsS: [] }), [RESTARTS, SERVING])
})
