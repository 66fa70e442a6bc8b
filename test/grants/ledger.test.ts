import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { DISKS_MAX } from '../../src/grants/messages.ts'
import type { Ring } from '../../src/ring/ring.ts'
import { knownBefore, ledgerOf, ringOf, tell } from './noted.ts'
import { a, b, c } from './scene.ts'

test('a ring counts as noted once a quorum says so to requests under it', () => {
  const ring = ringOf(a, b, c)
  const ledger = ledgerOf(ring)
  ledger.heard(a, tell(1, ring), ring.checksum, 5)
  assert.equal(ledger.noted(ring.checksum), false)
  ledger.heard(b, tell(1, ring), 'another', 5)
  assert.equal(ledger.noted(ring.checksum), false, 'it was asked under another ring')
  ledger.heard(b, undefined, ring.checksum, 5)
  assert.equal(ledger.noted(ring.checksum), true)
})

test('a ring is noted anew after the right to act has lapsed: others may have settled without this node meanwhile', () => {
  const ring = ringOf(a, b, c)
  const ledger = ledgerOf(ring)
  for (const voter of [a, b]) ledger.heard(voter, tell(1, ring), ring.checksum, 5)
  assert.equal(ledger.noted(ring.checksum), true)
  const { changes } = ledger
  ledger.lapsed()
  assert.deepEqual([ledger.noted(ring.checksum), ledger.changes > changes], [false, true])
  for (const voter of [a, b]) ledger.heard(voter, undefined, ring.checksum, 5)
  assert.equal(ledger.noted(ring.checksum), true)
})

test('so it is with a voter that was asked under another ring since: it may have settled by that, and the answer be lost', () => {
  const [ring, other] = [ringOf(a, b, c), ringOf(a, b)]
  const ledger = ledgerOf(ring, other)
  for (const voter of [a, b]) ledger.heard(voter, tell(1, ring), ring.checksum, 5)
  ledger.say(b, ring.checksum)
  assert.equal(ledger.noted(ring.checksum), true)
  ledger.say(b, other.checksum)
  ledger.say(b, ring.checksum)
  assert.equal(ledger.noted(ring.checksum), false)
  ledger.heard(b, undefined, ring.checksum, 5)
  assert.equal(ledger.noted(ring.checksum), true)
})

test('a node is needed until a quorum has notes of rings without it only; a voter that is gone holds nobody back', () => {
  const [before, later] = [ringOf(a, b, c), ringOf(a, b)]
  const ledger = ledgerOf(before, later)
  ledger.heard(a, tell(1, before), before.checksum, 5)
  assert.equal(ledger.names(c), false, 'no quorum tells of notes')
  for (const voter of [b, c]) ledger.heard(voter, tell(1, before), before.checksum, 5)
  assert.equal(ledger.names(c), true)
  ledger.heard(a, tell(2, later), later.checksum, 6)
  assert.equal(ledger.names(c), true, 'one of two')
  ledger.heard(b, tell(2, later), later.checksum, 6)
  assert.equal(ledger.names(c), false, 'c itself, which told its notes last before, is no longer asked')
  ledger.heard(b, tell(3, ringOf(a)), later.checksum, 6)
  assert.equal(ledger.names(c), true, 'a ring whose members are not known may have it')
})

test('where notes are lost a node is needed until a quorum has settled without it: all that are known are asked then', () => {
  const [before, later] = [ringOf(a, b, c), ringOf(a, b)]
  const ledger = ledgerOf(before, later)
  const disks = [{ node: c, disk: 'disk-c', seq: 1, born: true }]
  for (const voter of [a, b, c]) ledger.heard(voter, tell(1, before, disks), before.checksum, 5)
  // Of too many rings these two have dropped the large ones first.
  for (const voter of [a, b]) ledger.heard(voter, tell(2, later, disks, true), later.checksum, 6)
  assert.equal(knownBefore(ledger, 6), 'lost')
  assert.deepEqual([ledger.enlisted.has(c), ledger.names(c)], [true, true])
  ledger.heard(a, tell(3, later), later.checksum, 6)
  assert.equal(ledger.names(c), true, 'one of two')
  ledger.heard(b, tell(3, later), later.checksum, 6)
  assert.equal(ledger.names(c), false)
})

