import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, type NodeId } from '../../src/base/ids.ts'
import type { GrantsEffect } from '../../src/grants/effects.ts'
import type { Ballot, VoterList } from '../../src/grants/messages.ts'
import { Top } from '../../src/grants/top.ts'
import { hashOf, isActingQuorum, nameOf, namesOf } from '../../src/grants/voter-list.ts'
import type { Voters } from '../../src/grants/voters.ts'
import { a, at, b, c } from './scene.ts'

const d = asNodeId('d')
const of3: VoterList = { version: 1, names: [a, b, c], fixed: true }
const adding: VoterList = {
  ...{ version: 2, names: [a, b, c, d], previous: [a, b, c], fixed: true },
  ...{ root: hashOf(of3), ballot: { round: 5, by: a } },
}

interface Told {
  readonly from: NodeId
  readonly top: number
  readonly known: boolean
}

const votersOf = (list: VoterList): Voters => ({
  ...{ list, name: nameOf(list), names: namesOf(list) },
  includes: node => namesOf(list).includes(node),
  isQuorum: nodes => isActingQuorum(list, nodes),
})

/** No change of the list was ever begun. */
const NONE = { promisedTo: undefined, mayHavePromised: () => {} }

/** What `b`, which has lost its disk, makes of what others tell it. */
function learned(list: VoterList, ...told: readonly Told[]): Top {
  const voters = votersOf(list)
  const top = new Top({ self: b, stored: undefined, voters, rounds: NONE, out: [] })
  top.tick(at(0))
  for (const { from, ...word } of told)
    top.message(from, { type: 'top-tell', ...word, voters: nameOf(list) }, at(10))
  return top
}

// `a` and `b` have taken term 900; `c` never heard of it, and `d` is new.
const fromC = { from: c, top: 100, known: true }
const fromD = { from: d, top: 0, known: false }

test('a voter without its disk waits for the one with whom it may have been a quorum', () => {
  assert.equal(learned(of3, fromC).known, false)
  assert.equal(learned(of3, fromC, { from: a, top: 900, known: true }).known, true)
})

test('it says for whom it waits, once it has waited for long, and anew when that changes', () => {
  const out: GrantsEffect[] = []
  const top = new Top({ self: b, stored: undefined, voters: votersOf(of3), rounds: NONE, out })
  const said = () =>
    out.flatMap(each => (each.kind === 'log' && each.event === 'top-unknown' ? [each.fields] : []))
  for (let ms = 0; ms < 10_000; ms += 250) top.tick(at(ms))
  assert.deepEqual([said(), top.unheard], [[], [a, c]])
  for (let ms = 10_000; ms < 12_000; ms += 250) top.tick(at(ms))
  assert.deepEqual(said(), [{ unheard: [a, c], knowOfNone: [] }])
  top.message(c, { type: 'top-tell', top: 0, known: false, voters: nameOf(of3) }, at(12_000))
  assert.deepEqual([said().at(-1), top.unheard], [{ unheard: [a], knowOfNone: [c] }, [a]])
  top.message(a, { type: 'top-tell', top: 900, known: true, voters: nameOf(of3) }, at(12_300))
  assert.deepEqual([said().length, top.unheard, top.known], [2, [], true])
})

test('so it does while a voter is added: a quorum of the old list is none of both, and may have taken a term', () => {
  assert.equal(learned(adding, fromC, fromD).known, false)
  const top = learned(adding, fromC, fromD, { from: a, top: 900, known: true })
  assert.deepEqual([top.known, top.value], [true, 900])
})

test('and for whoever may have settled the change with it: the new list may stand elsewhere, and have taken a term', () => {
  const e = asNodeId('e')
  const of4: VoterList = { version: 1, names: [a, b, c, d], fixed: true }
  const toFive: VoterList = {
    ...{ version: 2, names: [a, b, c, d, e], previous: of4.names, fixed: true },
    ...{ root: hashOf(of4), ballot: { round: 5, by: a } },
  }
  // Under the new list `b`, `c` and `e` have taken term 900. `a` and `d` never heard that it stands.
  const stragglers = [a, d].map(from => ({ from, top: 100, known: true }))
  assert.equal(learned(toFive, ...stragglers).known, false)
  const top = learned(toFive, ...stragglers, { from: e, top: 900, known: true })
  assert.deepEqual([top.known, top.value], [true, 900])
})

test('one that is being added knows of no earlier vote of its own: it does not wait for whom it may have voted with', () => {
  const voters = votersOf(adding)
  const top = new Top({ self: d, stored: undefined, voters, rounds: NONE, out: [] })
  for (const from of [b, c])
    top.message(from, { type: 'top-tell', top: 100, known: true, voters: nameOf(adding) }, at(10))
  assert.equal(top.known, true, 'the lowest name, dead, with the new one is half of the new list')
})

test('with their tops others tell to which round they promised: who lost its disk may have promised to it as well', () => {
  const taken: Ballot[] = []
  const rounds = { ...NONE, mayHavePromised: (ballot: Ballot) => void taken.push(ballot) }
  const voters = votersOf(of3)
  const top = new Top({ self: b, stored: undefined, voters, rounds, out: [] })
  const promised = { round: 5, by: a }
  const word = { type: 'top-tell', top: 900, known: true, promised } as const
  top.message(a, { ...word, voters: nameOf(adding) }, at(10))
  assert.deepEqual(taken, [], 'under another list')
  top.message(a, { ...word, voters: nameOf(of3) }, at(20))
  assert.deepEqual(taken, [promised])
})
