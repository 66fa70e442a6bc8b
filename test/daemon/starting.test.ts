/** A real daemon from its first moment: signals while it starts, what it says of its disk, what every line bears. */
import assert from 'node:assert/strict'
import { chmod, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { Daemon } from './subject.ts'

const timeout = { timeout: 180_000 }
let scratch = ''
let daemons: Daemon[] = []

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'roundtable-starting-'))
})

afterEach(async () => {
  await Promise.all(daemons.map(daemon => daemon.kill()))
  daemons = []
  await rm(scratch, { recursive: true, force: true })
})

const dataDir = (): string => join(scratch, 'data')

/** One daemon, always on the same directory. */
async function start(more: Readonly<Record<string, unknown>> = {}): Promise<Daemon> {
  const file = join(scratch, 'config.json')
  const free = { host: '127.0.0.1', port: 0 }
  const { transport, ...others } = more as { transport?: object }
  const config = { cluster: 'starting', dataDir: dataDir(), transport: { ...free, ...transport }, http: free }
  await writeFile(file, JSON.stringify({ ...config, ...others }), { mode: 0o600 })
  const daemon = new Daemon(file)
  daemons.push(daemon)
  return daemon
}

async function end(daemon: Daemon): Promise<void> {
  daemon.child.kill('SIGTERM')
  assert.deepEqual(await daemon.exited, [0, null])
}

test('SIGHUPs that come while it starts end nothing and are one reload once it runs', timeout, async () => {
  const daemon = await start()
  await daemon.said('called')
  for (let i = 0; i < 3; i++) daemon.child.kill('SIGHUP')
  await daemon.said('ready')
  await daemon.said('reloaded')
  await end(daemon)
  const { length } = daemon.lines.filter(({ event }) => event === 'reloaded')
  assert.equal(length, 1)
})

test('a SIGHUP that comes while it ends does not change how it ends', timeout, async () => {
  const daemon = await start()
  await daemon.said('ready')
  daemon.child.kill('SIGTERM')
  await daemon.said('stopped')
  daemon.child.kill('SIGHUP')
  await daemon.said('returned')
  assert.equal(daemon.child.signalCode, null)
})

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(
    `a ${signal} that comes while it starts ends it in good order before it has listened`,
    timeout,
    async () => {
      const daemon = await start()
      await daemon.said('called')
      daemon.child.kill(signal)
      assert.deepEqual(await daemon.exited, [0, null])
      assert.deepEqual(
        daemon.lines.map(({ event }) => event),
        ['called', 'signal', 'stopped', 'returned'],
      )
      assert.equal(daemon.lines[1]?.['signal'], signal)
    },
  )
}

test('another SIGTERM while it starts ends it at once with 143', timeout, async () => {
  // The start is still reading it when the signals come.
  const list = join(scratch, 'list.ndjson')
  const lines = Array.from({ length: 100_000 }, (_, i) =>
    JSON.stringify({ id: `t${i}`, type: 'echo', payload: 1 }),
  )
  await writeFile(list, lines.join('\n'))
  const daemon = await start({ taskLists: [list] })
  await daemon.said('called')
  // Two that wait at the same time count as one.
  const again = setInterval(() => daemon.child.kill('SIGTERM'), 5)
  const ended = await daemon.exited
  clearInterval(again)
  assert.deepEqual(ended, [143, null])
})

test('every line bears the incarnation', timeout, async () => {
  const list = join(scratch, 'list.yaml')
  await writeFile(list, '- { id: one, type: echo, payload: 1 }\n')
  const daemon = await start({ taskLists: [list] })
  await daemon.said('ready')
  daemon.child.kill('SIGHUP')
  await daemon.said('reloaded')
  await end(daemon)
  for (const event of [
    'task-list-read',
    'listening',
    'http-listening',
    'mode-available',
    'signal',
    'stopped',
  ]) {
    assert.ok(daemon.lines.some(line => line.event === event))
  }
  const without = daemon.lines.filter(line => typeof line['incarnation'] !== 'number')
  assert.deepEqual(
    without.map(({ event }) => event),
    ['called', 'returned'],
  )
})

