import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { openStore, type SqliteStore } from '../../../src/adapters/storage/store.ts'
import { contents, filled, fresh, put, refusal, root, row, script } from './store-subject.ts'

test('a creation that was interrupted is begun anew', async () => {
  const path = fresh()
  writeFileSync(`${path}.new`, 'half a data')
  assert.deepEqual(await contents(path), [])
  assert.deepEqual(readdirSync(join(path, '..')), ['store.sqlite', 'store.sqlite-mark'])
})

test('a store of a newer version is refused and left as it is', async () => {
  const path = await filled(1)
  const database = new DatabaseSync(path)
  database.exec('UPDATE format SET version = 99')
  database.close()
  const before = readFileSync(path)
  await assert.rejects(openStore(path), refusal('STORE_TOO_NEW', path, 'found 99'))
  assert.ok(readFileSync(path).equals(before))
})

test('a store that another connection holds is refused as locked', async () => {
  const path = await filled(1)
  const store = await openStore(path)
  await assert.rejects(openStore(path), refusal('DATA_DIR_LOCKED', path))
  const shell = spawnSync(process.execPath, [
    '-e',
    `new (require('node:sqlite').DatabaseSync)(${JSON.stringify(path)}).exec('UPDATE tasks SET value = 1')`,
  ])
  assert.match(String(shell.stderr), /database is locked/)
  await put(store, 5)
  await store.close()
})

test('a store in a directory that cannot be is refused as unusable', async () => {
  const path = await filled(1)
  await assert.rejects(openStore(join(path, 'store.sqlite')), refusal('DATA_DIR_UNUSABLE', path, 'EEXIST'))
  mkdirSync(`${path}-directory`)
  await assert.rejects(openStore(`${path}-directory`), refusal('DATA_DIR_UNUSABLE', `${path}-directory`))
})

test('a disk keeps its id and the boot it was made in; a new store has another', async () => {
  const path = fresh()
  const births: unknown[] = []
  for (const boot of [4, 5]) {
    const store = await openStore(path, { boot })
    births.push(store.birth)
    await store.close()
  }
  const other = await openStore(fresh(), { boot: 6 })
  assert.deepEqual(births[0], births[1])
  assert.equal((births[0] as { bornBoot: number }).bornBoot, 4)
  assert.match(other.birth.diskId, /^[0-9a-f-]{36}$/)
  assert.notEqual(other.birth.diskId, (births[0] as { diskId: string }).diskId)
  await other.close()
})

test('a store of format 2 opens, with all its rows, and can be opened again', async () => {
  const path = fresh()
  const database = new DatabaseSync(path)
  database.exec(`PRAGMA journal_mode = WAL;
    CREATE TABLE format (version INTEGER NOT NULL) STRICT;
    INSERT INTO format VALUES (2);
    CREATE TABLE tasks (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL, sum INTEGER NOT NULL) STRICT;
    CREATE TABLE grants (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL, sum INTEGER NOT NULL) STRICT`)
  const insert = database.prepare('INSERT INTO tasks VALUES (?, ?, ?)')
  for (const [key, value] of [
    ['a', '{"n":1}'],
    ['b', '"two"'],
  ] as const) {
    insert.run(key, value, crc32(value, crc32(key)))
  }
  database.close()
  for (let i = 0; i < 2; i++) {
    const store = await openStore(path, { boot: 7 })
    assert.deepEqual(await store.load('tasks'), [
      { key: 'a', value: { n: 1 } },
      { key: 'b', value: 'two' },
    ])
    assert.equal(store.birth.bornBoot, 7)
    await store.close()
  }
})

