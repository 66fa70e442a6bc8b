import assert from 'node:assert/strict'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, test } from 'node:test'
import type { EncodedWrite } from '../../../src/adapters/storage/protocol.ts'
import { salvage } from '../../../src/adapters/storage/salvage.ts'
import { openStore } from '../../../src/adapters/storage/store.ts'

const ROWS = 3_000
const root = mkdtempSync(join(tmpdir(), 'roundtable-salvage-'))
after(() => rmSync(root, { recursive: true }))
const whole = join(root, 'store.sqlite')
const keyOf = (i: number): string => `k${String(i).padStart(6, '0')}`
const storedOf = (i: number) => ({ i, text: 'y'.repeat(300) })

before(async () => {
  const store = await openStore(whole, { reserveBytes: 0 })
  await store.commit(
    Array.from({ length: ROWS }, (_, i) => ({ table: 'tasks', key: keyOf(i), value: storedOf(i) })),
  )
  await store.close()
})

let copies = 0
function harmed(harm: (path: string) => void): {
  rows: EncodedWrite[]
  left: number
  stopped: string | undefined
} {
  const path = join(root, `harmed-${++copies}`)
  copyFileSync(whole, path)
  harm(path)
  const rows: EncodedWrite[] = []
  const said = salvage(path, 'tasks', writes => rows.push(...writes))
  assert.equal(said.rows, rows.length)
  for (const [table, key, value] of rows) {
    const i = Number(key.slice(1))
    assert.deepEqual(
      [table, JSON.parse(String(value))],
      ['tasks', storedOf(i)],
      'nothing is read but what was written',
    )
  }
  assert.equal(new Set(rows.map(([, key]) => key)).size, rows.length)
  return { rows, left: said.left, stopped: said.stopped }
}

const overwrite = (at: number, bytes: Buffer) => (path: string) => {
  const found = readFileSync(path)
  bytes.copy(found, at)
  writeFileSync(path, found)
}

test('of a sound store everything is read', () => {
  const { rows, left, stopped } = harmed(() => {})
  assert.deepEqual([rows.length, left, stopped], [ROWS, 0, undefined])
})

test('a flipped byte costs the row that it is in', () => {
  const at = readFileSync(whole).indexOf('{"i":77,')
  const { rows, left } = harmed(overwrite(at + 5, Buffer.from('8')))
  assert.deepEqual([rows.length, left], [ROWS - 1, 1])
  assert.ok(!rows.some(([, key]) => key === keyOf(77)))
})

test('a flipped bit that makes a blob of a text costs the row that it is in', () => {
  const bytes = readFileSync(whole)
  const at = bytes.indexOf(`${keyOf(77)}{"i":77,`) - 2 // the type of the value; behind it is that of the checksum
  const { rows, left } = harmed(overwrite(at, Buffer.from([(bytes[at] ?? 0) ^ 1])))
  assert.deepEqual([rows.length, left], [ROWS - 1, 1])
})

test('a checksum that damage made larger than a number can be costs the row that it is in', () => {
  const { rows, left, stopped } = harmed(path => {
    const database = new DatabaseSync(path)
    database.exec(`UPDATE tasks SET sum = ${2n ** 62n} WHERE key = '${keyOf(77)}'`)
    database.close()
  })
  assert.deepEqual([rows.length, left, stopped], [ROWS - 1, 1, undefined])
})

test('a page of noise costs the rows of that page, and what is behind it is read', () => {
  const at = readFileSync(whole).indexOf('{"i":1500,')
  const page = at - (at % 4096)
  const { rows, left } = harmed(overwrite(page, Buffer.alloc(4096, 0xa5)))
  assert.ok(left > 0)
  assert.ok(rows.length >= ROWS - 200 && rows.length < ROWS, String(rows.length))
  assert.ok(rows.some(([, key]) => key === keyOf(ROWS - 1)))
})

test('of a file cut in the middle the first half is read', () => {
  const { rows } = harmed(path => truncateSync(path, Math.floor(readFileSync(path).length / 2)))
  assert.ok(rows.length > ROWS / 5 && rows.length < ROWS, String(rows.length))
})

test('of what is no store nothing is read, and that is said', () => {
  const { rows, stopped } = harmed(path => writeFileSync(path, 'noise'.repeat(5_000)))
  assert.equal(rows.length, 0)
  assert.match(String(stopped), /not a database/)
})
