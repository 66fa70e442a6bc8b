import { execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openStore, type SqliteStore } from '../../src/adapters/storage/store.ts'
import { type StorePlace, storeContract } from './store-contract.ts'

storeContract('SQLite', directoryPlace)

async function directoryPlace(): Promise<StorePlace> {
  const root = await mkdtemp(join(tmpdir(), 'roundtable-store-'))
  let directory = join(root, '0')
  let lives = 0
  let current: SqliteStore | undefined
  return {
    open: async () => {
      await current?.close()
      current = await openStore(join(directory, 'store.sqlite'), { reserveBytes: 4096 })
      return current
    },
    crash: async () => {
      // The files as they lie there are what the next start would find. Another process copies them: closing one of
      // them in this one would drop its locks.
      const next = join(root, String(++lives))
      execFileSync('cp', ['-a', directory, next])
      await current?.close()
      directory = next
    },
    remove: async () => {
      await current?.close()
      await rm(root, { recursive: true })
    },
  }
}
