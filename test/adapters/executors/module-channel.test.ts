/** What a module may write to the channel of its own process: it ends its own attempt, and no other. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { asHostReport } from '../../../src/adapters/executors/module-channel.ts'
import { failureOf, metric, orderOf, scene } from './scene.ts'

/** Says something to the runner in the name of its host, and never ends. */
const forging = (report: string): string => `import { writeSync } from 'node:fs'
const body = Buffer.from(JSON.stringify(${report}))
const head = Buffer.alloc(4)
head.writeUInt32BE(body.length)
export default () => { writeSync(3, Buffer.concat([head, body])); return new Promise(() => {}) }`

for (const [what, source, code, message, retryable] of [
  [
    'throws, aside, more than travels',
    `export default () => new Promise(() => setImmediate(() => {
      process.stdout.write('\\0'.repeat(16 * 1024))
      throw new Error('\\0'.repeat(1_390_000))
    }))`,
    'THREW',
    /uncaught: Error: /,
    true,
  ],
  [
    'forges progress that is none',
    forging('{ kind: "progress", report: { fraction: 7 } }'),
    'MODULE_EXITED',
    /wrote to the channel of its host/,
    true,
  ],
  [
    'forges an end of an unknown kind',
    forging('{ kind: "ended", cause: "well", result: "1", message: "", loaded: true }'),
    'MODULE_EXITED',
    /wrote to the channel of its host/,
    true,
  ],
  [
    'forges an end without its result',
    forging('{ kind: "ended", cause: "returned", result: null, message: "", loaded: true }'),
    'MODULE_EXITED',
    /wrote to the channel of its host/,
    true,
  ],
  ['forges nothing', forging('null'), 'MODULE_EXITED', /wrote to the channel of its host/, true],
  [
    'forges a result that is no JSON',
    forging('{ kind: "ended", cause: "returned", result: "{", message: "", loaded: true }'),
    'RESULT_INVALID',
    /what it returned is no JSON/,
    false,
  ],
] as const) {
  test(`a module that ${what} fails its attempt with ${code}, and harms no other`, async t => {
    const { directory } = scene(t)
    const path = join(directory, 'work.mjs')
    writeFileSync(path, source)
    const module = { path, concurrency: 1, memoryBytes: 64 * 1024 * 1024, env: {} }
    const { executors, sh } = scene(t, { modules: { work: module } })
    const other = sh(`while [ ! -e ${directory}/ended ]; do sleep 0.02; done`)
    const failure = failureOf(await executors.execute(orderOf('work', null), new AbortController().signal))
    writeFileSync(join(directory, 'ended'), '')
    assert.equal(failure.code, code, failure.message)
    assert.match(failure.message, message)
    assert.equal(failure.retryable, retryable)
    assert.equal((await other).ok, true)
    assert.equal(metric(executors, 'runner_losses_total'), 0)
  })
}

test('a report of a host is taken only when all of it is right', () => {
  const end = { kind: 'ended', cause: 'returned', result: '1', message: '', loaded: true }
  for (const right of [end, { ...end, cause: 'stopped', result: null }])
    assert.equal(asHostReport(right), right)
  for (const wrong of [
    { ...end, cause: 'fenced' },
    { ...end, result: null },
    { ...end, result: 1 },
    { ...end, result: 'x'.repeat(2 ** 20 + 1) },
    { ...end, message: 'x'.repeat(10_000) },
    { ...end, loaded: 'yes' },
    { ...end, kind: 'started' },
    [],
    'ended',
  ])
    assert.equal(asHostReport(wrong), undefined)
  const long = asHostReport({ kind: 'progress', report: { note: 'x'.repeat(1_000) } })
  assert.equal(long?.kind === 'progress' && long.report.note?.length, 200)
})
