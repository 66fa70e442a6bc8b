import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { lineDaemon, TAKEN } from '../line-daemon.ts'
import { record } from '../records.ts'
import { recordedDaemon, runHere } from '../scene.ts'

describe('submit, many', () => {
  test('hands in a list or lines, each with an id and the options over it', async () => {
    await using daemon = await lineDaemon(() => TAKEN)
    const directory = await mkdtemp(join(tmpdir(), 'roundtable-test-'))
    try {
      const file = join(directory, 'tasks.ndjson')
      await writeFile(file, '{"type":"echo","id":"a"}\n\n{"type":"echo","priority":3}\n')
      for (const [argv, input] of [
        [['--file', file], undefined],
        [['--many'], '{"type":"echo","id":"a"}\n{"type":"echo"}'],
        [['[{"type":"echo","id":"a"},{"type":"echo"}]'], undefined],
        [[], '[{"type":"echo","id":"a"},{"type":"echo"}]'],
      ] as const) {
        const rest = ['--priority', '0', '--url', daemon.url]
        const ran = await runHere(['submit', ...argv, ...rest], input === undefined ? {} : { input })
        assert.deepEqual(
          [ran.code, ran.out],
          [0, '2 accepted, 0 known already, 0 refused, 0 unknown\n'],
          ran.err,
        )
      }
    } finally {
      await rm(directory, { recursive: true })
    }
    assert.equal(daemon.rounds.length, 4)
    for (const [first, second] of daemon.rounds) {
      assert.deepEqual(first, { type: 'echo', id: 'a', priority: 0 })
      assert.match(String(second?.id), /^[0-9a-f-]{36}$/)
      assert.equal(second?.['priority'], 0)
    }
  })

  test('sends again what was refused for now, under the same id, and not what was refused for good', async () => {
    await using daemon = await lineDaemon((task, _, round) => {
      if (task['type'] === 'bad') return { code: 'TASK_INVALID', stored: 'no', detail: 'no such type' }
      return round === 1 && task.id === 'b'
        ? { code: 'QUEUE_FULL', stored: 'no', detail: 'full', retryAfterS: 1 }
        : TAKEN
    })
    const input = '{"type":"echo","id":"a"}\n{"type":"echo","id":"b"}\n{"type":"bad","id":"c"}'
    const { code, out, err } = await runHere(['submit', '--many', '--url', daemon.url], { input })
    assert.equal(code, 1)
    assert.equal(out, '2 accepted, 0 known already, 1 refused, 0 unknown\n')
    assert.match(err, /line 3: c: TASK_INVALID: no such type/)
    assert.match(err, /1 tasks are sent again in 1 s: QUEUE_FULL/)
    assert.deepEqual(
      daemon.rounds.map(round => round.map(({ id }) => id)),
      [['a', 'b', 'c'], ['b']],
    )
  })

  test('a line that is nested more deeply than it could be written again is left to the daemon, and ends no other', async () => {
    await using daemon = await lineDaemon(({ id }) =>
      id === undefined ? { code: 'BAD_REQUEST', stored: 'no', detail: 'too deep' } : TAKEN,
    )
    const deep = `{"type":"echo","payload":${'['.repeat(100_000)}${']'.repeat(100_000)}}`
    const input = `{"type":"echo"}\n${deep}\n{"type":"echo"}`
    const { code, out, err } = await runHere(['submit', '--many', '--url', daemon.url], { input })
    assert.deepEqual([code, out], [1, '2 accepted, 0 known already, 1 refused, 0 unknown\n'], err)
  })

  test('what another task of that id contests is told at once, as what it is, and not sent again', async () => {
    await using daemon = await lineDaemon(task =>
      task.id === 'b' ? { code: 'ID_CONTESTED', stored: 'unknown', detail: 'held by another' } : TAKEN,
    )
    const input = ['a', 'b', 'c'].map(id => `{"type":"echo","id":"${id}"}`).join('\n')
    const { code, out, err } = await runHere(['submit', '--many', '--url', daemon.url], { input })
    assert.equal(code, 1)
    assert.equal(out, '2 accepted, 0 known already, 0 refused, 1 unknown\n')
    assert.match(err, /line 2: b: ID_CONTESTED: held by another/)
    assert.equal(daemon.rounds.length, 1)
  })

  test('goes on after a broken connection with what was not answered, and the rest', async () => {
    await using daemon = await lineDaemon((_, line, round) => (round === 1 && line === 2 ? 'break' : TAKEN))
    const input = Array.from({ length: 5 }, (_, i) => `{"type":"echo","id":"t${i}"}`).join('\n')
    const { code, out } = await runHere(['submit', '--many', '--json', '--url', daemon.url], { input })
    assert.equal(code, 0)
    const results = out
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line))
    assert.deepEqual(results.at(-1), { summary: { accepted: 5, existed: 0, refused: 0, unknown: 0 } })
    const ids = results.slice(0, -1).map(({ id }) => id)
    assert.deepEqual([...ids].sort(), ['t0', 't1', 't2', 't3', 't4'])
  })

  test('refuses what makes sense for one task only', async () => {
    for (const argv of [
      ['[{}]', '--wait'],
      ['--many', '--id', 'x'],
    ]) {
      const { code, err } = await runHere(['submit', ...argv], { input: '{}' })
      assert.equal(code, 2)
      assert.match(err, /expected one task, got several/)
    }
  })
})

