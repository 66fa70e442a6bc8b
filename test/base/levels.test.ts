import assert from 'node:assert/strict'
import { test } from 'node:test'
import { levelsOf } from '../../src/base/levels.ts'

test('levels are those of brackets outside of strings', () => {
  for (const [text, levels] of [
    ['1', 0],
    ['[]', 1],
    ['[1,{"a":[2]},[3]]', 3],
    ['"[[["', 0],
    ['{"\\"[[":"\\\\"}', 1],
    [`${'['.repeat(100_000)}${']'.repeat(100_000)}`, 100_000],
  ] as const)
    assert.equal(levelsOf(text), levels, text.slice(0, 40))
})
