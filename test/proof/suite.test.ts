import assert from 'node:assert/strict'
import { test } from 'node:test'
import { suiteShown } from './suite.ts'

const closing = (pass: number, fail: number, skipped: number): string =>
  `1..3\n# tests 3\n# suites 0\n# pass ${pass}\n# fail ${fail}\n# cancelled 0\n# skipped ${skipped}\n# duration_ms 12.5\n`
const shown = (stdout: string, code = 0, skippedMax = 0) =>
  suiteShown('files', { code, stdout, seconds: 1 }, skippedMax)
const verdict = (stdout: string, code = 0, skippedMax = 0): boolean | undefined =>
  shown(stdout, code, skippedMax)[0]?.holds

test('it holds when all passed, and nothing was left out but what may be', () => {
  assert.equal(verdict(closing(3, 0, 0)), true)
  assert.equal(verdict(closing(2, 0, 1), 0, 1), true)
  assert.equal(verdict(closing(2, 0, 1)), undefined)
})

test('it does not hold when one failed, none ran, or the runner did not come to its end', () => {
  assert.equal(verdict(closing(2, 1, 0), 1), false)
  assert.equal(verdict(closing(2, 1, 1), 1), false)
  assert.equal(verdict(closing(0, 0, 3), 0, 3), false)
  assert.equal(verdict(closing(3, 0, 0), 1), false)
  assert.equal(verdict('TAP version 13\n'), false)
})

test('each test that failed or was left out is named, and what one measured is told', () => {
  const stdout = `TAP version 13
# Subtest: every executor
    # Subtest: cancelled
    not ok 1 - cancelled within a second: exec
      ---
      duration_ms: 1
      ...
    # exec: cancelled from another node in 812 of 1000, 40 of 1000 ms
    1..1
not ok 1 - every executor
# Subtest: cut off
ok 2 - cut off # SKIP needs root
${closing(1, 1, 1)}`
  assert.deepEqual(
    shown(stdout, 1).map(({ claim, figure }) => `${claim.trim()}: ${figure}`),
    [
      'files: 1 passed, 1 failed, 1 skipped in 1 s',
      'it fails: cancelled within a second: exec',
      'it fails: every executor',
      'left out: cut off # SKIP needs root',
      'seen: exec: cancelled from another node in 812 of 1000, 40 of 1000 ms',
    ],
  )
})