test(
  'a directory that is deleted or replaced while it runs ends it like a failed disk',
  timeout,
  async () => {
    const daemon = await start()
    await daemon.said('ready')
    await rename(dataDir(), join(scratch, 'elsewhere'))
    const { path, expected, got } = await daemon.said('data-dir-lost')
    assert.deepEqual([path, got], [dataDir(), 'nothing'])
    assert.match(String(expected), /device \d+, inode \d+/)
    assert.match(String((await daemon.said('fatal'))['detail']), /STORE_FAILED/)
    assert.deepEqual(await daemon.exited, [1, null])
  },
)

test('a key that is missing beside a store is said, and a first start says nothing', timeout, async () => {
  const first = await start()
  await first.said('ready')
  await end(first)
  assert.ok(!first.lines.some(({ event }) => event === 'identity-missing'))
  const key = join(dataDir(), 'identity.key')
  await rm(key)
  const second = await start()
  const warning = await second.said('identity-missing')
  assert.deepEqual([warning['level'], warning['path']], ['warn', key])
  await second.said('ready')
  await end(second)
  const was = first.lines.find(({ event }) => event === 'listening')?.['peerId']
  assert.notEqual((await second.said('listening'))['peerId'], was)
})

test('a key and a directory that lie open to others are said', timeout, async () => {
  const first = await start()
  await first.said('ready')
  await end(first)
  const isOpen = ({ event }: { event: string }) => event === 'secret-file-open'
  assert.deepEqual(first.lines.filter(isOpen), [])
  const key = join(dataDir(), 'identity.key')
  await chmod(key, 0o622)
  await chmod(dataDir(), 0o777)
  const second = await start()
  await second.said('ready')
  await end(second)
  assert.deepEqual(
    second.lines.filter(isOpen).map(({ level, path, mode }) => [level, path, mode]),
    [
      ['warn', dataDir(), '0777'],
      ['warn', key, '0622'],
    ],
  )
})

test('the id of an event of a directory that was emptied since is one of another life', timeout, async () => {
  const eventsOf = async (daemon: Daemon, more = ''): Promise<string> =>
    (await fetch(`${await daemon.url()}/v1/events?follow=false${more}`)).text()
  const first = await start()
  await first.said('ready')
  const [id = ''] = /(?<=^id: )1\.[0-9a-f]{6}-1$/m.exec(await eventsOf(first)) ?? []
  assert.match(id, /-1$/)
  await end(first)
  await rm(dataDir(), { recursive: true })
  const second = await start()
  await second.said('ready')
  const events = await eventsOf(second, `&after=${id}`)
  assert.match(events, new RegExp(`event: gap\\ndata: {"after":"${id}","reason":"other-boot"`))
  assert.match(events, /^id: 1\.[0-9a-f]{6}-1$/m)
  await end(second)
})

test(
  'a secret file that others can read is said once, with its mode, and a closed one is not',
  timeout,
  async () => {
    const [open, closed] = [join(scratch, 'open'), join(scratch, 'closed')]
    await writeFile(open, 'ab'.repeat(32))
    await chmod(open, 0o640)
    await writeFile(closed, 'a-token-that-is-long-enough', { mode: 0o600 })
    const daemon = await start({
      transport: { clusterKeyFile: open },
      http: { host: '127.0.0.1', port: 0, writeTokenFile: closed },
    })
    await daemon.said('ready')
    await end(daemon)
    const warnings = daemon.lines.filter(({ event }) => event === 'secret-file-open')
    assert.deepEqual(
      warnings.map(({ level, path, mode }) => [level, path, mode]),
      [['info', open, '0640']],
    )
  },
)
