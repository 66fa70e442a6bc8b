/**
 * Puts a new store in the place of a damaged one, with all rows that can still be read of it.
 *
 * The damaged one stays where it is until the new one is whole. So a start that dies meanwhile, or finds no room, leaves a
 * damaged store as it was, and the next one begins again. From then on a file says by its name that the two are being
 * exchanged and what the damaged one is to be called; whoever finds it goes on with that. To set the damaged one aside
 * first would be simpler, and a start that dies then would leave half a store that looks like a whole one.
 *
 * | file beside `store.sqlite` | what it is |
 * |---|---|
 * | `store.sqlite.salvaging` | the new store while rows are copied; worth nothing |
 * | `store.sqlite.salvaged-N` | the new store, whole, until it has its name. N is the boot in which it was made |
 * | `store.sqlite.damaged-N` | the damaged one: the last copy of what no other node has. No daemon reads or changes it any more |
 */
import { existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { CodedError } from '../../base/errors.ts'
import { CONSTRAINED, reasonOf, syncDirectory, syncFile, systemCode, unusable } from './disk.ts'
import { markPath } from './mark.ts'
import type { Salvaged } from './protocol.ts'
import { openStore } from './store.ts'

/** A whole store that waits for the place of a damaged one. */
export interface Ready {
  readonly path: string
  /** Where the main file of the damaged one goes; its log keeps its `-wal`, as SQLite's tools want it. */
  readonly aside: string
}

/** What the log of the new store takes while it is filled: it is copied at 4 MiB, and no transaction is of more than some. */
const LOG_BYTES = 8 * 1024 * 1024

const draftOf = (store: string): string => `${store}.salvaging`

/** What a start before this one had made ready and could not put in its place. Looks only. */
export function readyFor(store: string): Ready | undefined {
  const prefix = `${basename(store)}.salvaged-`
  const name = readdirSync(dirname(store)).find(each => each.startsWith(prefix))
  return name === undefined ? undefined : ready(store, name.slice(prefix.length))
}

const ready = (store: string, boot: number | string): Ready => ({
  path: `${store}.salvaged-${boot}`,
  aside: `${store}.damaged-${boot}`,
})

/**
 * Makes a new store of what can be read of the tasks in the damaged one, which stays as it is. On a full disk its reserve
 * is given up for it. Throws DATA_DIR_UNUSABLE, and then nothing is left of the new one.
 * @param boot in which this is; it names the two files, so that none is ever written over
 */
export async function salvageBeside(store: string, boot: number): Promise<Ready & Salvaged> {
  const draft = draftOf(store)
  const made = ready(store, boot)
  try {
    removeDraft(store)
    const salvaged = await copyTasks(store, draft, boot)
    syncFile(draft)
    renameSync(draft, made.path)
    syncDirectory(dirname(store))
    return { ...made, ...salvaged }
  } catch (error) {
    throw new CodedError('DATA_DIR_UNUSABLE', `${unsalvaged(store, error)}${cleared(store)}`, {
      cause: error,
    })
  }
}

async function copyTasks(store: string, draft: string, boot: number): Promise<Salvaged> {
  const made = await openStore(draft, { boot, reserveBytes: 0, reserveOf: store })
  let salvaged: Salvaged
  try {
    salvaged = await made.salvage(store, 'tasks')
  } finally {
    await made.close()
  }
  // SQLite keeps silent when it cannot copy the log on closing, and the log does not move with the file.
  if (sizeOf(`${draft}-wal`) > 0) {
    const detail = `${draft}-wal could not be copied into ${draft}`
    throw new CodedError('STORE_FAILED', detail, { cause: 'full' }) // as far as anybody can tell
  }
  return salvaged
}

function unsalvaged(store: string, error: unknown): string {
  const reason = error instanceof CodedError ? error.detail : reasonOf(error)
  const mebibytes = Math.ceil((sizeOf(store) + sizeOf(`${store}-wal`) + LOG_BYTES) / 2 ** 20)
  return (
    `${store} is damaged: expected room for a copy of what can be read of it (${mebibytes} MiB at the most) and leave to ` +
    `write it, got an error (${reason}). The damaged store lies there as it was, and no other has taken its place. The next start begins ` +
    `the copy again${isForRoom(error) ? ': make room first' : ''}.`
  )
}

const isForRoom = (error: unknown): boolean =>
  CONSTRAINED.has(systemCode(error)) || (error instanceof CodedError && error.cause === 'full')

/** @returns what to say of it */
function cleared(store: string): string {
  try {
    removeDraft(store)
    return ''
  } catch (error) {
    return ` What was copied could not be removed from ${draftOf(store)} (${reasonOf(error)}).`
  }
}

/**
 * Sets the damaged store aside, log and mark included, and gives the new one its name. After a crash in the middle `readyFor`
 * finds the new one still, and this goes on with what is left. Throws DATA_DIR_UNUSABLE.
 */
export function putInPlace(store: string, { path, aside }: Ready): void {
  const moves = [
    [`${store}-wal`, `${aside}-wal`],
    [store, aside],
    [markPath(store), markPath(aside)],
  ] as const
  try {
    for (const [from, to] of moves) if (existsSync(from)) moveAside(from, to)
    rmSync(`${store}-shm`, { force: true }) // left by those who have looked
    syncDirectory(dirname(store))
    renameSync(path, store)
    syncDirectory(dirname(store))
    removeDraft(store)
  } catch (error) {
    const expected = `to move the damaged store to ${aside} and ${path} in its place, which the next start goes on with`
    throw unusable(store, expected, error)
  }
}

/** Both are there only where somebody else has put a store in this place. */
function moveAside(from: string, to: string): void {
  if (existsSync(to)) throw new Error(`${from} and ${to}: only one of them can be of the damaged store`)
  renameSync(from, to)
}

/** Its log, its mark and what was left of making it as well. */
function removeDraft(store: string): void {
  const prefix = basename(draftOf(store))
  for (const name of readdirSync(dirname(store)))
    if (name.startsWith(prefix)) rmSync(join(dirname(store), name), { force: true })
}

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0