describe('submit, from somebody who has not ended', () => {
  const main = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url))

  test('a signal ends the process although its standard input is open', { timeout: 60_000 }, async () => {
    await using daemon = await lineDaemon(() => TAKEN)
    const child = spawn(process.execPath, [main, 'submit', '--many', '--url', daemon.url], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    try {
      let out = ''
      child.stdout.on('data', chunk => {
        out += chunk
      })
      child.stdin.write('{"type":"echo"}\n')
      await daemon.first
      child.kill('SIGTERM')
      assert.deepEqual(await once(child, 'close', { signal: AbortSignal.timeout(50_000) }), [130, null])
      assert.match(out, /^[01] accepted, 0 known already, 0 refused, [01] unknown\n$/)
    } finally {
      child.kill('SIGKILL')
    }
  })
})

describe('orders', () => {
  test('cancel and retry say how each task stands, and go on after one that cannot be', async () => {
    const problem = { code: 'TASK_SETTLED', detail: 'task b is succeeded' }
    await using daemon = await recordedDaemon({
      'POST /v1/tasks/a%2F1/cancel': { body: record('a/1', { state: 'cancelled' }) },
      'POST /v1/tasks/b/cancel': { status: 409, body: problem, type: 'application/problem+json' },
      'POST /v1/tasks/c/retry': { body: record('c', { state: 'ready' }) },
    })
    const both = await runHere(['cancel', 'b', 'a/1', '--url', daemon.url])
    assert.deepEqual([both.code, both.out], [1, 'a/1: cancelled\n'])
    assert.match(both.err, /b: TASK_SETTLED: task b is succeeded/)
    const one = await runHere(['cancel', 'b', '--url', daemon.url])
    assert.match(one.err, /^roundtable: TASK_SETTLED/)
    assert.equal((await runHere(['retry', 'c', '--url', daemon.url])).out, 'c: ready\n')
  })

  test('--json tells what failed of each of several, on standard output', async () => {
    const problem = { code: 'TASK_SETTLED', detail: 'task b is succeeded' }
    const cancelled = record('a', { state: 'cancelled' })
    await using daemon = await recordedDaemon({
      'POST /v1/tasks/a/cancel': { body: cancelled },
      'POST /v1/tasks/b/cancel': { status: 409, body: problem, type: 'application/problem+json' },
    })
    const told = async (url: string, ...ids: readonly string[]) => {
      const { code, out, err } = await runHere(['cancel', ...ids, '--json', '--url', url])
      assert.equal(err, '')
      return {
        code,
        lines: out
          .trimEnd()
          .split('\n')
          .map(line => JSON.parse(line)),
      }
    }
    const both = await told(daemon.url, 'b', 'a')
    assert.equal(both.code, 1)
    assert.deepEqual([both.lines[0].id, both.lines[0].error.code], ['b', 'TASK_SETTLED'])
    assert.deepEqual(both.lines[0].error.detail, 'task b is succeeded')
    assert.deepEqual(both.lines[1], JSON.parse(JSON.stringify(cancelled)))
    // Who is not there is asked once, and what becomes of it is said of each.
    const nobody = await recordedDaemon({})
    await nobody[Symbol.asyncDispose]()
    const gone = await told(nobody.url, 'a', 'b')
    assert.equal(gone.code, 3)
    assert.deepEqual(
      gone.lines.map(({ id, error }) => [id, error.code, error.state]),
      ['a', 'b'].map(id => [id, 'DAEMON_UNREACHABLE', 'Nothing was done.']),
    )
  })

  const kept = { id: 't3', code: 'TASK_LISTED', detail: 'n1 has it in a task list' }

  test('dead letters are acted on request by request until there are no more', async () => {
    const outcome = { done: 2, failed: 0, failures: [], more: false, complete: true, silent: [] }
    const first = { ...outcome, more: true, next: 't2', complete: false, silent: ['node-2'] }
    await using daemon = await recordedDaemon({
      'POST /v1/dead/redrive': [{ body: { ...outcome, more: true, next: 't2' } }, { body: outcome }],
      'POST /v1/dead/purge': [
        { body: { ...outcome, complete: false, silent: ['node-3'] } },
        { body: first },
        { body: { ...outcome, done: 0, failed: 1, failures: [kept], more: true, next: 't4' } },
        { body: outcome },
        { body: first },
      ],
    })
    const redriven = await runHere(['dead', 'redrive', '--type', 'http', '--url', daemon.url])
    assert.deepEqual([redriven.code, redriven.out], [0, '4 dead letters tried again\n'])
    const purged = await runHere(['dead', 'purge', 'a', 'b', '--yes', '--url', daemon.url])
    assert.deepEqual([purged.code, purged.out], [1, '2 dead letters dropped\n'])
    assert.match(purged.err, /incomplete: node-3 did not answer/)
    assert.deepEqual(
      daemon.requests.map(({ body }) => JSON.parse(body)),
      [{ type: 'http' }, { type: 'http', cursor: 't2' }, { ids: ['a', 'b'] }],
    )
    // Where one request could do nothing the next goes on all the same, and what one missed is not forgotten.
    const all = await runHere(['dead', 'purge', '--all', '--yes', '--url', daemon.url])
    assert.deepEqual([all.code, all.out], [1, '4 dead letters dropped, 1 not\n'])
    assert.match(
      all.err,
      /incomplete: node-2 did not answer, or not for all that it owns\nt3: TASK_LISTED: n1 has it in a task list/,
    )
    const some = ['--all', '--limit', '2', '--cursor', 't0', '--yes', '--url', daemon.url]
    assert.match((await runHere(['dead', 'purge', ...some])).err, /more: --cursor t2\n$/)
    assert.deepEqual(
      daemon.requests.slice(3).map(({ body }) => JSON.parse(body)),
      [
        { all: true },
        { all: true, cursor: 't2' },
        { all: true, cursor: 't4' },
        { all: true, cursor: 't0', limit: 2 },
      ],
    )
    for (const argv of [
      ['redrive'],
      ['purge', '--all'],
      ['redrive', 'a', '--all'],
      ['redrive', 'a', '--cursor', 'b'],
      ['forget'],
    ])
      assert.equal((await runHere(['dead', ...argv])).code, 2, argv.join(' '))
  })
})

