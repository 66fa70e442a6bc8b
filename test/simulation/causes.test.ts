import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hasCause } from './causes.ts'
import type { Fault } from './fault.ts'

test('what befell one of two, or the whole network, explains what is believed wrongly, for a while', () => {
  const frozen: Fault = { at: 10_000, kind: 'freeze', host: 3, ms: 4_000 }
  assert.equal(hasCause([frozen], [1, 3], 9_000), false)
  assert.equal(hasCause([frozen], [1, 3], 11_000), true)
  assert.equal(hasCause([frozen], [1, 3], 25_000), true)
  assert.equal(hasCause([frozen], [1, 3], 26_001), false)
  assert.equal(hasCause([frozen], [1, 2], 11_000), false)
  assert.equal(hasCause([{ at: 0, kind: 'loss', pair: 'all', share: 0.1, ms: 100 }], [1, 2], 50), true)
  assert.equal(hasCause([{ at: 0, kind: 'cut', pair: [4, 5], ms: 100 }], [1, 2], 50), false)
  assert.equal(hasCause([{ at: 0, kind: 'cut', pair: [4, 1], ms: 100 }], [1, 2], 50), true)
})

test('what touches no link and no daemon explains nothing', () => {
  const faults: Fault[] = [
    { at: 0, kind: 'slow-disk', host: 1, ms: 100 },
    { at: 0, kind: 'wall-step', host: 1, byMs: 5_000 },
    { at: 0, kind: 'kill-runner', host: 1 },
    { at: 0, kind: 'control', host: 1, request: { kind: 'cordon' } },
    { at: 0, kind: 'late', pair: 'all', share: 0.5, ms: 100 },
  ]
  assert.equal(hasCause(faults, [1, 2], 50), false)
})
