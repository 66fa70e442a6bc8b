import { statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { reasonOf } from './disk.ts'
import type { EncodedWrite, Salvaged, Table } from './protocol.ts'
import { sumOf } from './sum.ts'
import { CORRUPT, isDamage, primaryOf } from './trouble.ts'

/** Rows that are copied in one transaction, and text, in UTF-16 units, from which on it takes no more. */
const COPIED_ROWS = 1_000
const COPIED_LENGTH = 1024 * 1024
/** Rows that are stepped over one by one behind an unreadable place, before the steps double. A page has some ten. */
const SINGLE_STEPS = 64

/**
 * Copies what can still be read of a damaged store: each row whose checksum is right, in as many transactions as it
 * takes. Where a page cannot be read, it goes on behind it.
 *
 * What is copied was written once, and may be old: the log's end may be gone. So it is worth as much as a copy that
 * some node had once, and is offered as such; nobody may take it for all that this disk had promised to keep.
 *
 * @param write takes the next rows, and makes them durable; what it throws, this throws. So it does where it cannot read for
 * another reason than damage: that one passes (a lock, a disk that answers late, want of room, which SQLite needs too), and
 * to end the copy there would drop sound rows for good
 */
export function salvage(
  path: string,
  table: Table,
  write: (writes: readonly EncodedWrite[]) => void,
): Salvaged {
  let database: DatabaseSync | undefined
  let [rows, left, length, writing] = [0, 0, 0, false]
  let pending: EncodedWrite[] = []
  const flush = (): void => {
    writing = true
    if (pending.length > 0) write(pending)
    writing = false
    rows += pending.length
    length = 0
    pending = []
  }
  try {
    // A file that is shorter than it says is read only by those who say that they know: `writable_schema` does, though
    // nothing is written, and `defensive` would forbid it.
    database = new DatabaseSync(path, { readOnly: true, timeout: 0, defensive: false })
    database.exec('PRAGMA writable_schema = ON')
    for (const row of readable(database, table)) {
      if (row === undefined || !isSound(row)) left++
      else {
        pending.push([table, row.key, row.value])
        length += row.value.length
      }
      if (pending.length >= COPIED_ROWS || length >= COPIED_LENGTH) flush()
    }
    flush()
    return { rows, left, stopped: undefined }
  } catch (error) {
    if (writing || !(isDamage(error) || isGone(path))) throw error
    flush() // what was read before it had to stop
    return { rows, left, stopped: reasonOf(error) }
  } finally {
    database?.close()
  }
}

/** As the file has it: what is damaged may be of any type, and a number of any size. */
interface Row {
  readonly rowid: bigint
  readonly key: unknown
  readonly value: unknown
  readonly sum: unknown
}

type SoundRow = Row & { readonly key: string; readonly value: string }

/** A flipped bit makes a blob of a text, with the same bytes and the same checksum; the new store takes texts only. */
function isSound(row: Row): row is SoundRow {
  const { key, value, sum } = row
  return typeof key === 'string' && typeof value === 'string' && sum === BigInt(sumOf(key, value))
}

/** A log may be all that there is. */
const isGone = (path: string): boolean => statSync(path, { throwIfNoEntry: false }) === undefined

/** All rows in the order in which they lie in the file; undefined for a place that cannot be read. */
function* readable(database: DatabaseSync, table: Table): Generator<Row | undefined> {
  const query = database.prepare(`SELECT rowid, key, value, sum FROM ${table} WHERE rowid > ? ORDER BY rowid`)
  query.setReadBigInts(true) // else a number that damage made too large is an error, and the end of the copy
  const end = lastRow(database, table)
  let at = 0n
  let steps = 0
  while (at < end) {
    try {
      for (const found of query.iterate(at)) {
        const row = found as unknown as Row
        steps = 0
        at = row.rowid
        yield row
      }
      return
    } catch (error) {
      if (primaryOf(error) !== CORRUPT) throw error
      if (steps === 0) yield undefined
      steps++
      at += steps <= SINGLE_STEPS ? 1n : 2n ** BigInt(Math.min(steps - SINGLE_STEPS, 40))
    }
  }
}

/** Where the last row is cannot be read, any number may be in use. */
function lastRow(database: DatabaseSync, table: Table): bigint {
  const any = BigInt(Number.MAX_SAFE_INTEGER)
  try {
    const query = database.prepare(`SELECT max(rowid) AS last FROM ${table}`)
    query.setReadBigInts(true)
    const last = BigInt((query.get()?.['last'] as bigint | null) ?? 0n)
    return last < any ? last : any
  } catch (error) {
    if (primaryOf(error) !== CORRUPT) throw error
    return any
  }
}