describe('lists', () => {
  test('of all nodes say what may be missing', async () => {
    const body = { tasks: [record('a')], complete: false, silent: ['node-2'], settling: ['node-3'] }
    await using daemon = await recordedDaemon({
      'GET /v1/tasks?scope=cluster&type=echo&q=x&limit=5&cursor=k': { body },
      'GET /v1/dead?key=k': { body: { ...body, tasks: [], next: 'k' } },
    })
    const argv = [
      'tasks',
      '--scope',
      'cluster',
      '--type',
      'echo',
      '--q',
      'x',
      '--cursor',
      'k',
      '--limit',
      '5',
    ]
    const listed = await runHere([...argv, '--url', daemon.url])
    assert.match(
      listed.err,
      /incomplete: node-2 did not answer\nincomplete: node-3 is just taking over tasks, or sees another ring\n/,
    )
    const dead = await runHere(['dead', '--key', 'k', '--url', daemon.url])
    assert.equal(dead.out, 'no tasks\n')
    assert.match(dead.err, /more: --cursor k/)
  })

  test('figures are a table with a row for all', async () => {
    const stats = {
      total: 10,
      queued: 3,
      running: 2,
      done: 4,
      failed: 1,
      cancelled: 0,
      workers: 4,
      busy: 2,
      claimed: 1,
      drainPerS: 1.5,
    }
    const vitals = { cpu: 0.504, memory: 0.25 }
    const body = {
      cluster: { nodes: 1, ...stats, vitals },
      nodes: [{ node: 'n1', ...stats }],
      complete: false,
      silent: ['n2'],
    }
    await using daemon = await recordedDaemon({ 'GET /v1/stats': { body } })
    const { out, err } = await runHere(['tasks', '--stats', '--url', daemon.url])
    assert.match(out, /^n1 +10 +3 +2 +4 +1 +0 +2\/4 +1 +1\.5 +- +-$/m)
    assert.match(out, /^all +10 .* 50 % +25 %$/m)
    assert.match(err, /incomplete: n2 did not answer/)
  })

  test('claims of a node say who holds what, until when and how far, and that nobody may', async () => {
    const claim = {
      ...{
        claim: 'c-1',
        task: 'resize-7',
        key: 'k',
        type: 'resize',
        attempt: 2,
        client: 'worker 17',
        state: 'held',
      },
      ...{
        claimedAtMs: Date.parse('2026-11-21T12:00:00Z'),
        actingUntilMs: Date.parse('2026-11-21T12:00:09.5Z'),
      },
      progress: { fraction: 0.3, done: 3, total: 10, note: 'layers' },
    }
    const held = { types: ['resize'], waiting: 1, held: 2, claims: [claim] }
    const none = { types: [], waiting: 0, held: 0, claims: [] }
    await using daemon = await recordedDaemon({
      'GET /v1/claims': [{ body: held }, { body: held }, { body: none }],
    })
    const { out, code } = await runHere(['claims', '--url', daemon.url])
    assert.equal(code, 0)
    assert.match(out, /^1 client waits for tasks of resize; 2 tasks are held\nthe oldest 1 are shown\n/)
    const row = /^resize-7 +resize +2 +worker 17 +held +12:00:00\.000 +12:00:09\.500 +30 % \(3\/10\) layers$/m
    assert.match(out, row)
    assert.deepEqual(JSON.parse((await runHere(['claims', '--json', '--url', daemon.url])).out), held)
    assert.match((await runHere(['claims', '--url', daemon.url])).out, /executors\.claim\.types is empty/)
  })

  test('explain task says what the nodes have of a task of which nobody may say how it stands', async () => {
    const why = [{ code: 'no-leave', text: 'it waits for leave' }]
    const body = {
      refused: { code: 'NOT_ACTING', detail: 'the owner waits.' },
      why,
      next: 'a quorum grants it',
      nodes: [
        { node: 'n1', key: 'k', owner: 'n1', revision: 1, state: 'ready', place: 'queued', why, next: '' },
      ],
      silent: [],
    }
    await using daemon = await recordedDaemon({ 'GET /v1/explain-task/b': { body } })
    const { code, out } = await runHere(['explain', 'task', 'b', '--url', daemon.url])
    assert.equal(code, 0)
    assert.match(out, /^task +b\nstate +not to be told now: NOT_ACTING: the owner waits\.\nkey +k\n/)
    assert.match(out, /why +it waits for leave \(no-leave\)/)
  })

  test('explain task says why, what next, and who knows it', async () => {
    const why = [{ code: 'key-busy', text: 'task a of the same key runs' }]
    const body = {
      task: record('b', { state: 'ready' }),
      placement: { owner: 'n1', preferenceList: ['n1', 'n2'], hash: 1, ringChecksum: 'x' },
      why,
      next: 'the tasks of its key before it end',
      nodes: [{ node: 'n1', owner: 'n1', revision: 1, state: 'ready', place: 'queued', why, next: '' }],
      silent: ['n3'],
    }
    await using daemon = await recordedDaemon({ 'GET /v1/explain-task/b': { body } })
    const { out } = await runHere(['explain', 'task', 'b', '--url', daemon.url])
    assert.match(out, /why +task a of the same key runs \(key-busy\)/)
    assert.match(out, /did not answer +n3/)
    assert.match(out, /n1 +ready +1 +queued +key-busy/)
  })
})