test('kill -9 in the middle of commits loses nothing that was acknowledged', async () => {
  const path = fresh()
  let before = 0
  for (let round = 0; round < 4; round++) {
    const acknowledged = await acknowledgedBeforeKill(path, 150 + 400 * round)
    const found = await contents(path)
    assert.ok(typeof found !== 'string', String(found))
    const keys = found.map(row => row.key)
    assert.ok(acknowledged.length >= 150)
    for (const key of acknowledged) assert.ok(keys.includes(key), `${key} was acknowledged`)
    assert.deepEqual(
      keys,
      keys.map((_, i) => String(i).padStart(9, '0')),
      'no commit is there without all before it',
    )
    assert.ok(keys.length > before)
    before = keys.length
  }
})

test('the event loop is free while a hundred thousand rows are written and read', async t => {
  const path = fresh()
  const store = await openStore(path)
  t.after(() => store.close())
  const rows = Array.from({ length: 100_000 }, (_, i) => ({
    ...{ table: 'tasks' as const, key: row(i).key },
    value: { i, text: 'y'.repeat(300) },
  }))
  const busiest = busiestTurn()
  for (let i = 0; i < rows.length; i += 1000) await store.commit(rows.slice(i, i + 1000))
  const loaded = await store.load('tasks')
  const worstMs = busiest()
  assert.equal(loaded.length, rows.length)
  await store.close()
  const busiestHere = busiestTurn()
  await setImmediate()
  readHere(path)
  await setImmediate()
  const hereMs = busiestHere()
  assert.ok(worstMs < hereMs / 3, `a turn took ${worstMs} ms of CPU, and ${hereMs} when all is read in one`)
})

test('the built JavaScript starts its worker too', async () => {
  const out = join(root, 'built')
  const repository = join(import.meta.dirname, '../../..')
  mkdirSync(out)
  writeFileSync(join(out, 'package.json'), '{"type":"module"}')
  const config = {
    extends: join(repository, 'tsconfig.json'),
    compilerOptions: {
      noEmit: false,
      noCheck: true,
      types: [],
      rootDir: join(repository, 'src'),
      outDir: out,
    },
    include: [],
    files: ['store.ts', 'store-worker.ts'].map(name => join(repository, 'src/adapters/storage', name)),
  }
  writeFileSync(join(out, 'tsconfig.json'), JSON.stringify(config))
  execFileSync(process.execPath, [join(repository, 'node_modules/typescript/bin/tsc'), '-p', out])
  const built = (await import(join(out, 'adapters/storage/store.js'))) as { openStore: typeof openStore }
  const path = fresh()
  const store = await built.openStore(path)
  await put(store as SqliteStore, 3)
  await store.close()
  assert.equal((await contents(path)).length, 3)
})

/** Milliseconds of CPU in this thread's longest turn until the answer is asked for: other processes' load is not in it. */
function busiestTurn(): () => number {
  let worst = 0
  let last = process.threadCpuUsage()
  const look = (): void => {
    const now = process.threadCpuUsage()
    worst = Math.max(worst, now.user - last.user + now.system - last.system)
    last = now
    next = globalThis.setImmediate(look)
  }
  let next = globalThis.setImmediate(look)
  return () => {
    clearImmediate(next)
    return worst / 1000
  }
}

/** What the event loop is spared: all rows of a store, in one turn. */
function readHere(path: string): unknown[] {
  using database = new DatabaseSync(path)
  return database
    .prepare('SELECT key, value, sum FROM tasks')
    .all()
    .map(({ key, value, sum }) => {
      assert.equal(crc32(String(value), crc32(String(key))), sum)
      return { key, value: JSON.parse(String(value)) as unknown }
    })
}

async function acknowledgedBeforeKill(path: string, enough: number): Promise<string[]> {
  const child = spawn(process.execPath, [script, 'commit', path], { stdio: ['ignore', 'pipe', 'inherit'] })
  const closed = once(child, 'close')
  const acknowledged: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    acknowledged.push(JSON.parse(line) as string)
    if (acknowledged.length === enough) child.kill('SIGKILL')
  }
  const [, signal] = (await closed) as [number | null, string | null]
  assert.equal(signal, 'SIGKILL')
  return acknowledged
}
