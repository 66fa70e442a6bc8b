import assert from 'node:assert/strict'
import { globSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { exitCodeOf, linesOf, MUST_SHOW, type SectionResult, verdictOf } from './must-show.ts'
import { SECTIONS } from './sections.ts'
import type { Suite } from './suite.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const names = SECTIONS.map(({ name }) => name)

/** Figures without a claim that has to be shown, and the whole suite. */
const BESIDE = ['owner', 'image', 'tests']

test('every line that has to be shown has sections, and every section a line', () => {
  for (const each of MUST_SHOW) {
    assert.ok(each.sections.length > 0, each.line)
    verdictOf(each, [], names)
  }
  const used = new Set([...MUST_SHOW.flatMap(({ sections }) => sections), ...BESIDE])
  assert.deepEqual(
    names.filter(name => !used.has(name)),
    [],
  )
  assert.equal(new Set(names).size, names.length, 'each name once')
})

test('a section that is a part of the suite names files that are there', () => {
  for (const { name, files } of SECTIONS.filter((section): section is Suite => 'files' in section))
    for (const file of files) assert.ok(globSync(file, { cwd: root }).length > 0, `${name}: ${file}`)
})

test('a line holds only when all of its sections ran, claimed something, and hold', () => {
  const line = { line: 'both', sections: ['a', 'b'] }
  const result = (section: string, holds: boolean | undefined): SectionResult => ({
    section,
    shown: [{ holds }],
  })
  const verdict = (...results: readonly SectionResult[]) => verdictOf(line, results, ['a', 'b'])
  assert.equal(verdict(result('a', true), result('b', true)), 'holds')
  assert.equal(verdict(result('a', true), result('b', false)), 'FAILS')
  assert.equal(verdict(result('a', false)), 'FAILS')
  assert.equal(verdict(result('a', true)), 'unproven')
  assert.equal(verdict(result('a', true), result('b', undefined)), 'unproven', 'figures alone claim nothing')
  assert.equal(verdict(result('a', true), { section: 'b', unproven: 'needs root', shown: [] }), 'unproven')
  assert.throws(() => verdictOf(line, [], ['a']), /no section b for: both/)
})

test('the exit code is 0 only when every line that was asked for holds, whichever sitting it was', () => {
  const all = names.map((section): SectionResult => ({ section, shown: [{ holds: true }] }))
  const but = (name: string, ...shown: readonly SectionResult[]) => [
    ...all.filter(({ section }) => section !== name),
    ...shown,
  ]
  const failed: SectionResult = { section: 'traces', shown: [{ holds: false }] }
  assert.equal(exitCodeOf([], all, names), 0)
  assert.equal(exitCodeOf([], but('traces', failed), names), 1)
  assert.equal(exitCodeOf(['simulation'], but('traces', failed), names), 1, 'kept of an earlier sitting')
  assert.equal(exitCodeOf(['cron'], but('traces', failed), names), 0, 'of another line')
  assert.equal(exitCodeOf([], but('cron', { section: 'cron', unproven: 'needs root', shown: [] }), names), 1)
  assert.equal(exitCodeOf(['image'], but('image', { section: 'image', shown: [{ holds: false }] }), names), 1)
  assert.deepEqual(
    linesOf(['takeover']).map(({ sections }) => sections),
    [['takeover']],
  )
})
