import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { after } from '../../src/base/time.ts'
import { grantsDefaults } from '../../src/grants/config.ts'
import type { Effect } from '../../src/node/machine.ts'
import { Node } from '../../src/node/node.ts'
import { answerOwner, ownerOf } from '../../src/node/views.ts'
import { buildRing } from '../../src/ring/build-ring.ts'
import { ringDefaults } from '../../src/ring/config.ts'
import { at } from '../membership/records.ts'
import { sampleInit } from './samples.ts'

/** The only voter of its cluster, which acts for everything. Its disk is instant. */
function acting() {
  const grants = { ...grantsDefaults(), mode: 'quorum' as const, expectedNodes: 1 }
  const node = new Node(sampleInit({ grants }), at(0))
  let ms = 0
  const durable = (effects: readonly Effect[]): void => {
    for (const effect of effects) {
      if (effect.kind === 'persist') durable(effect.then)
      if (effect.kind === 'persisted') durable(node.step({ kind: 'persisted', mark: effect.mark }, at(ms)))
    }
  }
  while (!ownerOf(node, 'k', at(ms)).acting) {
    ms += 50
    assert.ok(ms < 60_000, 'it acts')
    durable(node.step({ kind: 'tick' }, at(ms)))
  }
  return { node, now: at(ms) }
}

/** Everything belongs to somebody else. */
const LOST = buildRing([{ id: asNodeId('other'), weight: 1 }], ringDefaults())

test('what this node said about the right to a key is kept until it ends, once the key is lost', () => {
  const { node, now } = acting()
  const { actingForMs } = answerOwner(node, 'k', now)
  assert.ok(actingForMs !== undefined && actingForMs > 0)
  const { answered } = node.granting
  assert.deepEqual(answered.lost(LOST, now.mono), ['k'])
  assert.deepEqual(answered.lost(LOST, after(now.mono, actingForMs - 1)), ['k'])
  assert.deepEqual(answered.lost(LOST, after(now.mono, actingForMs + 1)), [])
})

test('looking where a key stands binds this node to nothing', () => {
  const { node, now } = acting()
  assert.equal(ownerOf(node, 'k', now).acting, true)
  assert.deepEqual(node.granting.answered.lost(LOST, now.mono), [])
})
