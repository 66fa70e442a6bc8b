/** Files that are not what was written: each is found, by name, and stays as it is. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import fc from 'fast-check'
import { openStore } from '../../../src/adapters/storage/store.ts'
import { contents, filled, fresh, logged, put, refusal } from './store-subject.ts'

test('random bytes, an empty file and a file of another program are damage, and stay as they are', async () => {
  const foreign = fresh()
  new DatabaseSync(foreign).exec('CREATE TABLE songs (title); INSERT INTO songs VALUES (1)')
  const noise = Buffer.from(Array.from({ length: 20_000 }, (_, i) => (i * 7919) % 251))
  for (const bytes of [noise, Buffer.alloc(0), Buffer.from('SQLite format 3\u0000'), readFileSync(foreign)]) {
    const path = fresh()
    writeFileSync(path, bytes)
    for (let i = 0; i < 2; i++) {
      await assert.rejects(openStore(path), refusal('STORE_CORRUPT', path, 'expected', 'found'))
    }
    assert.ok(readFileSync(path).equals(bytes))
  }
})

test('a file cut off anywhere is damage, and stays as it is', async () => {
  const whole = await filled(2000)
  const size = statSync(whole).size
  for (const length of [1, 99, 512, 4095, 4096, 8192, Math.floor(size / 2), size - 4096, size - 1]) {
    const path = fresh()
    copyFileSync(whole, path)
    truncateSync(path, length)
    const before = readFileSync(path)
    assert.equal(await contents(path), 'STORE_CORRUPT', `cut at ${length}`)
    assert.ok(readFileSync(path).equals(before), `cut at ${length}`)
  }
})

test('no flipped byte is ever read as something else that was stored', async () => {
  const whole = await filled(300)
  const expected = await contents(whole)
  assert.equal(expected.length, 300)
  const size = statSync(whole).size
  const seen = new Map<string, number>()
  const offset = fc.oneof(fc.integer({ min: 0, max: 99 }), fc.integer({ min: 0, max: size - 1 }))
  await fc.assert(
    fc.asyncProperty(offset, fc.integer({ min: 1, max: 255 }), async (at, mask) => {
      const path = fresh()
      const bytes = readFileSync(whole)
      bytes[at] = (bytes[at] ?? 0) ^ mask
      writeFileSync(path, bytes)
      const found = await contents(path)
      if (typeof found !== 'string') assert.deepEqual(found, expected)
      else assert.match(found, /^(STORE_CORRUPT|STORE_TOO_NEW)$/)
      const verdict = typeof found === 'string' ? found : 'harmless'
      seen.set(verdict, (seen.get(verdict) ?? 0) + 1)
    }),
    { numRuns: 60 },
  )
  assert.ok((seen.get('STORE_CORRUPT') ?? 0) > 0, JSON.stringify([...seen]))
})

test('a byte flipped inside a value is found when it is read, by table and key', async () => {
  const path = await filled(10)
  const bytes = readFileSync(path)
  const at = bytes.indexOf('{"i":7,')
  bytes[at + 5] = '8'.charCodeAt(0)
  writeFileSync(path, bytes)
  const store = await openStore(path)
  await assert.rejects(store.load('tasks'), refusal('STORE_CORRUPT', path, '"k000007" of tasks', 'checksum'))
  await store.close()
})

test('a damaged file with a log beside it keeps both, byte by byte', async () => {
  const path = fresh()
  const store = await openStore(path)
  await put(store, 500)
  const copy = fresh()
  execFileSync('sh', ['-c', 'cp "$0" "$1" && cp "$0-wal" "$1-wal"', path, copy])
  await store.close()
  const noise = Buffer.alloc(statSync(copy).size, 'noise')
  writeFileSync(copy, noise)
  const log = readFileSync(`${copy}-wal`)
  assert.equal(await contents(copy), 'STORE_CORRUPT')
  assert.ok(readFileSync(copy).equals(noise))
  assert.ok(readFileSync(`${copy}-wal`).equals(log))
})

test('a log without its database is damage and not a fresh start', async () => {
  const path = fresh()
  writeFileSync(`${path}-wal`, 'a log')
  await assert.rejects(openStore(path), refusal('STORE_CORRUPT', `${path}-wal`))
  assert.ok(!existsSync(path))
})

test('a store that is cut off in its log is damaged, wherever the cut is, and so is one with a byte of it flipped', async () => {
  const { copy, log } = await logged(300)
  const expected = await contents(copy())
  assert.equal(expected.length, 300)
  const cuts = [0, 31, 32, 5000, Math.floor(log.length / 2), log.length - 4097, log.length - 1]
  for (const length of cuts) {
    const path = copy()
    writeFileSync(`${path}-wal`, log.subarray(0, length))
    assert.equal(await contents(path), 'STORE_CORRUPT', `cut at ${length} of ${log.length}`)
    const again = copy()
    const bytes = Buffer.from(log)
    bytes[length] = (bytes[length] ?? 0) ^ 4
    writeFileSync(`${again}-wal`, bytes)
    const found = await contents(again)
    if (typeof found !== 'string') assert.deepEqual(found, expected, `a flip at ${length} that says nothing`)
    else assert.equal(found, 'STORE_CORRUPT', `flipped at ${length}`)
  }
  const gone = copy()
  rmSync(`${gone}-wal`)
  assert.equal(await contents(gone), 'STORE_CORRUPT', 'the log is gone')
})

test('an older copy of a store in the place of the one that was is damage; without the mark it is taken', async () => {
  const path = await filled(10)
  const older = readFileSync(path)
  const store = await openStore(path)
  await store.commit([{ table: 'tasks', key: 'newer', value: 1 }])
  await store.close()
  writeFileSync(path, older)
  await assert.rejects(
    openStore(path),
    refusal('STORE_CORRUPT', path, 'expected all transactions to number 2', 'older copy'),
  )
  rmSync(`${path}-mark`)
  assert.equal((await contents(path)).length, 10)
})

test('a mark that is damaged or of another store is none', async () => {
  const path = await filled(10)
  const other = readFileSync(`${await filled(1)}-mark`, 'utf8')
  for (const text of ['', 'noise', '{"diskId":"x","transactions":9} 5\n', other]) {
    writeFileSync(`${path}-mark`, text)
    assert.equal((await contents(path)).length, 10, JSON.stringify(text))
  }
})

test('a row that the file hides is missed', async () => {
  const path = await filled(10)
  const database = new DatabaseSync(path)
  database.exec("DELETE FROM tasks WHERE key = 'k000004'")
  database.close()
  const store = await openStore(path)
  await assert.rejects(
    store.load('tasks'),
    refusal('STORE_CORRUPT', path, 'expected 10 rows of tasks, found 9'),
  )
  await store.close()
})
