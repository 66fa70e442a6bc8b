import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, type NodeId } from '../../src/base/ids.ts'
import type { VoterList } from '../../src/grants/messages.ts'
import { Top } from '../../src/grants/top.ts'
import { hashOf, isActingQuorum, nameOf, namesOf } from '../../src/grants/voter-list.ts'
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

/** What `b`, which has lost its disk, makes of what others tell it. */
function learned(list: VoterList, ...told: readonly Told[]): Top {
  const voters = {
    ...{ list, name: nameOf(list), names: namesOf(list) },
    includes: (node: NodeId) => namesOf(list).includes(node),
    isQuorum: (nodes: ReadonlySet<NodeId>) => isActingQuorum(list, nodes),
  }
  const top = new Top({ self: b, stored: undefined, voters, out: [] })
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
  const voters = {
    ...{ list: adding, name: nameOf(adding), names: namesOf(adding) },
    includes: (node: NodeId) => namesOf(adding).includes(node),
    isQuorum: (nodes: ReadonlySet<NodeId>) => isActingQuorum(adding, nodes),
  }
  const top = new Top({ self: d, stored: undefined, voters, out: [] })
  for (const from of [b, c])
    top.message(from, { type: 'top-tell', top: 100, known: true, voters: nameOf(adding) }, at(10))
  assert.equal(top.known, true, 'the lowest name, dead, with the new one is half of the new list')
})
