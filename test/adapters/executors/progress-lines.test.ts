import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ProgressLines, readProgressLine } from '../../../src/adapters/executors/progress-lines.ts'
import { PROGRESS_MS, ProgressPace } from '../../../src/adapters/executors/progress-pace.ts'
import type { ProgressReport } from '../../../src/tasks/progress.ts'
import { until } from './scene.ts'

test('a line is a share, a count with a total, or an object; a note may follow', () => {
  assert.deepEqual(readProgressLine('0.5'), { fraction: 0.5 })
  assert.deepEqual(readProgressLine('1'), { fraction: 1 })
  assert.deepEqual(readProgressLine('3/10 of the  layers'), {
    fraction: 0.3,
    done: 3,
    total: 10,
    note: 'of the  layers',
  })
  assert.deepEqual(readProgressLine('{"done":1,"note":"x"}'), { done: 1, note: 'x' })
})

test('a line that is none of these is refused with what was expected', () => {
  assert.match(String(readProgressLine('half')), /expected an object .* got "half"/)
  assert.match(String(readProgressLine('1.5')), /fraction: expected a number from 0 to 1, got 1.5/)
  assert.match(String(readProgressLine('3/0')), /total: expected a number above 0/)
  assert.match(String(readProgressLine('{"fraction":')), /got/)
  assert.match(String(readProgressLine('{"percent":5}')), /percent: expected only/)
})

function reader() {
  const said: ProgressReport[] = []
  const refused: string[] = []
  const lines = new ProgressLines(
    report => said.push(report),
    fault => refused.push(fault),
  )
  return { lines, said, refused }
}

test('lines are found however the bytes come, and empty ones say nothing', () => {
  const { lines, said, refused } = reader()
  for (const byte of Buffer.from('0.1\n\n  \r\n2/4 ä\n0.9')) lines.push(Buffer.from([byte]))
  assert.deepEqual(said.slice(0, 1), [{ fraction: 0.1 }])
  assert.equal(said.length, 2, 'the last one has not ended')
  assert.deepEqual(refused, [])
  lines.push(Buffer.from('\n'))
  assert.deepEqual(said[2], { fraction: 0.9 })
})

test('a line without an end takes no memory, is refused once, and the next one counts', () => {
  const { lines, said, refused } = reader()
  for (let i = 0; i < 100; i++) lines.push(Buffer.alloc(64 * 1024, 'x'))
  lines.push(Buffer.from('the end of it\n0.7\n'))
  assert.equal(refused.length, 1)
  assert.deepEqual(said, [{ fraction: 0.7 }])
})

test('a line that is too long is refused though it came whole', () => {
  const { lines, said, refused } = reader()
  lines.push(Buffer.from(`{"note":"${'x'.repeat(4_000)}"}\n0.7\n`))
  assert.deepEqual(refused, ['a line: expected at most 2048 bytes, got more'])
  assert.deepEqual(said, [{ fraction: 0.7 }])
})

test('of many reports the newest is passed on, none sooner than the pace, and the last one always', async () => {
  const told: { readonly at: number; readonly fraction: number | undefined }[] = []
  const pace = new ProgressPace(({ fraction }) => told.push({ at: performance.now(), fraction }))
  const begun = performance.now()
  for (let i = 0; i < 1_000; i++) pace.offer({ fraction: i / 1_000 })
  assert.deepEqual(
    told.map(({ fraction }) => fraction),
    [0],
  )
  await until('the newest was passed on', () => told.length === 2)
  assert.equal(told[1]?.fraction, 0.999)
  assert.ok((told[1]?.at ?? 0) - begun >= PROGRESS_MS - 5)
  pace.offer({ fraction: 1 })
  pace.flush()
  pace.flush()
  assert.deepEqual(
    told.map(({ fraction }) => fraction),
    [0, 0.999, 1],
  )
})
