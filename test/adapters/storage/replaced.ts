/** Damaged stores, and what the next start makes of them. */
import { readFileSync } from 'node:fs'
import { openDataDirectory } from '../../../src/adapters/storage/data-directory.ts'
import { Mark, markPath } from '../../../src/adapters/storage/mark.ts'
import { CodedError } from '../../../src/base/errors.ts'
import { countLife, openKept, sayLost, storeOf } from '../../../src/daemon/found.ts'

/** The store is behind what was acknowledged from now on, as if its log had been cut. All its rows can be read. */
export function forgetLog(store: string): void {
  const { diskId, transactions } = JSON.parse(readFileSync(markPath(store), 'utf8').replace(/ \d+\s*$/, ''))
  const mark = new Mark(store, diskId)
  mark.write(transactions + 5)
  mark.close()
}

export interface Started {
  readonly boot?: number
  /** Of what its store holds. */
  readonly keys?: readonly string[]
  /** How many of these the core would be told of. */
  readonly told?: number
  readonly lost?: boolean
  /** Why it did not start. */
  readonly code?: string
  readonly detail?: string
  readonly said: readonly (Readonly<Record<string, unknown>> & { readonly event: string })[]
}

/** Starts as a daemon does, as far as its store, and ends. */
export async function startIn(path: string): Promise<Started> {
  const said: Started['said'][number][] = []
  const logger = {
    log: (_: unknown, event: string, fields: object = {}) => void said.push({ ...fields, event }),
  }
  const directory = await openDataDirectory(path)
  try {
    const kept = await openKept(directory, 'boot.json') // any file that is there
    const { boot } = await countLife(kept)
    sayLost(kept, 'boot.json', boot, logger)
    const { store, disk, salvaged } = await storeOf(kept, boot, logger)
    const keys = (await store.load('tasks')).map(({ key }) => key)
    await store.close()
    return { boot, keys, told: kept.rows.tasks.length + salvaged.length, lost: disk.lost, said }
  } catch (error) {
    if (!(error instanceof CodedError)) throw error
    return { code: error.code, detail: error.detail, said }
  } finally {
    await directory.close()
  }
}
