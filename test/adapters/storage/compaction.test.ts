import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { Compaction, FREE_PAGES_KEPT } from '../../../src/adapters/storage/compaction.ts'
import { pageCounts } from '../../../src/adapters/storage/room.ts'

const ROWS = 8_000

/** A database of 32 MiB, of which so many rows were deleted. */
function emptied(rows: number, vacuum = 'INCREMENTAL'): DatabaseSync {
  const database = new DatabaseSync(':memory:')
  database.exec(`PRAGMA auto_vacuum = ${vacuum}; CREATE TABLE rows (i INTEGER PRIMARY KEY, text TEXT); BEGIN`)
  const insert = database.prepare('INSERT INTO rows VALUES (?, ?)')
  for (let i = 0; i < ROWS; i++) insert.run(i, 'x'.repeat(4_000))
  database.exec(`COMMIT; DELETE FROM rows WHERE i < ${rows}`)
  return database
}

/** Ends when the number of pages has stood still for a third of a second, six times the pause between two slices. */
async function compacted(database: DatabaseSync, busy = () => false): Promise<unknown[]> {
  const failures: unknown[] = []
  const compaction = new Compaction({ database, busy, failed: error => failures.push(error), lookMs: 1 })
  compaction.wrote()
  let before = Number.NaN
  for (let same = 0; same < 10; same = pageCounts(database).pages === before ? same + 1 : 0) {
    before = pageCounts(database).pages
    await new Promise(resolve => setTimeout(resolve, 30))
  }
  compaction.stop()
  return failures
}

test('empty pages are given back, down to what new rows will fill, and the rows stay', async () => {
  const database = emptied(ROWS - 100)
  const before = pageCounts(database)
  assert.ok(before.freePages > FREE_PAGES_KEPT)
  assert.deepEqual(await compacted(database), [])
  const after = pageCounts(database)
  assert.ok(
    after.freePages <= FREE_PAGES_KEPT && after.freePages > FREE_PAGES_KEPT - 256,
    String(after.freePages),
  )
  assert.ok(after.pages < before.pages)
  assert.equal(database.prepare('SELECT count(*) AS rows FROM rows').get()?.['rows'], 100)
})

test('a file with few empty pages is left alone', async () => {
  const database = emptied(1_000)
  const before = pageCounts(database)
  await compacted(database)
  assert.deepEqual(pageCounts(database), before)
})

test('nothing is given back while a transaction is under way', async () => {
  const database = emptied(ROWS)
  const before = pageCounts(database)
  await compacted(database, () => true)
  assert.deepEqual(pageCounts(database), before)
})

test('a file that cannot shrink is tried once and left alone', async () => {
  const database = emptied(ROWS, 'NONE')
  const before = pageCounts(database)
  assert.deepEqual(await compacted(database), [])
  assert.deepEqual(pageCounts(database), before)
})

test('what goes wrong is told, and ends it', async () => {
  const database = emptied(ROWS)
  const told = { exec: () => assert.fail('no room'), prepare: database.prepare.bind(database) }
  const failures = await compacted(told as unknown as DatabaseSync)
  assert.deepEqual(
    failures.map(error => (error as Error).message),
    ['no room'],
  )
})
