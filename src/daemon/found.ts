/** What the daemon finds on its disk at start, and says aloud when it is not as one would expect. */
import { existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { type DataDirectory, STORE_FILE } from '../adapters/storage/data-directory.ts'
import { openStore, type SqliteStore } from '../adapters/storage/store.ts'
import type { Config } from '../config/config.ts'
import type { VoterList } from '../grants/messages.ts'
import type { NodeInit } from '../node/init.ts'
import type { Logger } from '../runtime/ports.ts'
import type { TaskRecord } from '../tasks/task.ts'
import { checkVoters } from './voters-check.ts'

/** Read permission of group and others. */
const READABLE_BY_OTHERS = 0o044

/** Opens the store, and says so when a node that has lived before finds none. */
export async function openNodeStore(directory: DataDirectory, logger: Logger): Promise<SqliteStore> {
  const path = directory.file(STORE_FILE)
  if (directory.boot > 1 && !existsSync(path)) {
    const detail = `${path} is gone: what this node had accepted and no other holds is lost`
    logger.log('warn', 'store-missing', { boot: directory.boot, detail })
  }
  return await openStore(path)
}

/** To be called before a new key is made: a store without a key is the rest of a node that its peers know by that key. */
export function sayMissingIdentity(directory: DataDirectory, file: string, logger: Logger): void {
  const path = directory.file(file)
  if (existsSync(path) || !existsSync(directory.file(STORE_FILE))) return
  const detail =
    `${path} is gone: a new key is made, so this node is a stranger to its peers. While they hold the old one for alive ` +
    'it waits outside, and lists of allowed peers do not name it. To be the old one again, stop it and restore the file'
  logger.log('warn', 'identity-missing', { path, boot: directory.boot, detail })
}

/** Kubernetes and Docker mount secrets readable for all, where nobody else is inside: hence no refusal. */
export async function sayOpenSecrets(paths: readonly string[], logger: Logger): Promise<void> {
  for (const path of paths) {
    // Read a moment ago; one that has been taken away since lies open to nobody.
    const mode = ((await stat(path).catch(() => undefined))?.mode ?? 0) & 0o777
    if ((mode & READABLE_BY_OTHERS) === 0) continue
    const octal = mode.toString(8).padStart(4, '0')
    const detail = `expected a file that only its owner can read, got mode ${octal}: chmod 600 ${path}`
    logger.log('info', 'secret-file-open', { path, mode: octal, detail })
  }
}

/** What the core was told to keep. Throws VOTERS_UNEXPECTED. */
export async function storedIn(
  store: SqliteStore,
  { grants, dataDir }: Config,
): Promise<Pick<NodeInit, 'records' | 'voter'>> {
  const voter = voterOf(await store.load('grants'))
  checkVoters(grants, voter.voters, dataDir)
  return { records: (await store.load('tasks')).map(row => row.value as TaskRecord), voter }
}

/** What a voter may never forget. */
function voterOf(rows: readonly { readonly key: string; readonly value: unknown }[]): NodeInit['voter'] {
  const value = (key: string) => rows.find(row => row.key === key)?.value
  return {
    top: value('top') as number | undefined,
    voters: value('voters') as VoterList | undefined,
    promiseMs: value('promiseMs') as number | undefined,
  }
}
