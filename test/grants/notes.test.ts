import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, type NodeId } from '../../src/base/ids.ts'
import { instantOf, wallOf } from '../../src/base/time.ts'
import type { GrantsEffect } from '../../src/grants/effects.ts'
import { Ledger } from '../../src/grants/ledger.ts'
import { NOTES_MAX, type NotesTell, type Renew, type StoredNotes } from '../../src/grants/messages.ts'
import { Notes } from '../../src/grants/notes.ts'
import { Rings } from '../../src/grants/rings.ts'
import type { Voters } from '../../src/grants/voters.ts'
import { buildRing } from '../../src/ring/build-ring.ts'
import { ringDefaults } from '../../src/ring/config.ts'
import type { Ring } from '../../src/ring/ring.ts'

const now = { mono: instantOf(0), wall: wallOf(1_000) }
const [a, b, c] = ['a', 'b', 'c'].map(asNodeId) as [NodeId, NodeId, NodeId]

const ringOf = (...ids: NodeId[]): Ring =>
  buildRing(
    ids.map(id => ({ id, weight: 1 })),
    ringDefaults(),
  )

const made = (): Rings => new Rings(members => buildRing(members, ringDefaults()))

/** Three voters, of which two decide. */
class Three implements Voters {
  version = 1
  readonly list = undefined
  readonly names = [a, b, c]

  get name() {
    return { version: this.version, hash: 'h' }
  }

  includes(node: NodeId): boolean {
    return this.names.includes(node)
  }

  isQuorum(nodes: ReadonlySet<NodeId>): boolean {
    return nodes.size >= 2
  }
}

class Voter {
  readonly voters = new Three()
  readonly #out: GrantsEffect[] = []
  readonly notes: Notes
  #marks = 0

