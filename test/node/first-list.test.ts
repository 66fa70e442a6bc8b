import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, type NodeId } from '../../src/base/ids.ts'
import { grantsDefaults } from '../../src/grants/config.ts'
import type { Effect } from '../../src/node/machine.ts'
import { Node } from '../../src/node/node.ts'
import { readinessOf } from '../../src/node/views.ts'
import { at } from '../membership/records.ts'
import { sampleInit } from './samples.ts'

const me = asNodeId('me')

/** A node of a cluster of one, alone for four seconds, with a disk that writes at once. */
function alone(seeds: readonly string[], named: readonly NodeId[] = []): Node {
  const first = named.length > 0 ? { voters: named } : { expectedNodes: 1 }
  const grants = { ...grantsDefaults(), mode: 'quorum', ...first } as const
  const node = new Node(sampleInit({ seeds, grants }), at(0))
  for (let ms = 0; ms < 4_000; ms += 100) {
    const effects: Effect[] = [...node.step({ kind: 'tick' }, at(ms))]
    for (const effect of effects) {
      if (effect.kind === 'persist') effects.push(...effect.then)
      if (effect.kind === 'persisted') effects.push(...node.step(effect, at(ms)))
    }
  }
  return node
}

const reasonOf = (node: Node, code: string): string =>
  readinessOf(node, at(4_000)).reasons.find(reason => reason.code === code)?.detail ?? ''

test('a node that has heard from none of its seeds makes no voter list of its own: there may be one', () => {
  const node = alone(['first:7946'])
  assert.equal(node.grants?.voters.list, undefined)
  assert.equal(node.right.leaveFor('bill'), undefined)
})

test('a node without seeds that expects nobody else makes the list', () => {
  const node = alone([])
  assert.deepEqual(node.grants?.voters.list?.names, [me])
  assert.ok(node.right.leaveFor('bill') !== undefined)
})

test('nor does one that is named as the only voter and lost its disk: others may vote by now, and it would act beside them', () => {
  const node = alone(['first:7946'], [me])
  assert.equal(node.grants?.voters.list, undefined)
  assert.equal(node.right.leaveFor('bill'), undefined)
  assert.match(
    reasonOf(node, 'no-voters'),
    /no seed has shared/,
    'and not that all who are expected are there',
  )
})

test('without seeds the only voter that is named makes the list', () => {
  const node = alone([], [me])
  assert.deepEqual(node.grants?.voters.list?.names, [me])
  assert.ok(node.right.leaveFor('bill') !== undefined)
})

test('of several that are named none can act without another, which knows: they make the list at once', () => {
  const other = asNodeId('other')
  assert.deepEqual(alone(['first:7946'], [me, other]).grants?.voters.list?.names, [me, other])
})

test('what keeps a voter from granting is told as it is: it may have promised for longer than it is configured to now', () => {
  const grants = { ...grantsDefaults(), mode: 'quorum', expectedNodes: 1 } as const
  const voters = { version: 1, names: [me], fixed: true }
  const node = new Node(sampleInit({ grants, voter: { top: 7, voters, promiseMs: 30_000 } }), at(0))
  node.step({ kind: 'tick' }, at(4_000))
  assert.match(reasonOf(node, 'not-granting'), /for 30000 ms after its start/)
})

test('while the list changes all who vote are counted, also those who will not', () => {
  const other = asNodeId('other')
  const grants = { ...grantsDefaults(), mode: 'quorum', expectedNodes: 2 } as const
  const voters = {
    ...{ version: 2, names: [me], previous: [me, other], fixed: true },
    ...{ root: 'root', ballot: { round: 1, by: me } },
  }
  const node = new Node(sampleInit({ grants, voter: { top: 7, voters } }), at(0))
  node.step({ kind: 'tick' }, at(4_000))
  assert.match(reasonOf(node, 'no-lease'), /^0 of 2 voters/)
})