test('a voter waits for the members of the rings that it noted, and for those whose disk it knows', () => {
  const ring = ringOf(a, b)
  const ledger = ledgerOf(ring)
  assert.equal(ledger.waitsFor(b), false)
  ledger.heard(a, tell(1, ring, [{ node: c, disk: 'disk-c', seq: 1, born: true }]), ring.checksum, 5)
  const others = [b, c, asNodeId('nobody')].map(node => ledger.waitsFor(node))
  assert.deepEqual(others, [true, true, false])
})

test('the highest term that left a gap is said to each voter until that tells of it', () => {
  const ring = ringOf(a, b, c)
  const ledger = ledgerOf(ring)
  const said = (voter: typeof a) => ledger.say(voter, ring.checksum).gap
  assert.deepEqual([ledger.gap, said(a)], [0, undefined])
  ledger.heard(a, { ...tell(1, ring), gap: 7 }, ring.checksum, 9)
  assert.deepEqual([ledger.gap, said(a), said(b)], [7, undefined, 7])
  ledger.hadGap(8)
  assert.deepEqual([said(a), said(b)], [8, 8])
  ledger.heard(b, { ...tell(1, ring), gap: 8 }, ring.checksum, 9)
  ledger.keepOnly([c])
  assert.deepEqual([ledger.gap, said(b), said(c)], [8, 8, 8], 'what was told once is known for good')
})

test('notes are read from those only who were asked for the term', () => {
  const ring = ringOf(a, b, c)
  const ledger = ledgerOf(ring)
  ledger.heard(a, tell(1, ring), ring.checksum, 9)
  ledger.heard(b, tell(1, ring), ring.checksum, 8)
  assert.equal(knownBefore(ledger, 9), 'unknown')
  ledger.heard(b, undefined, ring.checksum, 9)
  assert.notEqual(knownBefore(ledger, 9), 'unknown')
})

test('without a quorum that has forgotten nothing, nothing is known of rings', () => {
  const ring = ringOf(a, b, c)
  const ledger = ledgerOf(ring)
  ledger.heard(a, tell(1, ring), ring.checksum, 9)
  ledger.heard(b, tell(1, ring, [], true), ring.checksum, 9)
  assert.equal(knownBefore(ledger, 9), 'lost')
  ledger.heard(c, tell(1, ring), ring.checksum, 9)
  assert.equal(knownBefore(ledger, 9).length, 1)
})

test('without a quorum that has forgotten nothing, all that is noted still is told: who is without a ring may have forgotten it', () => {
  const [one, ring, unknown] = [ringOf(b), ringOf(a, b, c), ringOf(c)]
  const ledger = ledgerOf(one, ring)
  const of = (...rings: Ring[]) => ({
    ...tell(rings.length, ring, [], true),
    rings: rings.map(({ checksum }, seq) => ({ seq, ring: checksum })),
  })
  const known = (): unknown => {
    const found = ledger.ringsBefore(9)
    return found === 'unknown' ? found : [found.lost, ...found.rings.map(each => each.ring.checksum)]
  }
  ledger.heard(a, of(one, ring), ring.checksum, 9)
  ledger.heard(b, of(ring), ring.checksum, 9)
  assert.deepEqual(known(), [true, one.checksum, ring.checksum])
  ledger.heard(c, of(ring), ring.checksum, 9)
  assert.deepEqual(known(), [true, one.checksum, ring.checksum], 'a quorum is without it')
  ledger.heard(c, of(ring, unknown), ring.checksum, 9)
  assert.deepEqual(known(), 'unknown', 'nobody but one knows of this: its members are asked for')
  assert.deepEqual([...ledger.wanted], [[unknown.checksum, [c]]])
})

test('of more rings than can be known at one time, nothing is known: all members are asked', () => {
  const ring = ringOf(a, b, c)
  const ledger = ledgerOf(ring)
  const rings = Array.from({ length: 300 }, (_, i) => ({ seq: i, ring: `ring-${i}` }))
  ledger.heard(a, { ...tell(300, ring), rings: rings.slice(0, 150) }, ring.checksum, 9)
  ledger.heard(b, { ...tell(300, ring), rings: rings.slice(0, 150) }, ring.checksum, 9)
  assert.equal(knownBefore(ledger, 9), 'unknown', 'their members are asked for')
  ledger.heard(b, { ...tell(301, ring), rings: rings.slice(150) }, ring.checksum, 9)
  assert.equal(knownBefore(ledger, 9), 'lost')
})

