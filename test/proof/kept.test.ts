import assert from 'node:assert/strict'
import { test } from 'node:test'
import { filesHash, keptResults, type Result } from './kept.ts'

const result = (section: string): Result => ({
  ...{ section, shown: [], raw: undefined, seconds: 1, load: 0.5, date: '2026-01-01T00:00:00.000Z' },
})
const here = { commit: 'abc', files: '12', changed: false }
const file = (about: object): string =>
  JSON.stringify({ ...here, results: [result('faults'), result('rolling')], ...about })
const kept = (text: string | undefined, subject = here, asked: readonly string[] = []): readonly string[] =>
  keptResults(text, subject, asked).map(({ section }) => section)

test('what earlier sittings came to on these files is kept, but for what is run anew', () => {
  assert.deepEqual(kept(file({})), ['faults', 'rolling'])
  assert.deepEqual(kept(file({}), here, ['faults', 'image']), ['rolling'])
})

test('a commit of the README alone keeps them, one of any other file does not', () => {
  const listed = (...files: string[]): string => files.map(each => `100644 blob ${each}\n`).join('')
  const before = filesHash(listed('1\tREADME.md', '2\tsrc/README.md', '3\tpackage.json'))
  assert.equal(filesHash(listed('9\tREADME.md', '2\tsrc/README.md', '3\tpackage.json')), before)
  assert.notEqual(filesHash(listed('1\tREADME.md', '9\tsrc/README.md', '3\tpackage.json')), before)
  assert.notEqual(filesHash(listed('1\tREADME.md', '2\tsrc/README.md')), before)
  assert.deepEqual(kept(file({ commit: 'abd' })), ['faults', 'rolling'])
})

test('nothing is kept of other files, or where what ran had changes, then or now', () => {
  assert.deepEqual(kept(undefined), [])
  assert.deepEqual(kept(file({ files: '13' })), [])
  assert.deepEqual(kept(file({ changed: true })), [])
  assert.deepEqual(kept(file({}), { ...here, changed: true }), [])
})
