import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, type NodeId } from '../../src/base/ids.ts'
import { instantOf, wallOf } from '../../src/base/time.ts'
import type { GrantsEffect } from '../../src/grants/effects.ts'
import { NOTES_MAX, type NotesTell, type Renew, type StoredNotes } from '../../src/grants/messages.ts'
import { Notes } from '../../src/grants/notes.ts'
import { Rings } from '../../src/grants/rings.ts'
import { buildRing } from '../../src/ring/build-ring.ts'
import { ringDefaults } from '../../src/ring/config.ts'
import type { Ring, RingMember } from '../../src/ring/ring.ts'
import { ledgerOf, made, ringOf, Three } from './noted.ts'
import { a, b, c } from './scene.ts'

const now = { mono: instantOf(0), wall: wallOf(1_000) }

class Voter {
  readonly voters = new Three()
  readonly #out: GrantsEffect[] = []
  readonly notes: Notes
  #marks = 0

  constructor(stored?: StoredNotes, rings = made()) {
    const nextMark = (): number => ++this.#marks
    this.notes = new Notes({ self: a, stored, rings, voters: this.voters, nextMark, out: this.#out }, now)
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

test('the highest term that left a gap is told to all, and stays when the rings of before go', () => {
  const voter = new Voter()
  const ring = ringOf(a, b)
  assert.equal(voter.hear(a, ring, { disk: 'disk-a' })?.gap, undefined)
  const seq = voter.hear(a, ring, { disk: 'disk-a' })?.seq as number
  const told = voter.hear(a, ring, { disk: 'disk-a', known: seq, gap: 7 })
  assert.deepEqual([told?.gap, (told?.seq ?? 0) > seq], [7, true])
  assert.equal(voter.hear(b, ring, { disk: 'disk-b', gap: 6 })?.gap, 7)
  voter.settle(ring)
  const settled = voter.hear(a, ring, { disk: 'disk-a' })
  assert.deepEqual([settled?.lost, settled?.gap], [false, 7])
})

test('whoever is done, and left a gap that the voter does not have, is not done', () => {
  const voter = new Voter()
  const [before, ring] = [ringOf(a, b, c), ringOf(a, b)]
  voter.settle(before)
  for (const id of [a, b]) voter.hear(id, ring, { disk: `disk-${id}` })
  const seq = voter.hear(a, ring, { disk: 'disk-a' })?.seq as number
  voter.hear(a, ring, { disk: 'disk-a', done: seq, gap: 7 })
  const told = voter.hear(b, ring, { disk: 'disk-b', done: seq })
  assert.deepEqual([voter.notes.size, told?.gap], [2, 7])
})

test('what is told is on the disk', () => {
  const out: GrantsEffect[] = []
  let marks = 0
  const nextMark = () => ++marks
  const parts = { self: a, stored: undefined, rings: made(), voters: new Three(), nextMark, out }
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

test('of too many rings those with the fewest members stay: who was a ring of its own may have what nobody else has', () => {
  const voter = new Voter()
  const [all, one, two] = [ringOf(a, b, c), ringOf(b), ringOf(b, c)]
  voter.settle(all)
  for (const ring of [one, two]) voter.hear(b, ring, { disk: 'disk-b' })
  for (let times = 0; times < 4; times++) {
    const told = overflow(voter, times)
    const known = told?.rings.map(({ ring }) => ring)
    assert.deepEqual(
      [told?.lost, known?.includes(one.checksum), known?.includes(two.checksum)],
      [true, true, true],
    )
  }
  assert.ok(voter.notes.counts.notesOverflowed >= 4)
  assert.ok(voter.notes.size <= NOTES_MAX)
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

function overflow(voter: Voter, times = 0): NotesTell | undefined {
  let told: NotesTell | undefined
  for (let i = 0; i < NOTES_MAX; i++)
    told = voter.hear(a, ringOf(a, b, c, asNodeId(`n${times} ${i}`)), { disk: 'disk-a' })
  return told
}

test('who leaves is known by its disk until no noted ring names it; by a voter that may have forgotten some, until it has settled', () => {
  const [before, ring] = [ringOf(a, b, c), ringOf(a, b)]
  const voter = new Voter()
  const leaving = { disk: 'disk-c', scope: { ring: ring.checksum, leaving: true, keeps: [] } }
  const known = () => voter.hear(b, ring, { disk: 'disk-b' })?.disks.map(({ node }) => node) ?? []
  voter.settle(before)
  voter.hear(c, ring, leaving)
  assert.deepEqual(known(), [a, b, c], 'the ring of before is noted still')
  voter.settle(ring)
  voter.hear(c, ring, leaving)
  assert.deepEqual(known(), [a, b])
  const { seq } = voter.hear(c, ring, { disk: 'disk-c' }) ?? assert.fail()
  assert.deepEqual(known(), [a, b, c], 'it stays, and is cordoned')
  voter.hear(c, ring, leaving)
  const told = voter.hear(b, ring, { disk: 'disk-b', known: seq })
  assert.deepEqual([told?.since, told?.disks.map(({ node }) => node)], [undefined, [a, b]], 'it is told all')
  voter.voters.version++
  voter.hear(c, ring, leaving)
  assert.deepEqual(known(), [a, b, c])
})

test('a ring without members settles nothing: nobody has said that all is done', () => {
  const voter = new Voter()
  const [ring, nobody] = [ringOf(a, b, c), ringOf()]
  voter.settle(ring)
  for (let times = 0; times < 3; times++) voter.hear(a, nobody, { disk: 'disk-a' })
  const told = voter.hear(a, nobody, { disk: 'disk-a' })
  assert.deepEqual(
    told?.rings.map(({ ring }) => ring),
    [ring.checksum, nobody.checksum],
  )
  assert.deepEqual(told?.disks.map(({ node }) => node).sort(), [a, b, c])
})

test('who votes no more drops its notes: when it votes again, nobody is held to disks that were replaced meanwhile', () => {
  const voter = new Voter()
  const ring = ringOf(a, b, c)
  voter.settle(ring)
  voter.hear(b, ring, { disk: 'disk-b', gap: 7 })
  voter.voters.version = 2
  voter.voters.names = [b, c]
  voter.notes.listChanged()
  voter.voters.version = 3
  voter.voters.names = [a, b, c]
  voter.notes.listChanged()
  const told = voter.hear(c, ring, { disk: 'another' }) as NotesTell
  assert.deepEqual([told.lost, told.gap, told.disks.map(({ node }) => node)], [true, 7, [c]])
  const ledger = ledgerOf(ring)
  ledger.heard(a, told, ring.checksum, 9)
  assert.equal(ledger.isDiskOf(c, 'another'), true)
})

test('who votes all the time keeps its notes when the list changes', () => {
  const voter = new Voter()
  const ring = ringOf(a, b, c)
  voter.settle(ring)
  voter.voters.version = 2
  voter.voters.names = [a, c]
  voter.notes.listChanged()
  const told = voter.hear(c, ring, { disk: 'disk-c' }) as NotesTell
  assert.deepEqual(told.disks.map(({ node }) => node).sort(), [a, b, c])
})

test('noted under other parameters of the ring, its members are told by the name that they have now, and it is not sure of more', () => {
  const otherwise = (members: readonly RingMember[]): Ring =>
    buildRing(members, { ...ringDefaults(), vnodesPerWeight: 50 })
  const noted = [ringOf(a), ringOf(a, b, c)].map(({ checksum, members }, seq) => ({
    seq,
    ring: checksum,
    members,
  }))
  const rings = new Rings(otherwise)
  const voter = new Voter({ seq: 2, lost: false, list: '1 h', rings: noted, disks: [] }, rings)
  const ring = otherwise(ringOf(a, b, c).members)
  const told = voter.hear(a, ring, { disk: 'disk-a' }) as NotesTell
  assert.equal(told.lost, true)
  assert.equal(told.seq > 2, true)
  assert.deepEqual(
    new Set(
      told.rings.map(({ ring }) =>
        rings
          .get(ring)
          ?.members.map(({ id }) => id)
          .join(),
      ),
    ),
    new Set(['a', 'a,b,c']),
  )
})