  constructor(stored?: StoredNotes) {
    const nextMark = (): number => ++this.#marks
    this.notes = new Notes({ stored, rings: made(), voters: this.voters, nextMark, out: this.#out }, now)
  }

  /** A request that is granted; its notes reach the disk at once. */
  hear(from: NodeId, ring: Ring, more: Partial<Renew> = {}): NotesTell | undefined {
    const scope = { ring: ring.checksum, leaving: false, keeps: [] }
    const renew: Renew = {
      type: 'renew',
      session: 1,
      seq: 1,
      scope,
      voters: this.voters.name,
      term: 0,
      ...more,
    }
    this.notes.viewChanged(ring)
    this.notes.heard(from, renew)
    for (const effect of this.#out.splice(0))
      if (effect.kind === 'persist')
        for (const next of effect.then) if (next.kind === 'persisted') this.notes.persisted(next.mark)
    return this.notes.told(renew).notes
  }

  /** All members say that they are done with the newest notes. */
  settle(ring: Ring): void {
    for (const { id } of ring.members) this.hear(id, ring, { disk: `disk-${id}` })
    const seq = this.hear(ring.members[0]?.id as NodeId, ring)?.seq
    for (const { id } of ring.members) this.hear(id, ring, { disk: `disk-${id}`, done: seq as number })
  }
}

test('a voter that has just begun may have forgotten, and says so until all members are done', () => {
  const voter = new Voter()
  const ring = ringOf(a, b)
  assert.equal(voter.hear(a, ring, { disk: 'disk-a' })?.lost, true)
  voter.settle(ring)
  const told = voter.hear(a, ring, { disk: 'disk-a' })
  assert.equal(told?.lost, false)
  assert.deepEqual(
    told?.rings.map(note => note.ring),
    [ring.checksum],
  )
})

test('a ring is noted with the first request under it, and stays until all members are done under a later one', () => {
  const voter = new Voter()
  const [first, second] = [ringOf(a, b), ringOf(a, b, c)]
  voter.settle(first)
  const told = voter.hear(a, second, { disk: 'disk-a' })
  assert.deepEqual(
    told?.rings.map(({ ring }) => ring),
    [first.checksum, second.checksum],
  )
  const seq = voter.hear(c, second, { disk: 'disk-c' })?.seq as number
  for (const id of [a, b]) voter.hear(id, second, { disk: `disk-${id}`, done: seq })
  assert.equal(voter.notes.size, 2, 'one of three is not done')
  voter.hear(c, second, { disk: 'disk-c', done: seq - 1 })
  assert.equal(voter.notes.size, 2, 'done with notes of before')
  voter.hear(c, second, { disk: 'disk-c', done: seq })
  assert.equal(voter.notes.size, 1)
})

test('what is told is on the disk', () => {
  const out: GrantsEffect[] = []
  let marks = 0
  const parts = { stored: undefined, rings: made(), voters: new Three(), nextMark: () => ++marks, out }
  const notes = new Notes(parts, now)
  const ring = ringOf(a)
  const scope = { ring: ring.checksum, leaving: false, keeps: [] }
  const renew: Renew = {
    type: 'renew',
    session: 1,
    seq: 1,
    scope,
    voters: { version: 1, hash: 'h' },
    term: 0,
  }
  notes.viewChanged(ring)
  notes.heard(a, renew)
  assert.ok(notes.pending)
  assert.deepEqual(notes.told(renew), {})
  assert.ok(notes.persisted(marks))
  assert.equal(notes.told(renew).notes?.rings.length, 1)
})

test('after another disk of a node the present ring is noted anew', () => {
  const voter = new Voter()
  const ring = ringOf(a, b, c)
  voter.settle(ring)
  const told = voter.hear(b, ring, { disk: 'another' })
  assert.equal(told?.rings.length, 2)
  const disk = told?.disks.find(({ node }) => node === b)
  const [before, after] = told?.rings ?? []
  assert.ok(disk && before && after)
  assert.equal(disk.born, false)
  assert.ok(before.seq < disk.seq && disk.seq < after.seq)
})

test('once all is done under a new disk, it counts for every ring, also for those that this voter never noted', () => {
  const voter = new Voter()
  const ring = ringOf(a, b, c)
  voter.settle(ring)
  assert.deepEqual(
    voter.hear(a, ring, { disk: 'disk-a' })?.disks.map(({ born }) => born),
    [true, true, true],
  )
  const seq = voter.hear(b, ring, { disk: 'another' })?.seq as number
  for (const id of [a, c]) voter.hear(id, ring, { disk: `disk-${id}`, done: seq })
  voter.hear(b, ring, { disk: 'another', done: seq })
  const told = voter.hear(a, ring, { disk: 'disk-a', known: seq })
  assert.deepEqual(
    told?.disks.map(({ node, born }) => [node, born]),
    [[b, true]],
    'it is told again to those who know of it',
  )
})

test('another voter list makes a voter lost, for it may not know what a quorum of the old one knew', () => {
  const voter = new Voter()
  const ring = ringOf(a, b)
  voter.settle(ring)
  assert.equal(voter.notes.lost, false)
  voter.voters.version = 2
  voter.hear(a, ring, { disk: 'disk-a' })
  assert.equal(voter.notes.lost, true)
})

test('too many rings are not remembered, and that is said', () => {
  const voter = new Voter()
  voter.settle(ringOf(a, b))
  for (let i = 0; i <= NOTES_MAX; i++) voter.hear(a, ringOf(a, asNodeId(`x${i}`)), { disk: 'disk-a' })
  assert.ok(voter.notes.size <= NOTES_MAX)
  assert.equal(voter.notes.lost, true)
})

test('a voter finds its notes again after a restart', () => {
  const stored: StoredNotes = {
    seq: 7,
    lost: false,
    list: '1 h',
    rings: [{ seq: 3, ring: ringOf(a, b).checksum, members: ringOf(a, b).members }],
    disks: [{ node: a, disk: 'disk-a', seq: 2, born: true }],
  }
  const voter = new Voter(stored)
  const told = voter.hear(a, ringOf(a, b), { disk: 'disk-a' })
  assert.equal(told?.seq, 7, 'nothing is new')
  assert.equal(told?.lost, false)
})

test('once settled, the disks of those who are no members are not remembered', () => {
  const voter = new Voter()
  voter.settle(ringOf(a, b, c))
  voter.settle(ringOf(a, b))
  const told = voter.hear(a, ringOf(a, b), { disk: 'disk-a' })
  assert.deepEqual(told?.disks.map(({ node }) => node).sort(), [a, b])
})

// ---- the member's side

const tell = (seq: number, ring: Ring, disks: NotesTell['disks'] = [], lost = false): NotesTell => ({
  seq,
  lost,
  rings: [{ seq, ring: ring.checksum }],
  disks,
})

function ledgerOf(...known: Ring[]) {
  const rings = made()
  for (const ring of known) rings.add(ring)
  return new Ledger({ self: a, disk: 'disk-a', rings, voters: new Three() })
}

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

test('notes are read from those only who were asked for the term', () => {
  const ring = ringOf(a, b, c)
  const ledger = ledgerOf(ring)
  ledger.heard(a, tell(1, ring), ring.checksum, 9)
  ledger.heard(b, tell(1, ring), ring.checksum, 8)
  assert.equal(ledger.ringsBefore(9), 'unknown')
  ledger.heard(b, undefined, ring.checksum, 9)
  assert.notEqual(ledger.ringsBefore(9), 'unknown')
})

test('without a quorum that has forgotten nothing, nothing is known of rings', () => {
  const ring = ringOf(a, b, c)
  const ledger = ledgerOf(ring)
  ledger.heard(a, tell(1, ring), ring.checksum, 9)
  ledger.heard(b, tell(1, ring, [], true), ring.checksum, 9)
  assert.equal(ledger.ringsBefore(9), 'lost')
  ledger.heard(c, tell(1, ring), ring.checksum, 9)
  assert.equal(ledger.ringsBefore(9).length, 1)
})

test('of more rings than can be known at one time, nothing is known: all members are asked', () => {
  const ring = ringOf(a, b, c)
  const ledger = ledgerOf(ring)
  const rings = Array.from({ length: 300 }, (_, i) => ({ seq: i, ring: `ring-${i}` }))
  ledger.heard(a, { ...tell(300, ring), rings: rings.slice(0, 150) }, ring.checksum, 9)
  ledger.heard(b, { ...tell(300, ring), rings: rings.slice(0, 150) }, ring.checksum, 9)
  assert.equal(ledger.ringsBefore(9), 'unknown', 'their members are asked for')
  ledger.heard(b, { ...tell(301, ring), rings: rings.slice(150) }, ring.checksum, 9)
  assert.equal(ledger.ringsBefore(9), 'lost')
})

test('a ring whose members are not known is asked for', () => {
  const ring = ringOf(a, b, c)
  const ledger = ledgerOf()
  ledger.heard(a, tell(1, ring), ring.checksum, 9)
  ledger.heard(b, tell(1, ring), ring.checksum, 9)
  assert.equal(ledger.ringsBefore(9), 'unknown')
  assert.deepEqual([...ledger.wanted], [[ring.checksum, [a, b]]])
  ledger.wanted.clear()
  assert.equal(ledger.ringsBefore(9), 'unknown')
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
  assert.equal(ledger.ringsBefore(9), 'unknown')
  ledger.heard(b, tell(1, ring), ring.checksum, 9)
  const rings = ledger.ringsBefore(9)
  assert.deepEqual(typeof rings === 'string' ? rings : rings.map(each => each.ring.checksum), [ring.checksum])
  assert.deepEqual([...ledger.wanted], [[unknown.checksum, [c]]], 'it is asked for all the same')
})

test('the answer of another disk does not count for a ring noted before it', () => {
  const ring = ringOf(a, b, c)
  const ledger = ledgerOf(ring)
  const born = { node: c, disk: 'one', seq: 0, born: true }
  const later = { node: c, disk: 'two', seq: 5, born: false }
  ledger.heard(a, tell(1, ring, [born]), ring.checksum, 9)
  ledger.heard(b, tell(1, ring, [born]), ring.checksum, 9)
  const countsBy = (disk: string): boolean | undefined => {
    const rings = ledger.ringsBefore(9)
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
  const rings = ledger.ringsBefore(9)
  assert.ok(typeof rings !== 'string')
  assert.equal(rings[0]?.counts(c, 'two'), true)
})

test('what was told since is not done', () => {
  const ring = ringOf(a, b)
  const ledger = ledgerOf(ring)
  ledger.heard(b, tell(4, ring), ring.checksum, 9)
  assert.equal(ledger.setDone(ring.checksum), true)
  assert.deepEqual(ledger.said(b, ring.checksum), { disk: 'disk-a', known: 4, done: 4 })
  ledger.heard(b, tell(5, ring), ring.checksum, 9)
  assert.deepEqual(ledger.said(b, ring.checksum), { disk: 'disk-a', known: 5 })
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

for (const [why, forget] of [
  ['another voter list', changeList],
  ['too many notes', overflow],
] as const)
  test(`a disk that replaced another is not taken for it after ${why} either`, () => {
    const ring = ringOf(a, b, c)
    const voter = new Voter()
    voter.settle(ring)
    voter.hear(c, ring, { disk: 'another' })
    forget(voter)
    const told = voter.hear(c, ring, { disk: 'another' }) as NotesTell
    assert.equal(told.lost, true)
    const ledger = ledgerOf(ring)
    ledger.heard(a, told, ring.checksum, 9)
    assert.equal(ledger.isDiskOf(c, 'another'), false)
    const done = { done: told.seq }
    for (const id of [a, b]) voter.hear(id, ring, { disk: `disk-${id}`, ...done })
    const after = voter.hear(c, ring, { disk: 'another', ...done }) as NotesTell
    assert.equal(after.lost, false)
    ledger.heard(a, after, ring.checksum, 9)
    assert.equal(ledger.isDiskOf(c, 'another'), true, 'all that it held lies elsewhere by now')
  })

function changeList(voter: Voter): void {
  voter.voters.version = 2
}

function overflow(voter: Voter): void {
  for (let i = 0; i < NOTES_MAX; i++) voter.hear(a, ringOf(a, b, c, asNodeId(`n${i}`)), { disk: 'disk-a' })
}
