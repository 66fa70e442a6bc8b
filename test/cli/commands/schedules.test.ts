import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { tasksDefaults } from '../../../src/tasks/config.ts'
import { parseTaskSpec } from '../../../src/tasks/spec.ts'
import { recordedDaemon, runHere } from '../scene.ts'

const slot = Date.UTC(2026, 2, 29, 1)

const sheet = {
  ...{
    name: 'nightly',
    cron: '30 2 * * *',
    timeZone: 'Europe/Berlin',
    task: { type: 'echo' },
    catchUp: 'last',
  },
  ...{
    overlap: 'allow',
    paused: false,
    source: 'api',
    version: 2,
    changedAt: slot,
    deleted: false,
    owner: 'node-2',
  },
  ...{ decidedTo: slot - 86_400_000, lastMade: slot - 86_400_000, made: 7, missed: 3, next: [slot] },
  lately: [{ from: slot - 9_000, to: slot - 7_000, count: 3, more: true, reason: 'late', at: slot }],
  waits: 'it is still taken over',
}
const line = {
  ...{
    name: 'nightly',
    owner: 'node-2',
    timing: { cron: '30 2 * * *', timeZone: 'Europe/Berlin' },
    type: 'echo',
  },
  ...{ source: 'config', paused: false, decidedTo: 1, made: 7, missed: 3 },
}

