import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { mock, test } from 'node:test'
import { Reserve } from '../../../src/adapters/storage/reserve.ts'
import { Room, rewriteHeader } from '../../../src/adapters/storage/room.ts'
import { fresh } from './store-subject.ts'

const MIB = 1024 * 1024

const roomOf = (reserve: Reserve, said: string[]): Room =>
  new Room({
    ...{ database: new DatabaseSync(':memory:'), reserve, pagesMax: 1_000, pagesReserved: 0 },
    tryWrite: () => true,
    say: condition => said.push(condition),
    reserved() {},
    fail: error => assert.fail(String(error)),
  })

test('a disk that was read-only takes new work again once it can be written, though nobody comes to write', () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  const said: string[] = []
  let writable = false
  let tries = 0
  const room = new Room({
    database: new DatabaseSync(':memory:'),
    reserve: { kept: 0, grow: () => 'whole', release() {} } as unknown as Reserve,
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

/** The last look that was put off, as a function that has it now. */
function laterLooks(): () => void {
  let later = (): void => assert.fail('no look was put off')
  mock.method(globalThis, 'setTimeout', (look: () => void) => {
    later = look
  })
  return () => later()
}

test('a reserve that is half there again is given up as well when there is no room once more', () => {
  const look = laterLooks()
  const reserve = new Reserve(fresh(), 3 * MIB)
  const said: string[] = []
  const room = roomOf(reserve, said)
  room.shortage('full', 'ENOSPC')
  look()
  assert.equal(reserve.kept, MIB)
  room.shortage('full', 'ENOSPC')
  assert.deepEqual([reserve.kept, said], [0, ['full']])
  for (let i = 0; i < 3; i++) look()
  assert.deepEqual([reserve.kept, said], [3 * MIB, ['full', 'ok']])
  room.stop()
  mock.restoreAll()
})

test('what there is of a reserve for which there is no room any more is given up', () => {
  const look = laterLooks()
  let kept = 0
  let grown: 'more' | 'no-room' = 'more'
  const reserve = {
    get kept() {
      return kept
    },
    grow() {
      if (grown === 'more') kept += MIB
      return grown
    },
    release() {
      kept = 0
    },
  } as unknown as Reserve
  const said: string[] = []
  const room = roomOf(reserve, said)
  room.shortage('full', 'ENOSPC')
  look()
  assert.equal(kept, MIB)
  grown = 'no-room'
  look()
  assert.deepEqual([kept, said], [0, ['full']])
  room.stop()
  mock.restoreAll()
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
