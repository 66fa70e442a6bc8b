import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { mock, test } from 'node:test'
import type { Reserve } from '../../../src/adapters/storage/reserve.ts'
import { Room, rewriteHeader } from '../../../src/adapters/storage/room.ts'
import { fresh } from './store-subject.ts'

test('a disk that was read-only takes new work again once it can be written, though nobody comes to write', () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  const said: string[] = []
  let writable = false
  let tries = 0
  const room = new Room({
    database: new DatabaseSync(':memory:'),
    reserve: { grow: () => 'whole', release() {} } as unknown as Reserve,
    ...{ pagesMax: 1_000, pagesReserved: 0 },
    tryWrite() {
      tries++
      return writable
    },
    say: condition => said.push(condition),
    reserved() {},
    fail: error => assert.fail(String(error)),
  })
  room.begin()
  room.shortage('read-only', 'EROFS')
  for (let i = 0; i < 3; i++) mock.timers.tick(1_000)
  assert.deepEqual([said, tries], [['read-only'], 3])
  writable = true
  mock.timers.tick(1_000)
  assert.deepEqual(said, ['read-only', 'ok'])
  mock.timers.tick(10_000)
  assert.equal(tries, 4)
  room.stop()
  mock.timers.reset()
})

test('to try whether it can be written, a page is written, and nothing is changed', () => {
  const path = fresh()
  const database = new DatabaseSync(path)
  database.exec('PRAGMA journal_mode = WAL; PRAGMA user_version = 7')
  const before = statSync(`${path}-wal`).size
  rewriteHeader(database)
  assert.ok(statSync(`${path}-wal`).size > before)
  assert.equal(database.prepare('PRAGMA user_version').get()?.['user_version'], 7)
  database.exec('PRAGMA query_only = ON')
  assert.throws(() => rewriteHeader(database), /readonly/)
  database.close()
})
