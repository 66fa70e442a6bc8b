import assert from 'node:assert/strict'
import { test } from 'node:test'
import { timeOf } from '../../src/cli/history-view.ts'

const NOW = Date.parse('2026-11-21T06:30:00.000Z')
const shown = (text: string): string | undefined => {
  const at = timeOf(text, NOW)
  return at === undefined ? undefined : new Date(at).toISOString()
}

test('a time of day is that of the last 24 hours', () => {
  assert.equal(shown('06:29'), '2026-11-21T06:29:00.000Z')
  assert.equal(shown('6:29:59.5'), '2026-11-21T06:29:59.500Z')
  assert.equal(shown('06:31'), '2026-11-20T06:31:00.000Z')
  assert.equal(shown('23:59:59'), '2026-11-20T23:59:59.000Z')
})

test('a full time is taken as it is, with its zone', () => {
  assert.equal(shown('2026-11-19T12:00:00Z'), '2026-11-19T12:00:00.000Z')
  assert.equal(shown('2026-11-19T12:00:00+02:00'), '2026-11-19T10:00:00.000Z')
})

test('what is no time is none', () => {
  for (const text of [
    '',
    'noon',
    '24:00',
    '12:60',
    '12:00:60',
    '12',
    '2026-13-40T00:00:00Z',
    '1700000000000',
  ])
    assert.equal(shown(text), undefined, text)
})
