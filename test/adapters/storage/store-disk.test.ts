/** Disks that are full, and disks that fail. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { markPath } from '../../../src/adapters/storage/mark.ts'
import { openStore } from '../../../src/adapters/storage/store.ts'
import { untilEnded } from './ended.ts'
import type { Started } from './replaced.ts'
import { contents, fresh, type Row, root, row, script } from './store-subject.ts'

const isRoot = process.getuid?.() === 0
const canMount = isRoot && spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'none', root]).status === 0
const canTrace = isRoot && spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0

test('a file that may not grow any more takes nothing new until rows are deleted, and keeps what was acknowledged', async () => {
  const path = fresh()
  const store = await openStore(path, { fileBytesMax: 512 * 1024, reserveBytes: 128 * 1024 })
  const conditions: string[] = []
  const recovered = Promise.withResolvers<void>()
  store.watch((condition, detail) => {
    conditions.push(condition)
    assert.ok(detail.length > 0)
    if (condition === 'ok') recovered.resolve()
  })
  let rows = 0
  for (; conditions.length === 0; rows++)
    await store.commit([{ table: 'tasks', ...row(rows), value: row(rows).value as string }])
  assert.equal(store.metrics().find(metric => metric.name === 'store_full')?.samples[0]?.value, 1)
  await store.commit(
    Array.from({ length: rows - 10 }, (_, i) => ({ table: 'tasks', key: row(i).key, value: undefined })),
  )
  await recovered.promise
  assert.deepEqual(conditions, ['full', 'ok'])
  await store.close()
  assert.equal((await contents(path)).length, 10)
})

test('a failed fsync fails the store for good, though a later one would succeed', {
  skip: canTrace ? false : 'needs strace and leave to trace',
}, async () => {
  const path = fresh()
  const child = spawn(process.execPath, [script, 'sync-fails', path], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const said = async (): Promise<unknown> => JSON.parse(String((await lines.next()).value))
  assert.deepEqual(await said(), { acknowledged: 'before' })
  const inject = [
    '-f',
    '-p',
    String(child.pid),
    '-e',
    'inject=fsync,fdatasync:error=EIO:when=1',
    '-o',
    '/dev/null',
  ]
  const tracer = spawn('strace', inject, { stdio: ['ignore', 'ignore', 'pipe'] })
  await once(tracer.stderr, 'data') // attached
  child.stdin.write('go on\n')
  assert.deepEqual(await said(), { codes: ['STORE_FAILED', 'STORE_FAILED'] })
  tracer.kill('SIGINT')
  await once(child, 'close')
  assert.deepEqual(
    ((await contents(path)) as readonly Row[]).map(({ key }) => key).filter(key => key !== 'during'),
    ['before'],
  )
})

test('a process whose disk does not answer ends all the same, closed or not', {
  skip: canTrace ? false : 'needs strace and leave to trace',
}, async () => {
  const path = fresh()
  const child = spawn(process.execPath, [script, 'sync-hangs', path], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const said = async (): Promise<unknown> => JSON.parse(String((await lines.next()).value))
  assert.deepEqual(await said(), { acknowledged: 'before' })
  const hang = [
    '-e',
    'trace=fsync,fdatasync',
    '-e',
    'inject=fsync,fdatasync:delay_enter=60s',
    '-o',
    '/dev/null',
  ]
  const tracer = spawn('strace', ['-f', '-p', String(child.pid), ...hang], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  await once(tracer.stderr, 'data') // attached
  child.stdin.write('go on\n')
  assert.deepEqual(await said(), { stuck: true, code: 'STORE_FAILED' })
  const closed = once(child, 'close')
  await untilEnded(child).finally(() => tracer.kill('SIGKILL'))
  assert.deepEqual(await closed, [null, 'SIGKILL'])
  assert.deepEqual(
    ((await contents(path)) as readonly Row[]).map(({ key }) => key).filter(key => key !== 'during'),
    ['before'],
  )
})

test('so it does while its store is being opened', async () => {
  const path = fresh()
  await (await openStore(path)).close()
  rmSync(markPath(path))
  spawnSync('mkfifo', [markPath(path)]) // whoever reads it waits for a writer who never comes
  const child = spawn(process.execPath, [script, 'open-hangs', path], {
    stdio: ['pipe', 'ignore', 'inherit'],
  })
  while (!existsSync(`${path}-shm`)) await pause(10) // it has looked into the file, and reads the mark next
  const closed = once(child, 'close')
  child.stdin.write('end\n')
  await untilEnded(child).finally(() => child.kill('SIGKILL'))
  assert.deepEqual(await closed, [null, 'SIGKILL'])
})

test('a store on a full disk closes within the time that it is given', async () => {
  const path = fresh()
  const store = await openStore(path, { fileBytesMax: 512 * 1024, reserveBytes: 128 * 1024 })
  const held = () => store.metrics().find(metric => metric.name === 'store_held_total')?.samples[0]?.value
  const value = 'x'.repeat(600 * 1024)
  const refused = store.commit([{ table: 'tasks', key: 'large', value }]).catch(error => error.code)
  while (held() === 0) await pause(10)
  const started = performance.now()
  await store.close(200)
  assert.ok(performance.now() - started < 2_000, `${performance.now() - started} ms`)
  assert.equal(await refused, 'STORE_FAILED')
  assert.equal(store.stuck, false)
  assert.deepEqual(await contents(path), [])
})

test('a log that cannot be copied into the database grows, and that is said and counted; commits go on', {
  skip: canTrace ? false : 'needs strace and leave to trace',
}, async () => {
  const path = fresh()
  const child = spawn(process.execPath, [script, 'copy-fails', path], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  await lines.next()
  const fault = ['-P', path, '-e', 'inject=pwrite64:error=EIO', '-o', '/dev/null']
  const tracer = spawn('strace', ['-f', '-p', String(child.pid), ...fault], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  await once(tracer.stderr, 'data') // attached
  child.stdin.write('go on\n')
  const said = JSON.parse(String((await lines.next()).value))
  await once(child, 'close')
  assert.equal(said.lines.length, 1, JSON.stringify(said.lines))
  const [{ logBytes, ...line }] = said.lines
  assert.deepEqual(line, {
    ...{ level: 'warn', event: 'store-checkpoint-failed', path },
    ...{ detail: 'ERR_SQLITE_ERROR: disk I/O error', failures: 1 },
  })
  assert.ok(logBytes > 16 * 1024 * 1024, String(logBytes))
  assert.ok(said.failed >= 2, String(said.failed))
  assert.equal((await contents(path)).length, 32)
})

const underTmpfs = (megabytes: number, action: string, name: string): unknown => {
  const path = join(root, name)
  mkdirSync(path)
  const mount = `mount -t tmpfs -o size=${megabytes}m none "$1" && shift && exec "$@"`
  const args = ['-m', 'sh', '-c', mount, 'sh', path, process.execPath, script, action, join(path, 'd')]
  const { stdout, stderr } = spawnSync('unshare', args, { encoding: 'utf8' })
  assert.notEqual(stdout, '', stderr)
  return JSON.parse(stdout)
}

const needsMount = { skip: canMount ? false : 'needs root and mount namespaces' }

test(
  'on a full disk what was accepted goes on in the reserve, then waits, and nothing is lost',
  needsMount,
  () => {
    const said = underTmpfs(64, 'fill', 'tiny') as Record<
      'usual' | 'inReserve' | 'beforeRoom' | 'nextBoot',
      number
    > &
      Record<'acknowledged' | 'found' | 'conditions', string[]>
    assert.ok(said.usual > 20, JSON.stringify(said.usual))
    assert.equal(said.inReserve, 20)
    assert.ok(said.acknowledged.length > said.beforeRoom, 'what waited for room was written when it came')
    assert.deepEqual(said.conditions, ['full', 'ok'])
    assert.deepEqual(said.found, said.acknowledged)
    assert.equal(said.nextBoot, 2)
  },
)

test('a node starts on a full disk, in the reserve, and says that it is full', needsMount, () => {
  const said = underTmpfs(4, 'start-full', 'start') as Record<'code' | 'boot', string | number> & {
    rows: Row[]
    conditions: string[]
  }
  assert.equal(said.code, 'ENOSPC')
  assert.equal(said.boot, 2)
  assert.deepEqual(said.rows, [{ key: 'before', value: 1 }])
  assert.deepEqual(said.conditions, ['full'])
})

type Replaced = { full: Started; files: readonly string[]; untouched: boolean; roomy: Started }

test(
  'where a damaged store finds no room to be replaced, the start is refused and says so; with room it has all',
  needsMount,
  () => {
    const { full, files, untouched, roomy } = underTmpfs(24, 'replace-full', 'replace') as Replaced
    assert.equal(full.code, 'DATA_DIR_UNUSABLE', JSON.stringify(full))
    for (const part of [
      'is damaged',
      'is full',
      '(14 MiB at the most)',
      'lies there as it was',
      'The next start begins the copy again: make room first.',
    ])
      assert.ok(String(full.detail).includes(part), full.detail)
    assert.deepEqual(
      full.said.map(({ event }) => event),
      ['store-damaged'],
    )
    assert.ok(untouched)
    assert.deepEqual(
      files.filter(name => /salvag|damaged|reserve/.test(name)),
      [],
      'nothing is left of the copy, and the reserve was used',
    )
    assert.equal(roomy.boot, 3)
    assert.deepEqual([roomy.keys?.length, roomy.told, roomy.lost], [60, 60, true])
  },
)

test('a damaged store is replaced in the room of its reserve', needsMount, () => {
  const { full, roomy } = underTmpfs(24, 'replace-in-reserve', 'replace-reserve') as Replaced
  assert.deepEqual([full.boot, full.keys?.length, full.told], [2, 5, 5], JSON.stringify(full))
  assert.equal(full.said.at(-1)?.event, 'store-salvaged')
  assert.equal(roomy.keys?.length, 5)
})