test('of one voter no more disks are kept than it keeps itself: the newest', () => {
  const ring = ringOf(a, b, c)
  const ledger = ledgerOf(ring)
  const noteOf = (seq: number) => ({ node: asNodeId(`pod-${seq}`), disk: `d${seq}`, seq, born: true })
  ledger.heard(a, tell(1, ring, [noteOf(1)]), ring.checksum, 9)
  for (let seq = 2; seq <= DISKS_MAX + 10; seq++)
    ledger.heard(a, { ...tell(seq, ring, [noteOf(seq)], true), since: seq - 1 }, ring.checksum, 9)
  assert.equal(ledger.enlisted.size, DISKS_MAX)
  assert.deepEqual(
    [10, 11, DISKS_MAX + 10].map(seq => ledger.enlisted.has(asNodeId(`pod-${seq}`))),
    [false, true, true],
  )
})

test('a ring whose members are not known is asked for', () => {
  const ring = ringOf(a, b, c)
  const ledger = ledgerOf()
  ledger.heard(a, tell(1, ring), ring.checksum, 9)
  ledger.heard(b, tell(1, ring), ring.checksum, 9)
  assert.equal(knownBefore(ledger, 9), 'unknown')
  assert.deepEqual([...ledger.wanted], [[ring.checksum, [a, b]]])
  ledger.wanted.clear()
  assert.equal(knownBefore(ledger, 9), 'unknown')
  assert.deepEqual(
    [...ledger.wanted.keys()],
    [ring.checksum],
    'the question or its answer may have been lost',
  )
})

test('a voter that nobody can explain is left out where a quorum of the others is enough', () => {
  const [ring, unknown] = [ringOf(a, b, c), ringOf(a, c)]
  const ledger = ledgerOf(ring)
  ledger.heard(a, tell(1, ring), ring.checksum, 9)
  ledger.heard(c, tell(1, unknown), ring.checksum, 9)
  assert.equal(knownBefore(ledger, 9), 'unknown')
  ledger.heard(b, tell(1, ring), ring.checksum, 9)
  const rings = knownBefore(ledger, 9)
  assert.deepEqual(typeof rings === 'string' ? rings : rings.map(each => each.ring.checksum), [ring.checksum])
  assert.deepEqual([...ledger.wanted], [[unknown.checksum, [c]]], 'it is asked for all the same')
})

test('a ring that a quorum is without is settled, or never counted: a voter that was away does not bring it back', () => {
  const [long, ring] = [ringOf(a, b, c, asNodeId('left'), asNodeId('left-too')), ringOf(a, b, c)]
  const ledger = ledgerOf(long, ring)
  const noted = (): string[] => {
    const rings = knownBefore(ledger, 9)
    return typeof rings === 'string' ? [rings] : rings.map(each => each.ring.checksum).sort()
  }
  const both = { ...tell(2, ring), rings: [long, ring].map(({ checksum }, seq) => ({ seq, ring: checksum })) }
  ledger.heard(a, tell(2, ring), ring.checksum, 9)
  ledger.heard(c, both, ring.checksum, 9)
  assert.deepEqual(noted(), [long.checksum, ring.checksum].sort(), 'one of two is without it')
  ledger.heard(b, tell(2, ring, [], true), ring.checksum, 9)
  assert.deepEqual(noted(), [long.checksum, ring.checksum].sort(), 'one that has forgotten may have had it')
  ledger.heard(b, tell(3, ring), ring.checksum, 9)
  assert.deepEqual(noted(), [ring.checksum])
  ledger.heard(b, { ...both, seq: 4 }, ring.checksum, 9)
  assert.deepEqual(
    noted(),
    [long.checksum, ring.checksum].sort(),
    'two have noted it, and it may have counted',
  )
})

test('the answer of another disk does not count for a ring noted before it', () => {
  const ring = ringOf(a, b, c)
  const ledger = ledgerOf(ring)
  const born = { node: c, disk: 'one', seq: 0, born: true }
  const later = { node: c, disk: 'two', seq: 5, born: false }
  ledger.heard(a, tell(1, ring, [born]), ring.checksum, 9)
  ledger.heard(b, tell(1, ring, [born]), ring.checksum, 9)
  const countsBy = (disk: string): boolean | undefined => {
    const rings = knownBefore(ledger, 9)
    return typeof rings === 'string' ? undefined : rings[0]?.counts(c, disk)
  }
  assert.equal(countsBy('one'), true)
  assert.equal(countsBy('two'), false, 'nobody has heard of it')
  // One voter heard of the new disk; for the other it is still the old one.
  ledger.heard(b, { ...tell(6, ring, [later]), rings: [{ seq: 1, ring: ring.checksum }] }, ring.checksum, 9)
  assert.equal(countsBy('two'), false)
  assert.equal(countsBy('one'), false)
})

