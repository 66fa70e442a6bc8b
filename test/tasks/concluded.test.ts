import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { Concluded } from '../../src/tasks/concluded.ts'
import { View } from '../../src/tasks/view.ts'
import { KnownEpochs } from './known-epochs.ts'
import { ringOf } from './samples.ts'

const before = ringOf(['n1', 'n2'])
const between = ringOf(['n1', 'n2', 'n3'])

function keyOf(owner: string): string {
  for (let i = 0; ; i++)
    if (before.owner(`key-${i}`) === 'n1' && between.owner(`key-${i}`) === owner) return `key-${i}`
}
const [stays, goes] = [keyOf('n1'), keyOf('n3')]

function made() {
  const view = new View(asNodeId('n1'), 3)
  view.change(between, [])
  const epochs = new KnownEpochs()
  epochs.held = [5, 6]
  return { epochs, concluded: new Concluded(view, epochs) }
}

test('a term is complete for what the ring of then gave to this node, and for what was complete of the keys it keeps', () => {
  const { epochs, concluded } = made()
  concluded.note(5, between, true, () => true)
  assert.deepEqual([concluded.covers(stays), concluded.covers(goes)], [true, false])
  epochs.keeps = [goes]
  concluded.note(6, between, true, () => false)
  assert.equal(concluded.covers(goes), false, 'it was not complete')
  concluded.note(6, between, true, key => key === goes)
  assert.equal(concluded.covers(goes), true)
  assert.equal(concluded.surely(goes, 6), false, 'nobody was asked for it')
  epochs.notUnder.set(6, new Set([goes]))
  assert.equal(concluded.covers(goes), false, 'the term has lost it')
})

test('it is sure only up to the term that was asked about, and where nobody was forgotten', () => {
  const { concluded } = made()
  concluded.note(5, between, true, () => false)
  concluded.note(6, between, false, () => false)
  assert.deepEqual([concluded.surely(stays, 5), concluded.surely(stays, 6)], [true, false])
  assert.equal(concluded.surely(goes, 5), false)
})

test('terms that are not held any more are forgotten; the newest is told first', () => {
  const { concluded } = made()
  for (const term of [5, 6]) concluded.note(term, between, true, () => false)
  assert.deepEqual(concluded.terms, [6, 5])
  concluded.forgetBut([5])
  assert.deepEqual([concluded.terms, concluded.has(6), concluded.covers(stays)], [[5], false, true])
})
