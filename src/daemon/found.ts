/** What the daemon finds on its disk at start, and says aloud when it is not as one would expect. */
import { existsSync, rmSync, statSync } from 'node:fs'
import type { Boot } from '../adapters/storage/boot-file.ts'
import { type DataDirectory, STORE_FILE } from '../adapters/storage/data-directory.ts'
import { CONSTRAINED, systemCode } from '../adapters/storage/disk.ts'
import type { Salvaged } from '../adapters/storage/protocol.ts'
import { putInPlace, type Ready, readyFor, salvageBeside } from '../adapters/storage/replacing.ts'
import { reservePath } from '../adapters/storage/reserve.ts'
import { openStore, type SqliteStore } from '../adapters/storage/store.ts'
import { CodedError } from '../base/errors.ts'
import type { Config } from '../config/config.ts'
import type { StoredNotes, VoterList } from '../grants/messages.ts'
import type { NodeInit } from '../node/init.ts'
import type { Disk } from '../node/machine.ts'
import type { Logger } from '../runtime/ports.ts'
import { fencesOf } from '../tasks/fences.ts'
import type { TaskRecord } from '../tasks/task.ts'
import { checkVoters } from './voters-check.ts'

/** What is looked at before this life of the node is counted: where it is refused, nothing has changed. */
export interface Kept {
  readonly directory: DataDirectory
  /**
   * Undefined when none is there, or a damaged one: one is made once the boot is counted, for a store without a boot file
   * is refused.
   */
  readonly store: SqliteStore | undefined
  /** Why the store that is there cannot be used. */
  readonly damage: CodedError | undefined
  /** All that it holds, until `storedIn` takes the tasks. */
  readonly rows: Readonly<Record<'grants' | 'tasks', Rows>>
  /** There is a store, and the key that its node was known by is gone. */
  readonly lostIdentity: boolean
}

type Rows = { key: string; value: unknown }[]

/** What the core is born with. Whoever has made the core empties `records`: it would keep each as it was for ever. */
export interface Stored {
  readonly records: TaskRecord[]
  readonly voter: NodeInit['voter']
  readonly fences: NonNullable<NodeInit['fences']>
}

/**
 * Opens and reads what there is, and makes and changes nothing. Throws as `openStore` does, but for a damaged store. That it
 * is damaged it must say twice: a disk that could not read for once looks the same (EIO), and to replace a store loses all
 * that only this disk had promised.
 * @param keyFile name of the file that the identity lies in
 */
export async function openKept(
  directory: DataDirectory,
  keyFile: string,
  open: (path: string) => Promise<SqliteStore> = openStore,
): Promise<Kept> {
  const path = directory.file(STORE_FILE)
  const nothing = { directory, store: undefined, damage: undefined, rows: noRows(), lostIdentity: false }
  const ready = readyFor(path)
  if (ready === undefined && !existsSync(path) && !holdsSomething(`${path}-wal`)) return nothing
  const lostIdentity = !existsSync(directory.file(keyFile))
  if (ready !== undefined) return { ...nothing, damage: halfReplaced(path, ready), lostIdentity }
  let found = await readAll(path, open)
  if (found instanceof CodedError) found = await readAll(path, open)
  if (found instanceof CodedError) return { ...nothing, damage: found, lostIdentity }
  return { directory, ...found, damage: undefined, lostIdentity }
}

/** @returns why, where it is damaged */
async function readAll(
  path: string,
  open: (path: string) => Promise<SqliteStore>,
): Promise<Pick<Kept, 'store' | 'rows'> | CodedError> {
  let store: SqliteStore | undefined
  try {
    store = await open(path)
    return { store, rows: { grants: await store.load('grants'), tasks: await store.load('tasks') } }
  } catch (error) {
    await store?.close()
    if (error instanceof CodedError && error.code === 'STORE_CORRUPT') return error
    throw error
  }
}

/** The store of this life, what the core is told of its disk, and records that a damaged store before it still had. */
export interface StoreOfLife {
  readonly store: SqliteStore
  readonly disk: Disk
  readonly salvaged: readonly TaskRecord[]
}

/**
 * A store that is not there is made. One takes the place of a damaged one, with what can be read of its tasks: where no other
 * node has them, they are all there is. What a voter had promised is not copied: half of it would be worse than knowing that
 * it is lost. Throws DATA_DIR_UNUSABLE when there is no room for the copy; the next start tries it again.
 */