test('a new disk counts for the ring that is noted after it', () => {
  const ring = ringOf(a, b, c)
  const ledger = ledgerOf(ring)
  const later = { node: c, disk: 'two', seq: 5, born: false }
  for (const voter of [a, b]) ledger.heard(voter, tell(6, ring, [later]), ring.checksum, 9)
  const rings = knownBefore(ledger, 9)
  assert.ok(typeof rings !== 'string')
  assert.equal(rings[0]?.counts(c, 'two'), true)
})

test('a voter that was away holds nobody to a disk that the others have settled since', () => {
  const ring = ringOf(a, b, c)
  const ledger = ledgerOf(ring)
  const settled = { node: c, disk: 'two', seq: 5, born: true }
  const replaced = { node: c, disk: 'two', seq: 3, born: false, replaced: true } as const
  const rings = [2, 4].map(seq => ({ seq, ring: ring.checksum }))
  ledger.heard(a, tell(6, ring, [settled]), ring.checksum, 9)
  ledger.heard(c, { ...tell(4, ring, [replaced]), rings }, ring.checksum, 9)
  const counts = (disk: string): boolean | undefined => {
    const found = knownBefore(ledger, 9)
    return typeof found === 'string' ? undefined : found.every(each => each.counts(c, disk))
  }
  assert.equal(counts('two'), false, 'one of two that were asked has noted the ring before this disk came')
  ledger.heard(b, tell(6, ring, [settled]), ring.checksum, 9)
  assert.equal(counts('two'), true, 'as two know, what it held before lies elsewhere by now')
  assert.equal(counts('one'), false)
  ledger.heard(b, { ...tell(7, ring, [{ ...replaced, seq: 7 }]), rings }, ring.checksum, 9)
  assert.equal(counts('two'), false, 'two have not settled since')
})

test('what was told since is not done', () => {
  const ring = ringOf(a, b)
  const ledger = ledgerOf(ring)
  ledger.heard(b, tell(4, ring), ring.checksum, 9)
  assert.equal(ledger.setDone(ring.checksum), true)
  assert.deepEqual(ledger.say(b, ring.checksum), { disk: 'disk-a', known: 4, done: 4 })
  ledger.heard(b, tell(5, ring), ring.checksum, 9)
  assert.deepEqual(ledger.say(b, ring.checksum), { disk: 'disk-a', known: 5 })
})

test('a voter that waits is told once that all is done, and again once it has changed its notes', () => {
  const [before, ring] = [ringOf(a, b, c), ringOf(a, b)]
  const ledger = ledgerOf(before, ring)
  const waits = (seq: number) => ({
    ...tell(seq, ring),
    rings: [before, ring].map(each => ({ seq, ring: each.checksum })),
  })
  for (const voter of [b, c]) ledger.heard(voter, waits(1), ring.checksum, 9)
  ledger.heard(a, tell(1, ring), ring.checksum, 9)
  assert.deepEqual(ledger.waiting, [], 'not done yet')
  ledger.setDone(ring.checksum)
  assert.deepEqual(ledger.waiting, [b, c], 'a knows of one ring only')
  for (const voter of [b, c]) ledger.say(voter, ring.checksum)
  assert.deepEqual(ledger.waiting, [])
  ledger.heard(b, waits(2), ring.checksum, 9)
  ledger.setDone(ring.checksum)
  assert.deepEqual(ledger.waiting, [b])
})

test('where notes are lost, a disk that replaced another does not tell what its node ever held', () => {
  const ring = ringOf(a, b, c)
  const ledger = ledgerOf(ring)
  const [first, later] = [
    { node: c, disk: 'one', seq: 0, born: true },
    { node: c, disk: 'two', seq: 5, born: false },
  ]
  assert.equal(ledger.isDiskOf(c, 'one'), true, 'nobody knows another')
  ledger.heard(a, tell(1, ring, [first]), ring.checksum, 9)
  assert.equal(ledger.isDiskOf(c, 'one'), true)
  assert.equal(ledger.isDiskOf(c, 'two'), false)
  ledger.heard(a, tell(6, ring, [later]), ring.checksum, 9)
  assert.equal(ledger.isDiskOf(c, 'two'), false, 'a voter saw it replace another')
  assert.equal(ledger.isDiskOf(c, 'one'), false)
  ledger.heard(a, tell(7, ring, [{ ...later, seq: 7, born: true }]), ring.checksum, 9)
  assert.equal(ledger.isDiskOf(c, 'two'), true, 'all is settled since')
})

