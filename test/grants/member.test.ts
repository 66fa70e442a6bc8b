import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeId } from '../../src/base/ids.ts'
import { Random } from '../../src/base/random.ts'
import { grantsDefaults } from '../../src/grants/config.ts'
import { Member } from '../../src/grants/member.ts'
import type { NotesTell, Renew } from '../../src/grants/messages.ts'
import { made, ringOf, Three, tell } from './noted.ts'
import { a, at, b, c, grantOf } from './scene.ts'

const VOTERS = [a, b, c]

test('where one voter has changed its notes, it alone is told at once that all is done', () => {
  const [before, ring] = [ringOf(a, b, c), ringOf(a, b)]
  const rings = made()
  for (const each of [before, ring]) rings.add(each)
  const config = { ...grantsDefaults(), mode: 'quorum' as const }
  const member = new Member({
    ...{ self: a, session: 1, disk: 'disk-a', config, random: new Random(1), rings },
    ...{ voters: new Three(), log: () => {} },
  })
  member.viewChanged(ring, false)
  const notes = (seq: number): NotesTell => ({
    ...tell(seq, ring),
    rings: [before, ring].map(each => ({ seq, ring: each.checksum })),
  })
  const asked = (): Map<NodeId, Renew> => {
    const all = new Map<NodeId, Renew>()
    member.request(VOTERS, at(1), (voter, renew) => all.set(voter, renew))
    return all
  }
  const answer = (voter: NodeId, { seq, scope }: Renew, told: NotesTell) =>
    member.answered(voter, grantOf(seq, scope, { notes: told }), at(1))

  for (const [voter, renew] of asked()) answer(voter, renew, notes(1))
  member.done(ring.checksum, at(1))
  const told = asked()
  assert.deepEqual([...told.keys()], VOTERS)
  assert.deepEqual(
    [...told.values()].map(({ done }) => done),
    [1, 1, 1],
  )
  const toB = told.get(b)
  assert.ok(toB)
  answer(b, toB, notes(2))
  member.done(ring.checksum, at(1))
  assert.deepEqual(
    [...asked()].map(([voter, { done }]) => [voter, done]),
    [[b, 2]],
  )
})
