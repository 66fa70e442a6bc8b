import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cancelClaims } from './cancels.ts'
import { figure } from './line.ts'

const verdict = (text: string): boolean | undefined =>
  cancelClaims([figure('    seen', text)], ['exec']).find(({ claim }) => claim.startsWith('exec'))?.holds

test('each cancel counts, by the second that is promised', () => {
  assert.equal(verdict('exec: cancelled from another node in 42 of 1000, 51 of 1000, 1000 of 1000 ms'), true)
  assert.equal(verdict('exec: cancelled from another node in 42 of 2400, 51 of 2400, 1001 of 2400 ms'), false)
})

test('a cancel that was not seen, or that nobody told of, shows nothing', () => {
  assert.equal(verdict('exec: cancelled from another node in -3 of 1000, 51 of 1000 ms'), false)
  assert.equal(verdict('exec: cancelled from another node in  ms'), false)
  assert.equal(verdict('http: cancelled from another node in 42 of 1000 ms'), false)
})