describe('schedules', () => {
  test('are listed from all pages, with those that may be missing beside them', async () => {
    await using daemon = await recordedDaemon({
      'GET /v1/schedules?limit=500': { body: { schedules: [line], next: 'nightly', unsure: ['node-3'] } },
      'GET /v1/schedules?limit=500&after=nightly': {
        body: { schedules: [{ ...line, name: 'other' }], unsure: [] },
      },
    })
    const { code, out, err } = await runHere(['schedules', '--url', daemon.url])
    assert.equal(code, 0)
    assert.match(
      out,
      /nightly +30 2 \* \* \* \(Europe\/Berlin\) +echo +node-2 +7 +3 +- +from the configuration/,
    )
    assert.match(out, /^other/m)
    assert.match(err, /may be missing: node-3/)
    const json = await runHere(['schedules', 'list', '--json', '--url', daemon.url])
    assert.equal((JSON.parse(json.out) as { schedules: object[] }).schedules.length, 2)
  })

  test('are shown with their slots in both time zones and with what was missed', async () => {
    await using daemon = await recordedDaemon({
      'GET /v1/schedules/nightly?next=5': { body: sheet },
      'GET /v1/schedules/nightly?next=3': { body: sheet },
    })
    const shown = await runHere(['schedules', 'show', 'nightly', '--url', daemon.url])
    assert.match(shown.out, /waits +it is still taken over/)
    assert.match(shown.out, /2026-03-29T01:00:00.000Z +2026-03-29 03:00:00 \S+ Europe\/Berlin/)
    assert.match(shown.out, /3 or more +late/)
    const next = await runHere(['schedules', 'next', 'nightly', '-n', '3', '--url', daemon.url])
    assert.equal(next.out.trim().split('\n').length, 1)
    const json = await runHere(['schedules', 'next', 'nightly', '-n', '3', '--json', '--url', daemon.url])
    assert.deepEqual(JSON.parse(json.out), [slot])
  })

  test('are put as options and a file say, options first', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'schedule-'))
    const file = join(folder, 's.json')
    writeFileSync(
      file,
      JSON.stringify({ cron: '0 4 * * *', task: { type: 'exec', payload: 1 }, overlap: 'skip' }),
    )
    await using daemon = await recordedDaemon({ 'PUT /v1/schedules/nightly': { status: 201, body: sheet } })
    const argv = [
      'schedules',
      'add',
      'nightly',
      '-f',
      file,
      '--time-zone',
      'Europe/Berlin',
      '--catch-up',
      'all',
    ]
    const outcome = await runHere([
      ...argv,
      '--payload',
      '{"a":1}',
      '--priority',
      '0',
      '--paused',
      '--url',
      daemon.url,
    ])
    assert.equal(outcome.code, 0, outcome.err)
    assert.deepEqual(JSON.parse(daemon.requests[0]?.body ?? ''), {
      ...{ cron: '0 4 * * *', timeZone: 'Europe/Berlin', catchUp: 'all', overlap: 'skip', paused: true },
      task: { type: 'exec', payload: { a: 1 }, priority: 0 },
    })
    await rm(folder, { recursive: true })
  })

  test('have all fields of a task that one of a schedule may have', async () => {
    await using daemon = await recordedDaemon({ 'PUT /v1/schedules/s': { status: 201, body: sheet } })
    const options = '--every-ms 5000 --type http --max-attempts 100 --timeout-ms 86400000 --backoff-ms 0'
    const more = '--backoff-ms-max 9 --backoff fixed --group g --group-limit 2 --concurrent'
    const argv = ['schedules', 'add', 's', ...`${options} ${more}`.split(' '), '--url', daemon.url]
    const { code, err } = await runHere(argv)
    assert.equal(code, 0, err)
    const task = {
      ...{ type: 'http', maxAttempts: 100, timeoutMs: 86_400_000, backoffMs: 0, backoffMsMax: 9 },
      ...{ backoff: 'fixed', group: 'g', groupLimit: 2, concurrent: true },
    }
    assert.deepEqual(JSON.parse(daemon.requests[0]?.body ?? ''), { everyMs: 5_000, task })
    assert.deepEqual(parseTaskSpec(task, tasksDefaults(4), () => 'an-id').ok, true, 'as a daemon reads it')
  })

  test('are tried out without being stored, and without a task', async () => {
    await using daemon = await recordedDaemon({
      'POST /v1/schedules/preview?next=3': { body: { next: [slot] } },
      'POST /v1/schedules/preview?next=10': { body: { next: [slot] } },
    })
    const timed = ['--cron', '0 9 * * 1-5', '--time-zone', 'Europe/Berlin', '--url', daemon.url]
    const shown = await runHere(['schedules', 'preview', '-n', '3', ...timed])
    assert.deepEqual([shown.code, shown.err], [0, ''])
    assert.match(shown.out, /^ +2026-03-29T01:00:00.000Z +2026-03-29 03:00:00 \S+ Europe\/Berlin\n$/)
    const named = ['schedules', 'preview', 'nightly', '--type', 'exec', '--json', ...timed]
    assert.deepEqual(JSON.parse((await runHere(named)).out), [slot])
    const given = { cron: '0 9 * * 1-5', timeZone: 'Europe/Berlin' }
    assert.deepEqual(
      daemon.requests.map(({ body }) => JSON.parse(body)),
      [
        { ...given, task: { type: 'echo' } },
        { ...given, task: { type: 'exec' }, name: 'nightly' },
      ],
    )
  })

  test('are paused, resumed and removed', async () => {
    await using daemon = await recordedDaemon({
      'POST /v1/schedules/pause/nightly': { body: { ...sheet, paused: true } },
      'POST /v1/schedules/resume/nightly': { body: sheet },
      'DELETE /v1/schedules/nightly': { body: { ...sheet, deleted: true } },
    })
    for (const [verb, said] of [
      ['pause', 'is paused'],
      ['resume', 'is not paused'],
      ['remove', 'is removed'],
    ] as const) {
      const { code, out } = await runHere(['schedules', verb, 'nightly', '--url', daemon.url])
      assert.deepEqual([code, out], [0, `nightly ${said}\n`])
    }
  })

  test('are not asked for when it cannot be meant', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'schedule-'))
    const list = join(folder, 'list.json')
    writeFileSync(list, '[]')
    const latin = join(folder, 'latin.json')
    writeFileSync(latin, Buffer.from('{"task":{"type":"echo","payload":"caf\u00e9"}}', 'latin1'))
    const wrong = [
      ['explode', 'a'],
      ['show'],
      ['list', 'a'],
      ['add', 'a', '--every-ms', '10'],
      ['add', 'a', '--payload', '{'],
      ['add', 'a', '--payload', '9007199254740993'],
      ['add', 'a', '--payload', '[1e400]'],
      ['add', 'a', '--payload', '{"a":1,"a":2}'],
      ['add', 'a', '-f', list],
      ['add', 'a', '-f', latin, '--every-ms', '1000'],
      ['next', 'a', '-n', '0'],
      ['preview', 'a', '-n', '0'],
      ['add', 'a', '--max-attempts', '101'],
      ['add', 'a', '--timeout-ms', '86400001'],
      ['add', 'a', '-f', '/nowhere/x.json'],
    ]
    for (const argv of wrong) {
      const { code, err } = await runHere(['schedules', ...argv, '--url', 'http://127.0.0.1:9'])
      assert.equal(code, 2, `${argv.join(' ')}: ${err}`)
    }
    await rm(folder, { recursive: true })
  })
})
