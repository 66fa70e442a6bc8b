import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { asRunnerOrder, asRunnerReport } from '../../../src/adapters/executors/messages.ts'

const start = {
  kind: 'start',
  id: 1,
  path: '/bin/true',
  args: ['a'],
  env: { A: 'b' },
  cwd: null,
  stdin: null,
  timeoutMs: 1000,
  outputBytesMax: 10,
  deadlineMs: 5000,
}
const extend = { kind: 'extend', ids: [1, 2], deadlineMs: 6000 }
const ended = {
  kind: 'ended',
  id: 1,
  cause: 'exit',
  exitCode: 0,
  signal: null,
  stdout: '',
  stderr: '',
  bytes: 0,
  cutBytes: 0,
  durationMs: 3,
  failure: null,
  strays: 0,
}
const started = { kind: 'started', id: 1, pid: 4321, startTicks: '99' }

test('whole orders and reports pass', () => {
  for (const order of [
    start,
    { ...start, deadlineMs: null },
    extend,
    { kind: 'kill', id: 3 },
    { kind: 'stop' },
  ])
    assert.equal(asRunnerOrder(order), order)
  for (const report of [started, ended]) assert.equal(asRunnerReport(report), report)
})

test('an order or a report with any one field missing is refused', () => {
  for (const field of Object.keys(start))
    assert.equal(asRunnerOrder({ ...start, [field]: undefined }), undefined, field)
  for (const field of Object.keys(extend))
    assert.equal(asRunnerOrder({ ...extend, [field]: undefined }), undefined, field)
  for (const field of Object.keys(ended))
    assert.equal(asRunnerReport({ ...ended, [field]: undefined }), undefined, field)
})

test('a report of process 0, 1 or -1 is refused: killing its group would kill ourselves or everybody', () => {
  for (const pid of [0, 1, -1, 1.5]) assert.equal(asRunnerReport({ ...started, pid }), undefined)
})

test('anything at all is judged without throwing', () => {
  fc.assert(
    fc.property(fc.anything(), value => {
      assert.equal(asRunnerReport(value), undefined)
      asRunnerOrder(value)
    }),
  )
})
