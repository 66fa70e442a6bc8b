import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { Random } from '../../src/base/random.ts'
import type { StoredNotes } from '../../src/grants/messages.ts'
import { Disk } from './disk.ts'
import type { Fault } from './fault.ts'
import { drawSecondLosses, isConfirmed } from './second-losses.ts'
import { runSeed } from './seed-run.ts'

const NAMES = ['n1', 'n2', 'n3']
const ring = { seq: 5, ring: 'r', members: [] }
const SETTLED: StoredNotes = {
  seq: 9,
  lost: false,
  list: '1 x',
  rings: [ring],
  disks: [{ node: asNodeId('n3'), disk: 'second', seq: 6, born: true }],
}

/** Three voters, of which the last has lost its disk; what each of them has noted. */
function hosts(...notes: (StoredNotes | undefined)[]) {
  return NAMES.map((name, i) => {
    const disk = new Disk(new Random(1))
    if (name === 'n3') disk.wipe()
    const list = { version: 1, names: NAMES }
    disk.apply([
      { table: 'grants', key: 'voters', value: list },
      { table: 'grants', key: 'disk', value: name === 'n3' ? 'second' : 'first' },
      { table: 'grants', key: 'notes', value: notes[i] },
    ] as Parameters<Disk['apply']>[0])
    return { name, disk }
  })
}

test('what a lost disk had lies on others when all voters have settled with the one that came for it', () => {
  assert.equal(isConfirmed(hosts(SETTLED, SETTLED, SETTLED)), true)
  const [n1, n2] = hosts(SETTLED, SETTLED, SETTLED)
  assert.equal(isConfirmed([n1, n2].flatMap(host => host ?? [])), false, 'none of these was lost')
})

for (const [what, notes] of [
  ['has no notes', undefined],
  ['may not know of every ring', { ...SETTLED, lost: true }],
  [
    'still waits for what was written under another ring',
    { ...SETTLED, rings: [ring, { ...ring, ring: 'q' }] },
  ],
  [
    'knows the disk that was lost',
    { ...SETTLED, disks: SETTLED.disks.map(note => ({ ...note, disk: 'first' })) },
  ],
  [
    'has not settled since the new one came',
    { ...SETTLED, disks: SETTLED.disks.map(note => ({ ...note, born: false })) },
  ],
  ['does not know the new one', { ...SETTLED, disks: [] }],
] as const)
  test(`nothing is confirmed while a voter ${what}`, () => {
    assert.equal(isConfirmed(hosts(SETTLED, notes, SETTLED)), false)
  })

test('a disk is lost again only where one is lost before, and behind that', () => {
  const started: Fault = { at: 20_000, kind: 'start', host: 1, address: 'same', disk: 'kept' }
  assert.deepEqual(drawSecondLosses(new Random(1), [started], 4, 48_000), [])
  const again = drawSecondLosses(new Random(1), [{ ...started, disk: 'lost' }], 4, 48_000)
  assert.ok(again.length > 5)
  assert.ok(again.every(({ at, host }) => at > 20_000 && at < 44_000 && host < 4))
})

test('a run goes on to lose disks, and all that was accepted is there', () => {
  const { violation, counts } = runSeed({
    seed: 28,
    profile: 'mixed',
    mode: 'quorum',
    nodes: 5,
    seconds: 60,
    extras: 'none',
  })
  assert.equal(violation, undefined)
  const lost = (counts['disk lost'] ?? 0) + (counts['disk lost-but-key'] ?? 0)
  assert.ok(lost === 1 && (counts['disks lost again'] ?? 0) >= 1, JSON.stringify({ lost }))
})
