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
import { CodedError } from '../../../src/base/errors.ts'

const PATH = '/somewhere/store.sqlite'

function created(): DatabaseSync {
  const database = new DatabaseSync(':memory:')
  createTables(database)
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
  migrate(database, PATH)
  assert.equal(readFormat(database, PATH), FORMAT)
})

test('an older file goes through every step in order, rows and all', () => {
  const database = created()
  database.exec("INSERT INTO tasks VALUES ('a', '1', 0)")
  const steps: Migrations = new Map([
    [FORMAT + 1, step('ALTER TABLE tasks RENAME COLUMN second TO third')],
    [FORMAT, step('ALTER TABLE tasks RENAME COLUMN value TO second')],
  ])
  migrate(database, PATH, steps, FORMAT + 2)
  assert.equal(readFormat(database, PATH, FORMAT + 2), FORMAT + 2)
  assert.deepEqual({ ...database.prepare('SELECT third FROM tasks').get() }, { third: '1' })
})

test('a step that fails leaves the file as it was', () => {
  const database = created()
  const steps: Migrations = new Map([
    [FORMAT, step('CREATE TABLE extra (a)')],
    [FORMAT + 1, step('SELECT * FROM nowhere')],
  ])
  assert.throws(() => migrate(database, PATH, steps, FORMAT + 2), /nowhere/)
  assert.equal(readFormat(database, PATH), FORMAT)
  const extra = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'extra'").get()
  assert.equal(extra, undefined)
})

test('a file for which there is no step is refused', () => {
  assert.throws(
    () => migrate(created(), PATH, new Map(), FORMAT + 1),
    refusal('STORE_CORRUPT', `found ${FORMAT}`),
  )
})

test('a file from the future is refused with both versions', () => {
  const database = created()
  database.exec(`UPDATE format SET version = ${FORMAT + 1}`)
  assert.throws(
    () => migrate(database, PATH),
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
