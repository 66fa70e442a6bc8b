import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failedLines } from './failed-lines.ts'
import { fact, figure } from './line.ts'

test('each line that does not hold is named so that it can be read alone', () => {
  const shown = [
    figure('kill: known', 'worst 1100 ms'),
    fact('    median', true, '200 ms'),
    fact('    worst', false, '1100 ms'),
    fact('join: repeats', false, '49 of 50'),
  ]
  assert.deepEqual(failedLines('operations', shown), [
    'operations: kill: known, worst: 1100 ms',
    'operations: join: repeats: 49 of 50',
  ])
})
