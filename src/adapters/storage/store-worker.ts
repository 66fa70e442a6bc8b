/**
 * The worker thread that owns the database: SQLite's calls block, so they block here and not the daemon's event loop.
 * It does what it is told in the order it is told; grouping, limits and promises are the main thread's.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import { crc32 } from 'node:zlib'
import { assert } from '../../base/assert.ts'
import { CodedError } from '../../base/errors.ts'
import { reasonOf } from './disk.ts'
import { TABLES } from './format.ts'
import type { EncodedWrite, FromWorker, Table, ToWorker, WorkerOrder } from './protocol.ts'
import { openStoreFile } from './store-file.ts'

/** One answer to `read` is so small that unpacking it is a matter of a millisecond. */
const READ_ROWS_MAX = 512
const READ_LENGTH_MAX = 256 * 1024

assert(parentPort !== null, 'the store worker runs in a worker thread')
const port = parentPort
const order = workerData as WorkerOrder

const answer = (message: FromWorker): void => port.postMessage(message)

/** Key and value together, so that a value under another's key is seen too. */
const sumOf = (key: string, value: string): number => crc32(value, crc32(key))

function run(database: DatabaseSync): void {
  const put = statements(
    database,
    table =>
      `INSERT INTO ${table} VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value, sum = excluded.sum`,
  )
  const remove = statements(database, table => `DELETE FROM ${table} WHERE key = ?`)
  let begunAt: number | undefined
  let failed = false

  function apply([table, key, value]: EncodedWrite): void {
    if (value === null) remove[table].run(key)
    else put[table].run(key, value, sumOf(key, value))
  }

  function write(writes: readonly EncodedWrite[], last: boolean): void {
    if (failed) return
    try {
      if (begunAt === undefined) {
        begunAt = performance.now()
        database.exec('BEGIN IMMEDIATE')
      }
      for (const each of writes) apply(each)
      if (!last) return
      database.exec('COMMIT')
      answer({ kind: 'committed', ms: performance.now() - begunAt })
      begunAt = undefined
    } catch (error) {
      failed = true
      answer({ kind: 'failed', detail: `${order.path}: ${reasonOf(error)}` })
    }
  }

  function read(id: number, table: Table, after: string | undefined): void {
    try {
      answer({ kind: 'rows', id, ...rowsAfter(database, table, after) })
    } catch (error) {
      const code = error instanceof CodedError ? error.code : 'STORE_CORRUPT'
      const detail = error instanceof CodedError ? error.detail : `${order.path}: ${reasonOf(error)}`
      answer({ kind: 'unreadable', id, code, detail })
    }
  }

  port.on('message', (message: ToWorker) => {
    if (message.kind === 'write') write(message.writes, message.last)
    else if (message.kind === 'read') read(message.id, message.table, message.after)
    else {
      database.close()
      port.close()
    }
  })
}

function statements(
  database: DatabaseSync,
  sql: (table: Table) => string,
): Readonly<Record<Table, StatementSync>> {
  return Object.fromEntries(TABLES.map(table => [table, database.prepare(sql(table))])) as Record<
    Table,
    StatementSync
  >
}

/** The next rows in key order. Each call is a query of its own, so no long read holds the log back. */
function rowsAfter(
  database: DatabaseSync,
  table: Table,
  after: string | undefined,
): { rows: string[]; done: boolean } {
  const where = after === undefined ? '' : 'WHERE key > ?'
  const query = database.prepare(`SELECT key, value, sum FROM ${table} ${where} ORDER BY key`)
  const rows: string[] = []
  let length = 0
  for (const row of query.iterate(...(after === undefined ? [] : [after]))) {
    const { key, value, sum } = row as { key: string; value: string; sum: number }
    checkSum(table, key, value, sum)
    rows.push(key, value)
    length += key.length + value.length
    if (rows.length >= 2 * READ_ROWS_MAX || length >= READ_LENGTH_MAX) return { rows, done: false }
  }
  return { rows, done: true }
}

function checkSum(table: Table, key: string, value: string, found: number): void {
  const expected = sumOf(key, value)
  if (found === expected) return
  throw new CodedError(
    'STORE_CORRUPT',
    `${order.path}: the row ${JSON.stringify(key)} of ${table} is damaged: expected checksum ${expected}, found ${found}.`,
  )
}

try {
  run(openStoreFile(order.path, order.fileBytesMax))
  answer({ kind: 'opened' })
} catch (error) {
  if (!(error instanceof CodedError)) throw error
  answer({ kind: 'refused', code: error.code, detail: error.detail })
}
