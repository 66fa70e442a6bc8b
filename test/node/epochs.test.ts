import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import type { Grants } from '../../src/grants/grants.ts'
import { Roster } from '../../src/membership/roster.ts'
import { NodeEpochs } from '../../src/node/epochs.ts'
import { at, record } from '../membership/records.ts'

test('known are all but those that left in good order; who was forgotten may have gone otherwise', () => {
  const { mono, wall } = at(0)
  const roster = new Roster(record('me'), 100, mono, wall)
  const left = { status: 'left', leaving: true } as const
  for (const each of [
    record('dead', { status: 'dead' }),
    record('gone', left),
    record('given-up', { ...left, forgotten: true }),
    record('hurried', left),
  ])
    roster.learn(each, mono, wall)
  const grants = { ledger: { enlisted: new Set([asNodeId('hurried')]) } } as unknown as Grants
  const epochs = new NodeEpochs(grants, true, () => true)
  epochs.setRoster(roster)
  assert.deepEqual(epochs.known(), ['me', 'dead', 'given-up', 'hurried'])
  assert.equal(epochs.forgotten(asNodeId('given-up')), true)
})
