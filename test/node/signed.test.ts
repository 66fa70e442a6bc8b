import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Effect } from '../../src/node/machine.ts'
import { signed } from '../../src/node/signed.ts'

const line: Effect = { kind: 'log', level: 'info', event: 'x', fields: { task: 't' } }
const said = { ...line, fields: { incarnation: 7, task: 't' } }
const mark: Effect = { kind: 'persisted', mark: 1 }

test('every line is signed, also one that waits for the disk, and what is there stays in its order', () => {
  const inner: Effect = { kind: 'persist', writes: [], then: [mark, line], otherwise: [line] }
  const both = { kind: 'persist', writes: [], then: [mark, said], otherwise: [said] }
  assert.deepEqual(signed([mark, line, inner, line], 7), [mark, said, both, said])
  assert.deepEqual(
    line.kind === 'log' && line.fields,
    { task: 't' },
    'the line that was handed over is as before',
  )
})

test('what has no lines is handed back, and so is a part of it', () => {
  const quiet: Effect = { kind: 'persist', writes: [], then: [mark], otherwise: [mark] }
  const effects = [mark, quiet]
  assert.equal(signed(effects, 7), effects)
  assert.equal(signed([quiet, line], 7)[0], quiet)
})