test('a voter that has lost its own notes calls every disk another one, which says nothing', () => {
  const ring = ringOf(a, b, c)
  const ledger = ledgerOf(ring)
  ledger.heard(a, tell(1, ring, [{ node: c, disk: 'one', seq: 0, born: false }], true), ring.checksum, 9)
  assert.equal(ledger.isDiskOf(c, 'one'), true)
})

test('whoever has a disk that a voter knows may hold something, until that voter has settled without it', () => {
  const [before, after] = [ringOf(a, b, c), ringOf(a, b)]
  const ledger = ledgerOf(before, after)
  const disks = [a, b, c].map(node => ({ node, disk: `disk-${node}`, seq: 0, born: true }))
  ledger.heard(a, tell(1, before, disks), before.checksum, 9)
  assert.deepEqual([...ledger.enlisted].sort(), [a, b, c])
  ledger.heard(a, { ...tell(2, after), since: 1 }, after.checksum, 10)
  assert.deepEqual([...ledger.enlisted].sort(), [a, b])
})

test('whose disk was replaced is told once, also when a voter that is behind tells of the one before', () => {
  const ring = ringOf(a, b, c)
  const ledger = ledgerOf(ring)
  const hear = (voter: typeof a, seq: number, disk: string) => {
    ledger.heard(voter, tell(seq, ring, [{ node: c, disk, seq, born: false }]), ring.checksum, 9)
    return [...ledger.takeReplaced()]
  }
  assert.deepEqual([hear(a, 1, 'one'), hear(a, 2, 'two'), hear(b, 1, 'one')], [[], [c], []])
  assert.deepEqual([hear(a, 3, 'three'), hear(b, 2, 'two')], [[c], []])
  assert.deepEqual(hear(b, 3, 'one'), [c], 'of disks long gone nothing is kept')
})

test('the disk of a node is remembered until every voter that knew it has settled without the node', () => {
  const [before, after] = [ringOf(a, b, c), ringOf(a, b)]
  const returns = (...settled: (typeof a)[]): boolean => {
    const ledger = ledgerOf(before, after)
    const disks = [a, b, c].map(node => ({ node, disk: `disk-${node}`, seq: 0, born: true }))
    for (const voter of [a, b]) ledger.heard(voter, tell(1, before, disks), before.checksum, 9)
    for (const voter of settled) ledger.heard(voter, { ...tell(2, after), since: 1 }, after.checksum, 10)
    const again = [{ node: c, disk: 'another', seq: 3, born: true }]
    ledger.heard(a, { ...tell(3, after, again), since: 2 }, after.checksum, 10)
    return ledger.takeReplaced().has(c)
  }
  assert.equal(returns(a), true, 'for b it is still needed')
  assert.equal(returns(a, b), false, 'nobody counts on what it had')
})

test('a cordoned node that a voter notes again after it has settled without it is enrolled when it owns keys again', () => {
  const [before, without] = [ringOf(a, b, c), ringOf(b, c)]
  const ledger = ledgerOf(before, without)
  const own = { node: a, disk: 'disk-a', born: true }
  const settled = { seq: 2, ring: without.checksum }
  for (const voter of [a, b]) {
    ledger.heard(voter, tell(1, before, [{ ...own, seq: 0 }]), before.checksum, 9)
    ledger.heard(voter, { ...tell(2, without), since: 1 }, without.checksum, 10)
  }
  assert.equal(ledger.enrolled, false, 'the voters dropped its disk')
  for (const voter of [a, b]) {
    const again = { seq: 3, since: 2, lost: false, rings: [settled], disks: [{ ...own, seq: 3 }] }
    ledger.heard(voter, again, without.checksum, 10)
    const other = { seq: 4, since: 3, lost: false, rings: [settled], disks: [{ ...own, node: c, seq: 4 }] }
    ledger.heard(voter, other, without.checksum, 10)
  }
  assert.equal(ledger.enrolled, true)
})
