/** Logs that are not copied into their database. */
import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { Checkpoints } from '../../../src/adapters/storage/checkpoints.ts'
import { LogWatch } from '../../../src/adapters/storage/log-watch.ts'
import { fresh } from './store-subject.ts'

const MIB = 1024 * 1024

function watched() {
  const path = fresh()
  const database = new DatabaseSync(path)
  database.exec(
    'PRAGMA journal_mode = WAL; PRAGMA journal_size_limit = 1048576; CREATE TABLE rows (text TEXT)',
  )
  const failures: { detail: string; logBytes: number }[] = []
  const failed = (detail: string, logBytes: number) => void failures.push({ detail, logBytes })
  const watch = new LogWatch({ database, path, bytesMax: MIB, failed })
  const insert = database.prepare('INSERT INTO rows VALUES (?)')
  const write = (mebibytes: number): void => {
    for (let i = 0; i < mebibytes; i++) {
      insert.run('x'.repeat(MIB))
      watch.wrote()
    }
  }
  return { path, database, failures, watch, write }
}

test('a log that is copied is nothing to speak of, however much is written, at once or in parts', () => {
  const { database, failures, watch, write } = watched()
  write(20)
  database.exec('BEGIN')
  const insert = database.prepare('INSERT INTO rows VALUES (?)')
  for (let i = 0; i < 20; i++) insert.run('x'.repeat(MIB))
  database.exec('COMMIT')
  watch.wrote()
  assert.ok(watch.bytes > 20 * MIB, 'the log of one giant transaction')
  write(5)
  assert.ok(watch.bytes < 10 * MIB, 'it was cut')
  assert.deepEqual(failures, [])
})

test('a log that is not copied whole is said, again each time that it has grown, and no more once it is', () => {
  const { path, failures, write } = watched()
  write(1)
  const reader = new DatabaseSync(path, { readOnly: true })
  reader.exec('BEGIN')
  reader.prepare('SELECT count(*) FROM rows').get()
  write(14)
  assert.ok(failures.length >= 2 && failures.length <= 4, String(failures.length))
  for (const { detail, logBytes } of failures) {
    assert.match(detail, /^\d+ of its \d{4} pages were copied$/)
    assert.ok(logBytes >= 5 * MIB)
  }
  reader.exec('COMMIT')
  reader.close()
  const before = failures.length
  write(20)
  assert.equal(failures.length, before)
})

test('what the database says to a copy is the reason', () => {
  const { database, failures, watch } = watched()
  database.exec('PRAGMA wal_autocheckpoint = 0')
  const insert = database.prepare('INSERT INTO rows VALUES (?)')
  for (let i = 0; i < 8; i++) insert.run('x'.repeat(MIB))
  database.exec('BEGIN')
  insert.run('in a transaction nothing is copied')
  watch.wrote()
  assert.equal(failures.length, 1)
  assert.match(failures[0]?.detail ?? '', /locked/)
})

test('failures are said once a minute, and counted; those before there was a log are said when there is one', () => {
  let now = 5
  const checkpoints = new Checkpoints('/d/store.sqlite', () => now)
  const lines: unknown[] = []
  checkpoints.fails('first', 1)
  checkpoints.fails('second', 2)
  checkpoints.logTo({ log: (level, event, fields) => lines.push([level, event, fields]) })
  const said = (detail: string, logBytes: number, failures: number) => [
    'warn',
    'store-checkpoint-failed',
    { path: '/d/store.sqlite', detail, logBytes, failures },
  ]
  assert.deepEqual(lines, [said('second', 2, 2)])
  now += 59_999
  checkpoints.fails('third', 3)
  assert.equal(lines.length, 1)
  now += 1
  checkpoints.fails('fourth', 4)
  assert.deepEqual(lines.slice(1), [said('fourth', 4, 4)])
  assert.equal(checkpoints.failed, 4)
})
