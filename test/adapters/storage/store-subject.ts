/** Stores in directories of their own, and what tests ask of them. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { openStore, type SqliteStore } from '../../../src/adapters/storage/store.ts'
import { CodedError } from '../../../src/base/errors.ts'

/** Of this test file; it is gone afterwards. */
export const root = mkdtempSync(join(tmpdir(), 'roundtable-store-'))
after(() => rmSync(root, { recursive: true }))
let count = 0

/** Path of a store that is not there yet. */
export function fresh(): string {
  const path = join(root, `s${++count}`)
  mkdirSync(path)
  return join(path, 'store.sqlite')
}

export const script = join(import.meta.dirname, 'storage-process.ts')

export type Row = { key: string; value: unknown }
export const row = (i: number): Row => ({
  key: `k${String(i).padStart(6, '0')}`,
  value: { i, text: 'y'.repeat(300) },
})

export async function filled(rows: number): Promise<string> {
  const path = fresh()
  const store = await openStore(path, { reserveBytes: 0 })
  await put(store, rows)
  await store.close()
  return path
}

export const put = (store: SqliteStore, rows: number): Promise<void> =>
  store.commit(
    Array.from({ length: rows }, (_, i) => ({
      table: 'tasks',
      ...row(i),
      value: { i, text: 'y'.repeat(300) },
    })),
  )

/** A store whose last rows are in its log: `copy` makes one as a power cut would leave it. */
export async function logged(rows: number): Promise<{ copy: () => string; log: Buffer }> {
  const path = fresh()
  const store = await openStore(path, { reserveBytes: 0 })
  for (let i = 0; i < rows; i += 10) {
    await store.commit(
      Array.from({ length: 10 }, (_, j) => ({ table: 'tasks', key: row(i + j).key, value: { i: i + j } })),
    )
  }
  const source = fresh()
  // Another process copies them: closing one of them in this one would drop its locks.
  for (const end of ['', '-wal', '-mark']) execFileSync('cp', [`${path}${end}`, `${source}${end}`])
  await store.close()
  const copy = (): string => {
    const to = fresh()
    for (const end of ['', '-wal', '-mark']) copyFileSync(`${source}${end}`, `${to}${end}`)
    return to
  }
  return { copy, log: readFileSync(`${source}-wal`) }
}

export const refusal = (code: CodedError['code'], ...parts: string[]) => {
  return (error: unknown): boolean => {
    assert.ok(error instanceof CodedError, String(error))
    assert.equal(error.code, code, error.message)
    for (const part of parts) assert.ok(error.message.includes(part), `${part} in ${error.message}`)
    return true
  }
}

/** Opens and reads everything; says what came, or the code of the refusal. */
export async function contents(path: string): Promise<readonly Row[] | string> {
  let store: SqliteStore | undefined
  try {
    store = await openStore(path, { reserveBytes: 0 })
    return await store.load('tasks')
  } catch (error) {
    assert.ok(error instanceof CodedError, String(error))
    assert.ok(error.message.includes(path), error.message)
    return error.code
  } finally {
    await store?.close()
  }
}
