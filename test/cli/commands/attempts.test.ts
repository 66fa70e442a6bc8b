import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { attempt, record } from '../records.ts'
import { recordedDaemon, runHere } from '../scene.ts'

const log = {
  task: 'a/1',
  attempt: 2,
  node: 'node-3',
  running: true,
  progress: { fraction: 0.42, done: 42, total: 100, note: 'pulling', at: 1_790_000_000_000 },
  stdout: { text: 'one\ntwo\u001b[31m\u0007\n', cutBytes: 512 },
  stderr: { text: 'careful', cutBytes: 0 },
}

describe('task --log', () => {
  test('prints what the attempt printed last, without what could move the cursor', async () => {
    await using daemon = await recordedDaemon({ 'GET /v1/tasks/a%2F1/log': { body: log } })
    const { code, out } = await runHere(['task', 'a/1', '--log', '--url', daemon.url])
    assert.equal(code, 0)
    assert.equal(
      out,
      [
        'attempt 2 of a/1 on node-3, running; 42 % (42/100) pulling, at 14:13:20',
        '--- standard output, without 512 bytes before this',
        'one',
        'two\u001b[31m\ufffd',
        '--- standard error',
        'careful',
        '',
      ].join('\n'),
    )
  })

  test('asks for one attempt and so many bytes, and --json is what the daemon said', async () => {
    await using daemon = await recordedDaemon({ 'GET /v1/tasks/a/log?attempt=1&bytes=100': { body: log } })
    const argv = ['task', 'a', '--log', '--attempt', '1', '--bytes', '100', '--json', '--url', daemon.url]
    assert.deepEqual(JSON.parse((await runHere(argv)).out), log)
  })

  test('is refused before anything is sent when it cannot be meant', async () => {
    for (const wrong of [
      ['--attempt', '1'],
      ['--log', '--bytes', '0'],
      ['--log', '--bytes', '20000'],
    ]) {
      const { code, err } = await runHere(['task', 'a', ...wrong, '--url', 'http://127.0.0.1:9'])
      assert.equal(code, 2, err)
    }
  })

  test('and refused by the daemon it says why', async () => {
    const body = { code: 'LOG_UNKNOWN', detail: 'The task was not tried yet.' }
    await using daemon = await recordedDaemon({
      'GET /v1/tasks/a/log': { status: 404, body, type: 'application/problem+json' },
    })
    const { code, err } = await runHere(['task', 'a', '--log', '--url', daemon.url])
    assert.equal(code, 1)
    assert.match(err, /LOG_UNKNOWN.*not tried yet/s)
  })
})

test('task shows how far the attempt is', async () => {
  const running = record('a', { state: 'running', attempts: [attempt('node-1', 1_000)] })
  const body = { ...running, progress: { fraction: 0.999, note: 'nearly', at: 1_790_000_000_000 } }
  await using daemon = await recordedDaemon({ 'GET /v1/tasks/a': { body } })
  const { out } = await runHere(['task', 'a', '--url', daemon.url])
  assert.match(out, /progress +99 % nearly, at 14:13:20/)
})
