/**
 * What lies open on this machine to others than the user of this daemon. Nothing is refused: who the others are is not
 * known here. Kubernetes and Docker mount secrets readable for all, where nobody else is inside; and Kubernetes hands a
 * volume to the group of the pod (`fsGroup`), by a set-group-id directory that the group may write.
 */
import { stat } from 'node:fs/promises'
import type { Logger } from '../runtime/ports.ts'

/** Reading and writing by group and others; writing alone; what is the others' of both. */
const OPEN = 0o066
const WRITABLE = 0o022
const OTHERS = 0o007
const SET_GROUP_ID = 0o2000

/** Where secrets were read from that the configuration names: keys, tokens, or the configuration itself. */
export async function sayOpenSecrets(paths: readonly string[], logger: Logger): Promise<void> {
  for (const path of paths) {
    const mode = await modeOf(path)
    if ((mode & OPEN) !== 0) say('info', path, mode, FILE, logger)
  }
}

/**
 * What this daemon made for itself alone. Whoever can read the key can be this node; whoever can write to the directory
 * can put other files in the place of the key and the store.
 */
export async function sayOpenDirectory(directory: string, keyFile: string, logger: Logger): Promise<void> {
  const mode = await modeOf(directory)
  const handedOver = (mode & SET_GROUP_ID) !== 0
  const levelOf = (bits: number) => (handedOver && (bits & OTHERS) === 0 ? 'info' : 'warn')
  if ((mode & WRITABLE) !== 0) say(levelOf(mode & WRITABLE), directory, mode, DIRECTORY, logger)
  const keyMode = await modeOf(keyFile)
  if ((keyMode & OPEN) !== 0) say(levelOf(keyMode & OPEN), keyFile, keyMode, FILE, logger)
}

const FILE = { expected: 'a file that only its owner can read and write', mend: 'chmod 600' }
const DIRECTORY = { expected: 'a directory that only its owner can write to', mend: 'chmod 700' }

function say(
  level: 'info' | 'warn',
  path: string,
  mode: number,
  { expected, mend }: typeof FILE,
  logger: Logger,
): void {
  const octal = mode.toString(8).padStart(4, '0')
  const detail = `expected ${expected}, got mode ${octal}: ${mend} ${path}`
  logger.log(level, 'secret-file-open', { path, mode: octal, detail })
}

/** Read a moment ago; one that has been taken away since lies open to nobody. */
async function modeOf(path: string): Promise<number> {
  const found = await stat(path).catch(() => undefined)
  return (found?.mode ?? 0) & 0o7777
}
