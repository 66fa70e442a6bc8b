import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keptResults, type Result } from './kept.ts'

const result = (section: string): Result => ({
  ...{ section, shown: [], raw: undefined, seconds: 1, load: 0.5, date: '2026-01-01T00:00:00.000Z' },
})
const here = { commit: 'abc', changed: false }
const file = (about: object): string =>
  JSON.stringify({ ...here, results: [result('faults'), result('rolling')], ...about })
const kept = (text: string | undefined, subject = here, asked: readonly string[] = []): readonly string[] =>
  keptResults(text, subject, asked).map(({ section }) => section)

test('what earlier sittings came to on this commit is kept, but for what is run anew', () => {
  assert.deepEqual(kept(file({})), ['faults', 'rolling'])
  assert.deepEqual(kept(file({}), here, ['faults', 'image']), ['rolling'])
})

test('nothing is kept of another commit, or where what ran had changes, then or now', () => {
  assert.deepEqual(kept(undefined), [])
  assert.deepEqual(kept(file({ commit: 'abd' })), [])
  assert.deepEqual(kept(file({ changed: true })), [])
  assert.deepEqual(kept(file({}), { ...here, changed: true }), [])
})
