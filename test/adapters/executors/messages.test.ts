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
const module = {
  kind: 'module',
  id: 1,
  path: '/srv/work.mjs',
  memoryMb: 64,
  env: { A: 'b' },
  task: '{}',
  timeoutMs: 1000,
  deadlineMs: 5000,
}
const tail = { text: 'x', cutBytes: 3 }
const returned = {
  kind: 'module-ended',
  id: 1,
  cause: 'returned',
  result: '1',
  message: '',
  loaded: true,
  stdout: tail,
  stderr: tail,
  strays: 0,
}
const looked = { kind: 'looked', id: 1, stdout: tail, stderr: tail }
const progress = { kind: 'progress', id: 1, report: { fraction: 0.5, note: 'half' } }
const refused = { kind: 'progress-refused', id: 1, fault: 'fraction: too much' }
const extend = { kind: 'extend', ids: [1, 2], deadlineMs: 6000 }
const ended = {
  kind: 'ended',
  id: 1,
  cause: 'exit',
  process: 'gone',
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
    module,
    extend,
    { kind: 'kill', id: 3 },
    { kind: 'look', id: 3 },
    { kind: 'stop' },
  ])
    assert.equal(asRunnerOrder(order), order)
  for (const report of [started, ended, returned, looked, progress, refused])
    assert.equal(asRunnerReport(report), report)
})

test('an order or a report with any one field missing is refused', () => {
  for (const field of Object.keys(start))
    assert.equal(asRunnerOrder({ ...start, [field]: undefined }), undefined, field)
  for (const field of Object.keys(extend))
    assert.equal(asRunnerOrder({ ...extend, [field]: undefined }), undefined, field)
  for (const field of Object.keys(ended))
    assert.equal(asRunnerReport({ ...ended, [field]: undefined }), undefined, field)
  for (const field of Object.keys(module))
    assert.equal(asRunnerOrder({ ...module, [field]: undefined }), undefined, field)
  for (const report of [returned, looked, progress, refused])
    for (const field of Object.keys(report))
      assert.equal(asRunnerReport({ ...report, [field]: undefined }), undefined, `${report.kind} ${field}`)
})

test('a report with a field of another kind is refused', () => {
  assert.equal(asRunnerReport({ ...returned, result: null }), undefined, 'what returned has a result')
  assert.equal(asRunnerReport({ ...returned, cause: 'luck' }), undefined)
  assert.equal(asRunnerReport({ ...looked, stdout: 'x' }), undefined)
  assert.equal(asRunnerReport({ ...progress, report: { fraction: 7 } }), undefined)
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
