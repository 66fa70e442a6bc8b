import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { grantsDefaults } from '../../src/grants/config.ts'
import type { Effect } from '../../src/node/machine.ts'
import { Node } from '../../src/node/node.ts'
import { at } from '../membership/records.ts'
import { sampleInit } from './samples.ts'

/** A node of a cluster of one, alone for four seconds, with a disk that writes at once. */
function alone(seeds: readonly string[]): Node {
  const grants = { ...grantsDefaults(), mode: 'quorum', expectedNodes: 1 } as const
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

test('a node that has heard from none of its seeds makes no voter list of its own: there may be one', () => {
  const node = alone(['first:7946'])
  assert.equal(node.grants?.voters.list, undefined)
  assert.equal(node.right.leaveFor('bill'), undefined)
})

test('a node without seeds that expects nobody else makes the list', () => {
  const node = alone([])
  assert.deepEqual(node.grants?.voters.list?.names, [asNodeId('me')])
  assert.ok(node.right.leaveFor('bill') !== undefined)
})
