/** A disk that fails to read for once is no damaged store: no start makes a new one for that. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { openDataDirectory } from '../../../src/adapters/storage/data-directory.ts'
import { openStore } from '../../../src/adapters/storage/store.ts'
import { storeError } from '../../../src/adapters/storage/store-file.ts'
import { CodedError } from '../../../src/base/errors.ts'
import { openKept } from '../../../src/daemon/found.ts'
import { bootIn } from './boot.ts'
import type { Started } from './replaced.ts'
import { put, root, script } from './store-subject.ts'

const canTrace = process.getuid?.() === 0 && spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0

const ROWS = 100
const lived = join(root, 'lived')
const storeIn = (directory: string): string => join(directory, 'store.sqlite')

before(async () => {
  const directory = await bootIn(lived)
  const store = await openStore(storeIn(lived), { reserveBytes: 0, boot: 1 })
  await put(store, ROWS)
  await store.close()
  await directory.close()
})

let copies = 0
function sound(): string {
  const copy = join(root, `copy-${++copies}`)
  cpSync(lived, copy, { recursive: true })
  return copy
}

test('of what SQLite says only the words for damage mean damage', () => {
  const codeOf = (errcode: number): string =>
    storeError(Object.assign(new Error('no'), { errcode }), 'store').code
  for (const errcode of [1, 11, 18, 26, 267, 522])
    assert.equal(codeOf(errcode), 'STORE_CORRUPT', `${errcode}`)
  for (const errcode of [3, 7, 10, 13, 14, 266])
    assert.equal(codeOf(errcode), 'DATA_DIR_UNUSABLE', `${errcode}`)
  for (const errcode of [5, 6, 261]) assert.equal(codeOf(errcode), 'DATA_DIR_LOCKED', `${errcode}`)
})

test('a store that could not be read once is refused as unusable, wherever it was, and nothing is made of it', {
  skip: canTrace ? false : 'needs strace and leave to trace',
}, async () => {
  let refusals = 0
  for (let n = 2, whole = false; !whole; n += 5) {
    const path = sound()
    const fault = ['-P', storeIn(path), '-e', `inject=pread64:error=ETIMEDOUT:when=${n}`, '-o', '/dev/null']
    const { stdout } = spawnSync('strace', ['-f', ...fault, process.execPath, script, 'replace', path])
    const started: Started = JSON.parse(String(stdout))
    assert.deepEqual(started.said, [], `read ${n}`)
    whole = started.code === undefined
    if (whole) assert.equal(new Set(started.keys).size, ROWS, `read ${n}`)
    else {
      refusals++
      assert.equal(started.code, 'DATA_DIR_UNUSABLE', `read ${n}: ${started.detail}`)
    }
  }
  assert.ok(refusals > 1, String(refusals))
})

test('a store is damaged when it says so twice; once may be the disk', async () => {
  const directory = await openDataDirectory(sound())
  const damage = new CodedError('STORE_CORRUPT', 'a page could not be read')
  let times = 0
  const fails = (n: number) => async (path: string) => {
    if (times++ >= n) return openStore(path, { reserveBytes: 0 })
    throw damage
  }
  const once = await openKept(directory, 'boot.json', fails(1))
  assert.deepEqual([once.damage, once.rows.tasks.length, times], [undefined, ROWS, 2])
  await once.store?.close()
  times = 0
  const twice = await openKept(directory, 'boot.json', fails(2))
  assert.deepEqual([twice.damage, twice.store, times], [damage, undefined, 2])
  await directory.close()
})
