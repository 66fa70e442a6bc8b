import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import {
  createTables,
  FORMAT,
  type Migrations,
  migrate,
  readFormat,
} from '../../../src/adapters/storage/format.ts'
import { readMeta } from '../../../src/adapters/storage/meta.ts'
import { storeError } from '../../../src/adapters/storage/store-file.ts'
import { troubleOf } from '../../../src/adapters/storage/trouble.ts'
import { CodedError } from '../../../src/base/errors.ts'

const BIRTH = { diskId: 'one', bornBoot: 3 }
const PATH = '/somewhere/store.sqlite'

function created(): DatabaseSync {
  const database = new DatabaseSync(':memory:')
  createTables(database, BIRTH)
  return database
}

const refusal = (code: CodedError['code'], text: string) => (error: unknown) =>
  error instanceof CodedError &&
  error.code === code &&
  error.message.includes(PATH) &&
  error.message.includes(text)

const step = (sql: string) => (database: DatabaseSync) => database.exec(sql)

test('a new file has the newest format and needs no migration', () => {
  const database = created()
  migrate(database, PATH, BIRTH)
  assert.equal(readFormat(database, PATH), FORMAT)
})

/** As version 2 wrote it, which is what the first release left on disks. Never to be changed. */
const FORMAT_2 = `CREATE TABLE format (version INTEGER NOT NULL) STRICT;
  INSERT INTO format VALUES (2);
  CREATE TABLE tasks (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL, sum INTEGER NOT NULL) STRICT;
  CREATE TABLE grants (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL, sum INTEGER NOT NULL) STRICT;
  INSERT INTO tasks VALUES ('a', '1', 3003444643), ('b', '{"n":2}', 1);
  INSERT INTO grants VALUES ('top', '7', 2)`

test('a file of format 2 keeps its rows and learns which disk it is on and how much there is', () => {
  const database = new DatabaseSync(':memory:')
  database.exec(FORMAT_2)
  migrate(database, PATH, BIRTH)
  assert.equal(readFormat(database, PATH), 3)
  assert.deepEqual(readMeta(database, PATH), {
    birth: BIRTH,
    extent: { transactions: 0, rows: { tasks: 2, grants: 1 } },
  })
  const rows = database.prepare('SELECT key, value, sum FROM tasks ORDER BY key').all()
  assert.deepEqual(
    rows.map(row => ({ ...row })),
    [
      { key: 'a', value: '1', sum: 3003444643 },
      { key: 'b', value: '{"n":2}', sum: 1 },
    ],
  )
  migrate(database, PATH, { diskId: 'two', bornBoot: 9 })
  assert.deepEqual(readMeta(database, PATH).birth, BIRTH, 'a disk keeps its id')
})

test('a store that has lost or changed what it knows of itself is damaged', () => {
  const broken = [
    "DELETE FROM meta WHERE key = 'birth'",
    "DELETE FROM meta WHERE key = 'extent'",
    "UPDATE meta SET value = replace(value, '3', '4') WHERE key = 'birth'",
    "UPDATE meta SET sum = sum + 1 WHERE key = 'extent'",
  ]
  for (const sql of broken) {
    const database = created()
    database.exec(sql)
    assert.throws(() => readMeta(database, PATH), refusal('STORE_CORRUPT', 'expected a row'), sql)
  }
})

test('an older file goes through every step in order, rows and all', () => {
  const database = created()
  database.exec("INSERT INTO tasks VALUES ('a', '1', 0)")
  const steps: Migrations = new Map([
    [FORMAT + 1, step('ALTER TABLE tasks RENAME COLUMN second TO third')],
    [FORMAT, step('ALTER TABLE tasks RENAME COLUMN value TO second')],
  ])
  migrate(database, PATH, BIRTH, steps, FORMAT + 2)
  assert.equal(readFormat(database, PATH, FORMAT + 2), FORMAT + 2)
  assert.deepEqual({ ...database.prepare('SELECT third FROM tasks').get() }, { third: '1' })
})

test('a step that fails leaves the file as it was', () => {
  const database = created()
  const steps: Migrations = new Map([
    [FORMAT, step('CREATE TABLE extra (a)')],
    [FORMAT + 1, step('SELECT * FROM nowhere')],
  ])
  assert.throws(() => migrate(database, PATH, BIRTH, steps, FORMAT + 2), /nowhere/)
  assert.equal(readFormat(database, PATH), FORMAT)
  const extra = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'extra'").get()
  assert.equal(extra, undefined)
})

test('a step that finds no room is no damage, though SQLite has ended the transaction itself, and is done when there is', () => {
  const database = created()
  const pages = Number(database.prepare('PRAGMA page_count').get()?.['page_count'])
  const steps: Migrations = new Map([
    [FORMAT, step("INSERT INTO tasks VALUES ('large', hex(zeroblob(100000)), 0)")],
  ])
  database.exec(`PRAGMA max_page_count = ${pages}`)
  assert.throws(
    () => migrate(database, PATH, BIRTH, steps, FORMAT + 1),
    error => storeError(error, PATH).code === 'DATA_DIR_UNUSABLE' && troubleOf(error, PATH) === 'full',
  )
  assert.equal(readFormat(database, PATH), FORMAT)
  database.exec('PRAGMA max_page_count = 1000000')
  migrate(database, PATH, BIRTH, steps, FORMAT + 1)
  assert.equal(readFormat(database, PATH, FORMAT + 1), FORMAT + 1)
})

test('a file for which there is no step is refused', () => {
  assert.throws(
    () => migrate(created(), PATH, BIRTH, new Map(), FORMAT + 1),
    refusal('STORE_CORRUPT', `found ${FORMAT}`),
  )
})

test('a file from the future is refused with both versions', () => {
  const database = created()
  database.exec(`UPDATE format SET version = ${FORMAT + 1}`)
  assert.throws(
    () => migrate(database, PATH, BIRTH),
    refusal('STORE_TOO_NEW', `expected format ${FORMAT} or older, found ${FORMAT + 1}`),
  )
})

test('a file without exactly one sensible version is no store', () => {
  const broken = [
    'DROP TABLE format',
    'DELETE FROM format',
    'INSERT INTO format VALUES (1)',
    'UPDATE format SET version = 0',
    'UPDATE format SET version = -5',
  ]
  for (const sql of broken) {
    const database = created()
    database.exec(sql)
    assert.throws(
      () => readFormat(database, PATH),
      refusal('STORE_CORRUPT', 'expected one format version'),
      sql,
    )
  }
})
