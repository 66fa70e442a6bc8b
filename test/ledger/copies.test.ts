import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runOf } from './copies.ts'

test('the run that a result is of is found in what the application answered and in what a command printed', () => {
  assert.equal(runOf({ status: 200, body: '{"run":"n1-7-3"}', truncated: false }), 'n1-7-3')
  assert.equal(runOf({ exitCode: 0, stdout: '{"run":"n2-8-4"}', stderr: '' }), 'n2-8-4')
})

test('a result of another kind, or none, names no run', () => {
  for (const result of [undefined, null, 'text', ['x'], {}, { body: 'refused' }, { body: { run: 'x' } }])
    assert.equal(runOf(result), undefined)
})