export async function storeOf(
  { directory, store, damage }: Kept,
  boot: number,
  logger: Logger,
): Promise<StoreOfLife> {
  if (store !== undefined) return { store, disk: diskOf(store, false), salvaged: [] }
  const path = directory.file(STORE_FILE)
  const replaced = damage === undefined ? undefined : await replace(path, damage, boot, logger)
  const made = await openStore(path, { boot })
  if (replaced === undefined) return { store: made, disk: diskOf(made, boot > 1), salvaged: [] }
  try {
    const salvaged = (await made.load('tasks')).map(row => row.value as TaskRecord)
    const { aside, left: unreadable, stopped } = replaced
    logger.log('warn', 'store-salvaged', { aside, rows: salvaged.length, unreadable, stopped })
    return { store: made, disk: diskOf(made, true), salvaged }
  } catch (error) {
    await made.close()
    throw error
  }
}

/** What dies in here is done by the next start (see `replacing.ts`), which then does not know how much could not be read. */
async function replace(
  path: string,
  { detail: reason }: CodedError,
  boot: number,
  logger: Logger,
): Promise<Ready & Partial<Salvaged>> {
  const what = `${reason} What can be read of it is copied to a new store, which then takes its place`
  logger.log('error', 'store-damaged', { path, reason, boot, detail: what })
  const ready = readyFor(path) ?? (await salvageBeside(path, boot))
  putInPlace(path, ready)
  const { aside } = ready
  const detail =
    `${reason} It was moved to ${aside}, and a new store has taken its place, with what can still be read of it. What is ` +
    'missing comes back from the nodes that hold copies. Delete the file when nothing is missed'
  logger.log('error', 'store-set-aside', { path, aside, reason, boot, detail })
  return ready
}

function halfReplaced(path: string, ready: Ready): CodedError {
  const detail =
    `${path}: expected a whole store, found that a start before this one had died while it put ${ready.path} in the place ` +
    'of a damaged one.'
  return new CodedError('STORE_CORRUPT', detail)
}

function diskOf({ birth }: SqliteStore, lost: boolean): Disk {
  return { id: birth.diskId, bornBoot: birth.bornBoot, lost }
}

/**
 * Begins a new life of this node. On a full disk the reserve of its store is given up for the few bytes that this takes.
 * Throws DATA_DIR_UNUSABLE.
 */
export async function countLife({ directory, store }: Kept): Promise<Boot> {
  try {
    return await directory.countBoot()
  } catch (error) {
    const cause = error instanceof CodedError ? error.cause : undefined
    if (!CONSTRAINED.has(systemCode(cause))) throw error
    if (store !== undefined) await store.makeRoom()
    else rmSync(reservePath(directory.file(STORE_FILE)), { force: true }) // of a damaged one
    return await directory.countBoot()
  }
}

const noRows = (): Kept['rows'] => ({ grants: [], tasks: [] })

/** A log of a store that is not there is damage, which opening it says. */
const holdsSomething = (path: string): boolean => (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0

/** To be called before the store is made: says what a node that has lived before has lost. */
export function sayLost(
  { directory, store, damage, lostIdentity }: Kept,
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
  if (store === undefined && damage === undefined && boot > 1) {
    const detail = `${directory.file(STORE_FILE)} is gone: what this node had accepted and no other holds is lost`
    logger.log('warn', 'store-missing', { boot, detail })
  }
}

/** What the core was told to keep. Throws VOTERS_UNEXPECTED. */
export function storedIn({ rows }: Kept, { grants, dataDir }: Config): Stored {
  const voter = voterOf(rows.grants)
  checkVoters(grants, voter.voters, dataDir)
  const records = rows.tasks.splice(0).map(row => row.value as TaskRecord)
  return { records, voter, fences: fencesOf(rows.grants) }
}

/** What a voter may never forget. */
function voterOf(rows: Rows): NodeInit['voter'] {
  const value = (key: string) => rows.find(row => row.key === key)?.value
  return {
    top: value('top') as number | undefined,
    voters: value('voters') as VoterList | undefined,
    promiseMs: value('promiseMs') as number | undefined,
    notes: value('notes') as StoredNotes | undefined,
    disk: value('disk') as string | undefined,
  }
}
