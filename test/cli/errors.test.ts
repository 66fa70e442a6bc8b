import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CodedError } from '../../src/base/errors.ts'
import { errorLines } from '../../src/cli/errors.ts'
import { EXIT, exitCodeOf } from '../../src/cli/exit-code.ts'

const problems = [
  { at: 'key', expected: 'text', got: 'nothing' },
  { at: 'type', expected: 'text', got: '3' },
]
const joined = problems.map(({ at, expected, got }) => `${at}: expected ${expected}, got ${got}`).join('; ')

test('problems joined in the detail are shown as a list, once', () => {
  assert.equal(
    errorLines(new CodedError('TASK_INVALID', `${joined}.`, { problems })),
    'roundtable: TASK_INVALID: The task is not valid. 2 problems. (Nothing was stored.)\n' +
      '  key: expected text, got nothing\n  type: expected text, got 3\n',
  )
})

test('a detail that is a list already is shown as it is, below the first line', () => {
  const detail = 'x.yaml has 9 problems:\n  key: expected text; got nothing\n  and 8 more'
  assert.equal(
    errorLines(new CodedError('TASK_LIST_INVALID', detail, { problems })),
    'roundtable: TASK_LIST_INVALID: The task list has invalid entries. x.yaml has 9 problems. (None of its tasks was taken.)\n' +
      '  key: expected text; got nothing\n  and 8 more\n',
  )
})

test('one problem that the detail tells is not told again, and one that it leaves out is', () => {
  const one = problems.slice(0, 1)
  const told = errorLines(
    new CodedError('TASK_INVALID', 'key: expected text, got nothing.', { problems: one }),
  )
  assert.equal(told.match(/key/g)?.length, 1)
  const added = errorLines(new CodedError('TASK_INVALID', 'It has a fault.', { problems: one }))
  assert.match(added, /It has a fault\. .*\n {2}key: expected text, got nothing\n$/)
})

test('what the configuration names wrongly is a usage error, what the machine refuses is a failure', () => {
  for (const code of [
    'BAD_REQUEST',
    'TASK_LIST_INVALID',
    'TASK_LIST_UNREADABLE',
    'CLUSTER_KEY_INVALID',
  ] as const)
    assert.equal(exitCodeOf(new CodedError(code, '')), EXIT.usage, code)
  for (const code of ['DATA_DIR_LOCKED', 'DATA_DIR_UNUSABLE', 'IDENTITY_CORRUPT', 'ADDRESS_IN_USE'] as const)
    assert.equal(exitCodeOf(new CodedError(code, '')), EXIT.failed, code)
})
