/** What the daemon finds on its disk at start, and says aloud when it is not as one would expect. */
import { existsSync, statSync } from 'node:fs'
import { type DataDirectory, STORE_FILE } from '../adapters/storage/data-directory.ts'
import { openStore, type SqliteStore } from '../adapters/storage/store.ts'
import type { Config } from '../config/config.ts'
import type { StoredNotes, VoterList } from '../grants/messages.ts'
import type { NodeInit } from '../node/init.ts'
import type { Logger } from '../runtime/ports.ts'
import { fencesOf } from '../tasks/fences.ts'
import type { TaskRecord } from '../tasks/task.ts'
import { checkVoters } from './voters-check.ts'

/** What is looked at before this life of the node is counted: where it is refused, nothing has changed. */
export interface Kept {
  readonly directory: DataDirectory
  /** Undefined when none is there: one is made once the boot is counted, for a store without a boot file is refused. */
  readonly store: SqliteStore | undefined
  /** There is a store, and the key that its node was known by is gone. */
  readonly lostIdentity: boolean
}

/**
 * Opens what there is, and makes nothing. Throws as `openStore` does.
 * @param keyFile name of the file that the identity lies in
 */
export async function openKept(directory: DataDirectory, keyFile: string): Promise<Kept> {
  const path = directory.file(STORE_FILE)
  if (!existsSync(path) && !holdsSomething(`${path}-wal`))
    return { directory, store: undefined, lostIdentity: false }
  return { directory, store: await openStore(path), lostIdentity: !existsSync(directory.file(keyFile)) }
}

/** A log of a store that is not there is damage, which opening it says. */
const holdsSomething = (path: string): boolean => (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0

/** To be called before the store is made: says what a node that has lived before has lost. */
export function sayLost(
  { directory, store, lostIdentity }: Kept,
  keyFile: string,
  boot: number,
  logger: Logger,
): void {
  if (lostIdentity) {
    const path = directory.file(keyFile)
    const detail =
      `${path} is gone: a new key is made, so this node is a stranger to its peers. While they hold the old one for alive ` +
      'it waits outside, and lists of allowed peers do not name it. To be the old one again, stop it and restore the file'
    logger.log('warn', 'identity-missing', { path, boot, detail })
  }
  if (store === undefined && boot > 1) {
    const detail = `${directory.file(STORE_FILE)} is gone: what this node had accepted and no other holds is lost`
    logger.log('warn', 'store-missing', { boot, detail })
  }
}

/** What the core was told to keep. Throws VOTERS_UNEXPECTED. */
export async function storedIn(
  store: SqliteStore | undefined,
  { grants, dataDir }: Config,
): Promise<Pick<NodeInit, 'records' | 'voter' | 'fences'>> {
  const kept = (await store?.load('grants')) ?? []
  const voter = voterOf(kept)
  checkVoters(grants, voter.voters, dataDir)
  return {
    records: ((await store?.load('tasks')) ?? []).map(row => row.value as TaskRecord),
    voter,
    fences: fencesOf(kept),
  }
}

/** What a voter may never forget. */
function voterOf(rows: readonly { readonly key: string; readonly value: unknown }[]): NodeInit['voter'] {
  const value = (key: string) => rows.find(row => row.key === key)?.value
  return {
    top: value('top') as number | undefined,
    voters: value('voters') as VoterList | undefined,
    promiseMs: value('promiseMs') as number | undefined,
    notes: value('notes') as StoredNotes | undefined,
    disk: value('disk') as string | undefined,
  }
}
