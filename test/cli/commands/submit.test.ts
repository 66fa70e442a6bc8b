import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { Interrupted } from '../../../src/cli/terminal.ts'
import { record } from '../records.ts'
import { recordedDaemon, runHere } from '../scene.ts'

describe('submit', () => {
  const accepted = { record: record('t', { state: 'ready' }), existed: false, durableCopies: 2 }

  test('makes the task of type and options', async () => {
    await using daemon = await recordedDaemon({ 'POST /v1/tasks': { status: 202, body: accepted } })
    const options = [
      '--id',
      't',
      '--key',
      'k',
      '--payload',
      '{"a":1}',
      '--priority',
      '0',
      '--timeout-ms',
      '5000',
      '--backoff-ms-max',
      '900',
      '--dedupe',
      'd',
      '--dedupe-ttl-ms',
      '60000',
    ]
    const { code, out } = await runHere(['submit', 'echo', ...options, '--url', daemon.url])
    assert.equal(code, 0)
    assert.equal(out, 't: accepted, ready, 2 copies on disk, on node-1, node-2\n')
    assert.deepEqual(JSON.parse(daemon.requests[0]?.body ?? ''), {
      type: 'echo',
      id: 't',
      key: 'k',
      payload: { a: 1 },
      priority: 0,
      timeoutMs: 5000,
      backoffMsMax: 900,
      dedupe: { key: 'd', ttlMs: 60_000 },
    })
    assert.equal(daemon.requests[0]?.headers['content-type'], 'application/json')
  })

  test('passes on what limits it, when it is to run and where, and refuses a time without a zone', async () => {
    await using daemon = await recordedDaemon({ 'POST /v1/tasks': { status: 202, body: accepted } })
    const options = ['--group', 'g', '--group-limit', '2', '--concurrent', '--backoff', 'fixed']
    const times = ['--run-at', '2026-11-22T08:00:00+01:00', '--expires-at', '1800000000000']
    const asked = ['--placement', 'ring', '--url', daemon.url]
    const { code } = await runHere(['submit', 'echo', ...options, ...times, ...asked])
    assert.equal(code, 0)
    const { id, ...sent } = JSON.parse(daemon.requests[0]?.body ?? '')
    assert.match(id, /^[0-9a-f-]{36}$/, 'by the ring any id will do')
    assert.deepEqual(sent, {
      type: 'echo',
      group: 'g',
      groupLimit: 2,
      concurrent: true,
      backoff: 'fixed',
      placement: 'ring',
      runAt: Date.UTC(2026, 10, 22, 7),
      expiresAt: 1_800_000_000_000,
    })
    const wrong = await runHere(['submit', 'echo', '--run-at', '2026-11-22T08:00:00', '--url', daemon.url])
    assert.notEqual(wrong.code, 0)
    assert.match(wrong.err, /--run-at: expected ms since 1970, or a full time/)
    assert.equal(daemon.requests.length, 1)
  })

  test('refuses what a daemon would refuse anyway, and what makes no sense', async () => {
    for (const options of [
      ['--max-attempts', '101'],
      ['--timeout-ms', '86400001'],
      ['--backoff-ms-max', '86400001'],
      ['--dedupe-ttl-ms', '5'],
      ['--dedupe', 'd', '--dedupe-ttl-ms', '604800001'],
    ]) {
      const { code, err } = await runHere(['submit', 'echo', ...options, '--url', 'http://127.0.0.1:9'])
      assert.equal(code, 2, `${options.join(' ')}: ${err}`)
    }
    const many = await runHere(['submit', '[{}]', '--dedupe', 'd'])
    assert.match(many.err, /--dedupe: expected one task, got several/)
  })

  test('tells copies that are on disk from those that are to come', async () => {
    const body = { ...accepted, durableCopies: 1 }
    await using daemon = await recordedDaemon({ 'POST /v1/tasks': { status: 202, body } })
    const { out } = await runHere(['submit', 'echo', '--url', daemon.url])
    assert.equal(out, 't: accepted, ready, 1 copy on disk so far; node-1, node-2 will hold one each\n')
  })

  test('says nothing of copies for a task that was known already: the answer counts one of them only', async () => {
    const body = { record: record('t', { state: 'succeeded' }), existed: true, durableCopies: 1 }
    await using daemon = await recordedDaemon({ 'POST /v1/tasks': { status: 200, body } })
    const { out } = await runHere(['submit', 'echo', '--url', daemon.url])
    assert.equal(out, 't: was known already, succeeded\n')
  })

  test('makes an exec payload of a command and its arguments', async () => {
    await using daemon = await recordedDaemon({ 'POST /v1/tasks': { status: 202, body: accepted } })
    await runHere(['submit', 'exec', '--command', 'sum', '--arg', 'a', '--arg=-b', '--url', daemon.url])
    assert.deepEqual(JSON.parse(daemon.requests[0]?.body ?? '').payload, {
      command: 'sum',
      args: ['a', '-b'],
    })
  })

  test('takes the task from an argument, a file or standard input, and lays options over it', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'roundtable-test-'))
    try {
      const file = join(directory, 'task.json')
      const json = '{"type":"echo","key":"k"}'
      await writeFile(file, json)
      await using daemon = await recordedDaemon({ 'POST /v1/tasks': { status: 202, body: accepted } })
      const rest = ['--key', 'other', '--url', daemon.url]
      for (const [argv, input] of [[[json]], [['-f', file]], [['-f', '-'], json], [[], json]] as const)
        assert.equal((await runHere(['submit', ...argv, ...rest], { ...(input ? { input } : {}) })).code, 0)
      const bodies = daemon.requests.map(({ body }) => JSON.parse(body))
      assert.deepEqual(
        bodies.map(({ id, ...fields }) => fields),
        Array(4).fill({ type: 'echo', key: 'other' }),
      )
    } finally {
      await rm(directory, { recursive: true })
    }
  })

  test('says what is wrong with a file that is no task', async () => {
    const { code, err } = await runHere(['submit', '-f', '/does/not/exist'])
    assert.equal(code, 2)
    assert.match(err, /--file: expected a file that can be read, got ENOENT/)
    assert.match(
      (await runHere(['submit'], { input: '1' })).err,
      /a task, a JSON object, or a list of them, got number/,
    )
  })

  test('refuses bytes that are no UTF-8, and what is nested too deeply, and leaves out a byte order mark', async () => {
    await using daemon = await recordedDaemon({ 'POST /v1/tasks': { status: 202, body: accepted } })
    const directory = await mkdtemp(join(tmpdir(), 'roundtable-test-'))
    const file = join(directory, 'task.json')
    const submit = async (content: string | Buffer) => {
      await writeFile(file, content)
      return await runHere(['submit', '-f', file, '--url', daemon.url])
    }
    try {
      const bad = Buffer.from('{"type":"echo","payload":"caf\u00e9"}', 'latin1')
      const deep = `{"type":"echo","payload":${'['.repeat(100_000)}${']'.repeat(100_000)}}`
      for (const { code, err } of [await submit(bad), await runHere(['submit'], { input: bad })])
        assert.deepEqual([code, /expected JSON in UTF-8, got other bytes/.test(err)], [2, true], err)
      for (const { code, err } of [await submit(deep), await runHere(['submit', deep])])
        assert.deepEqual([code, /expected JSON of at most 64 levels, got more/.test(err)], [2, true], err)
      assert.equal(daemon.requests.length, 0)
      assert.equal((await submit('\ufeff{"type":"echo","id":"t"}')).code, 0)
    } finally {
      await rm(directory, { recursive: true })
    }
  })

  test('refuses a whole number that would be stored as another one', async () => {
    for (const argv of [
      ['{"type":"echo","payload":12345678901234567890123}'],
      ['echo', '--payload', '[9007199254740993]'],
      ['echo', '--payload', '{"a":1e400}'],
    ]) {
      const { code, err } = await runHere(['submit', ...argv])
      assert.equal(code, 2)
      assert.match(
        err,
        /whole numbers within 2\^53 \(larger ones as text\), got (12345678901234567890123|9007199254740993)|numbers within 1\.8e308 \(larger ones as text\), got 1e400/,
      )
    }
  })

  test('refuses a name that stands twice in one object', async () => {
    for (const argv of [['{"type":"echo","id":"a","id":"b"}'], ['echo', '--payload', '[{"id":1,"id":2}]']]) {
      const { code, err } = await runHere(['submit', ...argv])
      assert.equal(code, 2)
      assert.match(err, /each name once in an object, got "id" twice/)
    }
  })

  test('--wait follows the task to its end; only success is a success', async () => {
    const running = record('t', { state: 'running' })
    for (const [state, code] of [
      ['succeeded', 0],
      ['dead', 1],
    ] as const) {
      await using daemon = await recordedDaemon({
        'POST /v1/tasks': { status: 202, body: accepted },
        'GET /v1/tasks/t?waitMs=10000': [{ body: running }, { body: record('t', { state }) }],
      })
      const outcome = await runHere(['submit', 'echo', '--wait', '--json', '--url', daemon.url])
      assert.equal(outcome.code, code)
      assert.equal(JSON.parse(outcome.out).record.state, state)
    }
  })

  test('--wait gives up with a code of its own', async () => {
    await using daemon = await recordedDaemon({
      'POST /v1/tasks': { status: 202, body: accepted },
      'GET /v1/tasks/t?waitMs=*': { body: record('t', { state: 'running' }) },
    })
    const { code, err } = await runHere(['submit', 'echo', '--wait', '--wait-ms', '120', '--url', daemon.url])
    assert.equal(code, 4)
    assert.match(err, /DEADLINE: .*t was running after 120 ms/)
  })

  test('--wait goes on through refusals that pass, and says the last one when its time is up', async () => {
    const problem = (status: number, code: string) => ({
      status,
      body: { code, detail: 'its new owner asks.' },
      type: 'application/problem+json',
    })
    await using daemon = await recordedDaemon({
      'POST /v1/tasks': { status: 202, body: accepted },
      'GET /v1/tasks/t?waitMs=10000': [
        problem(503, 'TAKEOVER_INCOMPLETE'),
        problem(504, 'DEADLINE'),
        { body: record('t', { state: 'succeeded' }) },
      ],
      'GET /v1/tasks/t?waitMs=*': problem(503, 'TAKEOVER_INCOMPLETE'),
    })
    const done = await runHere(['submit', 'echo', '--wait', '--json', '--url', daemon.url])
    assert.deepEqual([done.code, JSON.parse(done.out).record.state], [0, 'succeeded'], done.err)
    const never = await runHere(['submit', 'echo', '--wait', '--wait-ms', '120', '--url', daemon.url])
    assert.equal(never.code, 4)
    assert.match(
      never.err,
      /DEADLINE: .*t was ready after 120 ms\. The last answer was TAKEOVER_INCOMPLETE: its new owner asks\./,
    )
    await using strange = await recordedDaemon({
      'POST /v1/tasks': { status: 202, body: accepted },
      'GET /v1/tasks/t?waitMs=10000': problem(404, 'TASK_UNKNOWN'),
    })
    const gone = await runHere(['submit', 'echo', '--wait', '--url', strange.url])
    assert.match(gone.err, /TASK_UNKNOWN/)
  })

  test('shows every problem that the daemon finds', async () => {
    const problems = [
      { at: 'key', expected: 'text', got: 'nothing' },
      { at: 'type', expected: 'text', got: '3' },
    ]
    const body = { code: 'TASK_INVALID', detail: 'two things.', problems }
    await using daemon = await recordedDaemon({
      'POST /v1/tasks': { status: 400, body, type: 'application/problem+json' },
    })
    const { code, err } = await runHere(['submit', '{}', '--url', daemon.url])
    assert.equal(code, 1)
    assert.match(err, /TASK_INVALID.*\n {2}key: expected text, got nothing\n {2}type: expected text, got 3\n/)
  })

  test('a task without a name gets one here, which a lost answer tells', async () => {
    const sent: Record<string, unknown>[] = []
    const server = createServer(async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      sent.push(JSON.parse(Buffer.concat(chunks).toString()))
      response.destroy()
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    try {
      const made = await runHere(['submit', 'echo', '--url', url])
      const id = String(sent[0]?.['id'])
      assert.match(id, /^[0-9a-f-]{36}$/)
      assert.equal(made.code, 3)
      assert.match(
        made.err,
        new RegExp(`ANSWER_LOST: .*--id ${id} it does not run twice.*may have been done`),
      )
      assert.doesNotMatch(made.err, /Nothing was done/)
      const again = await runHere(['submit', 'echo', '--id', id, '--json', '--url', url])
      assert.deepEqual(sent[1], { type: 'echo', id })
      assert.match(JSON.parse(again.out).error.detail, new RegExp(`--id ${id}`))
      const deduped = await runHere(['submit', 'echo', '--dedupe', 'd', '--url', url])
      const { id: named, ...rest } = sent[2] ?? {}
      assert.deepEqual(rest, { type: 'echo', dedupe: { key: 'd' } })
      assert.match(
        deduped.err,
        new RegExp(`--id ${named}, or with the same dedupe key, it does not run twice`),
      )
      const placed = await runHere(['submit', 'echo', '--placement', 'random', '--url', url])
      assert.deepEqual(sent[3], { type: 'echo', placement: 'random' })
      assert.match(placed.err, /handed in again it may run twice/)
    } finally {
      server.closeAllConnections()
      await new Promise<void>(resolve => server.close(() => resolve()))
    }
  })

  test('a task that is placed gets its id from the daemon, which tells it when nobody knows what became of it', async () => {
    const [status, code] = [503, 'OWNER_UNREACHABLE']
    const body = { status, code, detail: 'n2 did not answer', id: 'made-there' }
    await using daemon = await recordedDaemon({ 'POST /v1/tasks': { status, body } })
    const placed = await runHere(['submit', 'echo', '--placement', 'random', '--url', daemon.url])
    assert.match(placed.err, /--id made-there and no placement it does not run twice/)
  })

  test('a daemon that does not know what became of it leaves its id too, and one that was never reached does not', async () => {
    const body = { code: 'TOO_FEW_COPIES', detail: 'one of two' }
    await using daemon = await recordedDaemon({
      'POST /v1/tasks': { status: 503, body, type: 'application/problem+json' },
    })
    const unknown = await runHere(['submit', '{"id":"t","type":"echo"}', '--url', daemon.url])
    assert.match(unknown.err, /TOO_FEW_COPIES: .* one of two\. Its id is t: /)
    const never = await runHere(['submit', 'echo', '--url', 'http://127.0.0.1:9'])
    assert.match(never.err, /DAEMON_UNREACHABLE: .*ECONNREFUSED[^(]*\(Nothing was done\.\)\n$/)
    assert.doesNotMatch(never.err, /--id/)
  })

  test('Ctrl-C tells the id of a task whose answer has not come, and of one that is waited for', async () => {
    const stop = new AbortController()
    const asked = Promise.withResolvers<void>()
    let accepts = false
    const server = createServer((request, response) => {
      if (!accepts) asked.resolve()
      else if (request.method === 'POST') {
        response.writeHead(202, { 'content-type': 'application/json' }).end(JSON.stringify(accepted))
      } else stopAgain.abort(new Interrupted('SIGINT'))
    })
    const stopAgain = new AbortController()
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    try {
      const open = runHere(['submit', 'echo', '--url', url], { interrupted: stop.signal })
      await asked.promise
      stop.abort(new Interrupted('SIGINT'))
      const cut = await open
      assert.equal(cut.code, 130)
      assert.match(cut.err, /^No answer has come yet\. Its id is [0-9a-f-]{36}: handed in again with --id/)
      accepts = true
      const waited = await runHere(['submit', 'echo', '--wait', '--url', url], {
        interrupted: stopAgain.signal,
      })
      assert.deepEqual([waited.code, waited.err], [130, 't: was accepted, and goes on\n'])
    } finally {
      server.closeAllConnections()
      await new Promise<void>(resolve => server.close(() => resolve()))
    }
  })
})
