/** A real daemon with schedules: of its configuration, of its API, over a restart, and after a reload. */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import type { SchedulePage } from '../../src/tasks/schedules/messages.ts'
import type { TaskRecord } from '../../src/tasks/task.ts'
import { Daemon, type Line } from './subject.ts'

const timeout = { timeout: 120_000 }
let scratch = ''
let daemons: Daemon[] = []

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'roundtable-schedules-'))
})

afterEach(async () => {
  await Promise.all(daemons.map(daemon => daemon.kill()))
  daemons = []
  await rm(scratch, { recursive: true, force: true })
})

const file = (): string => join(scratch, 'config.json')

async function configure(schedules: readonly object[], others: object = {}): Promise<void> {
  const free = { host: '127.0.0.1', port: 0 }
  const config = {
    nodeId: 'n1',
    cluster: 'schedules',
    dataDir: join(scratch, 'data'),
    transport: free,
    http: free,
  }
  await writeFile(file(), JSON.stringify({ ...config, ...others, schedules }), { mode: 0o600 })
}

function boot(): Daemon {
  const daemon = new Daemon(file())
  daemons.push(daemon)
  return daemon
}

/** So many lines of this event about this schedule. */
async function lines(daemon: Daemon, event: string, schedule: string, count: number): Promise<Line[]> {
  for (;;) {
    const found = daemon.lines.filter(line => line.event === event && line['schedule'] === schedule)
    if (found.length >= count) return found
    await daemon.next()
  }
}

test('slots become tasks that run, and after a restart none of them is made again', timeout, async () => {
  await configure([{ name: 'configured', everyMs: 1_000, task: { type: 'echo', payload: 'tick' } }])
  const daemon = boot()
  const url = await daemon.url()
  await lines(daemon, 'slot-run', 'configured', 2)
  const put = await fetch(`${url}/v1/schedules/posted`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ cron: '* * * * * *', timeZone: 'Asia/Kathmandu', task: { type: 'echo' } }),
  })
  assert.equal(put.status, 201, await put.text())
  const [first] = await lines(daemon, 'slot-run', 'posted', 2)
  const task = (await (await fetch(`${url}/v1/tasks/${String(first?.['task'])}`)).json()) as TaskRecord
  assert.deepEqual([task.source, task.spec.key], ['schedule:posted', 'posted'])
  const refused = await fetch(`${url}/v1/schedules/configured`, { method: 'DELETE' })
  assert.equal(refused.status, 409)
  const list = (await (await fetch(`${url}/v1/schedules`)).json()) as SchedulePage
  assert.deepEqual(
    list.schedules.map(({ name, source }) => [name, source]),
    [
      ['configured', 'config'],
      ['posted', 'api'],
    ],
  )
  const metrics = await (await fetch(`${url}/metrics`)).text()
  assert.match(metrics, /^roundtable_schedules_owned(?:\{[^}]*\})? 2$/m)
  await daemon.kill()

  const before = daemon.lines.filter(({ event }) => event === 'slot-run').map(line => line['task'])
  const again = boot()
  await lines(again, 'slot-run', 'posted', 2)
  await lines(again, 'slot-run', 'configured', 2)
  const after = again.lines.filter(({ event }) => event === 'slot-run').map(line => line['task'])
  // Only what was under way to the disk at the kill may be made again, and is the same task then.
  const twice = after.filter(each => before.includes(each))
  assert.ok(twice.length <= 2 && new Set(after).size === after.length, `again: ${twice.join(', ')}`)
})

test('a reload makes, changes and removes; one that is not valid changes nothing', timeout, async () => {
  await configure([{ name: 'old', everyMs: 60_000, task: { type: 'echo' } }])
  const daemon = boot()
  await lines(daemon, 'schedule-put', 'old', 1)
  await configure([{ name: 'new', everyMs: 500, task: { type: 'echo' } }], { weight: 2 })
  daemon.child.kill('SIGHUP')
  // A file that is read while it is being written is refused, too, and for another reason.
  const refusal = /schedules\.0\.everyMs: expected .*; got 500/
  while (!daemon.lines.some(({ event, detail }) => event === 'reload-failed' && refusal.test(String(detail))))
    await daemon.next()
  assert.ok(!daemon.lines.some(({ event }) => event === 'reloaded'), 'nor was the weight applied')
  await configure([{ name: 'new', everyMs: 60_000, task: { type: 'echo' } }], { tasks: { maxAttempts: 9 } })
  daemon.child.kill('SIGHUP')
  await lines(daemon, 'schedule-put', 'new', 1)
  await lines(daemon, 'schedule-deleted', 'old', 1)
  const { needsRestart } = await daemon.said('reloaded')
  assert.deepEqual(needsRestart, ['tasks.maxAttempts'])
  const made = (await (await fetch(`${await daemon.url()}/v1/schedules/new`)).json()) as {
    task: { maxAttempts: number }
  }
  assert.equal(made.task.maxAttempts, 4)
})

test('a configuration with a schedule that cannot be is refused with every problem', timeout, async () => {
  await configure([{ name: 'a', cron: '61 * * * *', task: { type: 'echo' } }, { everyMs: 5_000 }])
  const daemon = boot()
  const [code] = await daemon.exited
  assert.notEqual(code, 0)
})
