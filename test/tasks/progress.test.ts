import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NOTE_CHARS_MAX, progressFault, readProgress } from '../../src/tasks/progress.ts'

const taken = (value: unknown) => {
  const read = readProgress(value)
  assert.ok(read.ok, JSON.stringify(read))
  return read.report
}

const fault = (value: unknown): string => {
  const read = readProgress(value)
  assert.ok(!read.ok, JSON.stringify(value))
  return progressFault(read.problems)
}

test('what an attempt says is kept as it is, and the fraction is made from done and total', () => {
  assert.deepEqual(taken({ fraction: 0.25 }), { fraction: 0.25 })
  assert.deepEqual(taken({ done: 3, total: 12, note: 'layers' }), {
    fraction: 0.25,
    done: 3,
    total: 12,
    note: 'layers',
  })
  assert.deepEqual(taken({ fraction: 0.9, done: 1, total: 2 }), { fraction: 0.9, done: 1, total: 2 })
  assert.deepEqual(taken({ done: 7 }), { done: 7 })
  assert.deepEqual(taken({ done: 5, total: 4 }), { fraction: 1, done: 5, total: 4 })
})

test('a long note is cut, and one that is cut in the middle of a character is a text still', () => {
  const { note } = taken({ note: `${'x'.repeat(NOTE_CHARS_MAX - 1)}😀 and more` })
  assert.equal(note?.length, NOTE_CHARS_MAX)
  assert.ok(note?.isWellFormed())
})

test('what is no progress is refused with what was expected, and all that is wrong is said', () => {
  assert.match(fault(0.5), /expected an object with fraction, done, total, note, got 0.5/)
  assert.match(fault(null), /got null/)
  assert.match(fault([1]), /got \[1\]/)
  assert.match(fault({}), /expected one of fraction, done, total, note, got none/)
  assert.match(fault({ fraction: 1.01 }), /fraction: expected a number from 0 to 1, got 1.01/)
  assert.match(fault({ fraction: Number.NaN }), /fraction/)
  assert.match(fault({ done: -1 }), /done: expected a number, 0 or more/)
  assert.match(fault({ done: 1, total: 0 }), /total: expected a number above 0/)
  assert.match(fault({ note: 7 }), /note: expected a text, got 7/)
  assert.match(fault({ percent: 50 }), /percent: expected only fraction, done, total, note/)
  const read = readProgress({ fraction: 2, done: 'x', total: 0 })
  assert.deepEqual(read.ok || read.problems.map(({ at }) => at), ['fraction', 'done', 'total'])
})

test('what is nested more deeply than the stack goes is refused like anything else', () => {
  const deep: unknown = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`)
  for (const value of [deep, { note: deep }, { fraction: deep }]) {
    const read = readProgress(value)
    assert.equal(read.ok, false)
    assert.equal(read.ok || read.problems[0]?.got, 'a list')
  }
})
