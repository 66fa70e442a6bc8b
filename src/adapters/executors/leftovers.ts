/**
 * Making sure that the last life of this node is over before the next one is announced. A higher boot number from the
 * same key is taken by everybody as proof that nothing of the old life acts any more, so it has to be that.
 *
 * Three things hold it together. Whoever has the lock of the data directory knows that the old daemon is dead. The old
 * runner, which sees that too, kills all its commands and holds a lock of its own until they are dead. And where the
 * runner was killed as well, its commands are found by a mark that is kept in the directory and that everything started
 * from there bears. Outside Linux there is no finding by marks: there a `kill -9` of both leaves commands running.
 *
 * A runner that stands still (SIGSTOP) is woken, and ends what it runs by itself. It is not killed from here: of what it runs,
 * some may bear no mark any more, and only the runner knows its process group. It is found by a mark of its own, as a process
 * number that is read from a file may be another's by now. When it does not end, this node does not start, and says whom to
 * look at.
 */
import { randomUUID } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { CodedError } from '../../base/errors.ts'
import type { Logger } from '../../runtime/ports.ts'
import { type DirectoryLock, lockDirectory } from '../storage/directory-lock.ts'
import { groupOf, isStopped, signalGroup } from './process-group.ts'
import { RUNNER_LOCK, RUNNER_VARIABLE } from './runner-channel.ts'
import { findMarked, killStrays } from './stray-processes.ts'

const FILE = 'runner-mark'
const MARK_PATTERN = /^[0-9a-f-]{36}$/

/** How long an old runner may take to end, and then what it left behind, in ms. */
export const LEFTOVERS_MS = 10_000

/** Between two looks at the lock, in ms. */
const LOOK_MS = 20

/** Between two looks whether it stands still, in ms: each reads a file of every process of the machine. */
const WAKE_MS = 1_000

export interface LeftoversInit {
  /** The data directory; the caller holds its lock. */
  readonly directory: string
  readonly logger: Logger
  /** Default `LEFTOVERS_MS`. */
  readonly waitMs?: number
}

/**
 * Resolves once nothing that an earlier daemon on this data directory started can act any more.
 * @throws CodedError DATA_DIR_LOCKED naming who does not end; DATA_DIR_UNUSABLE when the mark cannot be read
 */
export async function clearLeftovers({
  directory,
  logger,
  waitMs = LEFTOVERS_MS,
}: LeftoversInit): Promise<void> {
  const begun = performance.now()
  const lock = await lockOfRunner({ directory, logger, waitMs })
  try {
    const mark = readMark(join(directory, FILE))
    const { killed, left } = mark === undefined ? NOTHING : await killStrays([mark], waitMs)
    if (left.length > 0) throw stillAlive(left, waitMs)
    const ms = Math.round(performance.now() - begun)
    if (killed.length > 0) logger.log('warn', 'leftovers-killed', { processes: killed.length, ms })
  } finally {
    lock.release()
  }
}

/**
 * The mark of this data directory, made when there is none.
 * @throws CodedError DATA_DIR_UNUSABLE: without it nobody would find what this daemon starts
 */
export function leftoverMark(directory: string): string {
  const file = join(directory, FILE)
  const known = readMark(file)
  if (known !== undefined) return known
  const mark = randomUUID()
  try {
    writeFileSync(file, mark, { mode: 0o600 })
  } catch (error) {
    throw unusable(file, 'to write the mark of what is started from here', error)
  }
  return mark
}

const NOTHING = { killed: [], left: [] }

async function lockOfRunner({ directory, logger, waitMs }: Required<LeftoversInit>): Promise<DirectoryLock> {
  const deadline = performance.now() + waitMs
  for (let wakeAt = 0; ; ) {
    try {
      return lockDirectory(directory, RUNNER_LOCK)
    } catch (error) {
      if (!(error instanceof CodedError) || error.code !== 'DATA_DIR_LOCKED') throw error
      if (performance.now() >= deadline) throw runnerStays(error, waitMs)
    }
    if (performance.now() >= wakeAt) {
      await wakeRunner(directory, logger)
      wakeAt = performance.now() + WAKE_MS
    }
    await pause(LOOK_MS)
  }
}

async function wakeRunner(directory: string, logger: Logger): Promise<void> {
  const mark = readMark(join(directory, FILE))
  if (mark === undefined) return
  for (const { pid } of await findMarked([mark], RUNNER_VARIABLE)) {
    if (!isStopped(pid)) continue
    logger.log('warn', 'leftover-runner-woken', { pid })
    signalGroup(groupOf(pid), 'SIGCONT')
  }
}

/** Undefined when no daemon has started anything from here: the file is whole before anything bears what it holds. */
function readMark(file: string): string | undefined {
  try {
    const text = readFileSync(file, 'utf8').trim()
    return MARK_PATTERN.test(text) ? text : undefined
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw unusable(file, 'a readable file', error)
  }
}

function runnerStays(error: CodedError, waitMs: number): CodedError {
  const detail = `${error.detail} It is the runner of the daemon that was here before; it has not ended within ${waitMs} ms.`
  return new CodedError('DATA_DIR_LOCKED', detail, { cause: error })
}

function stillAlive(pids: readonly number[], waitMs: number): CodedError {
  const detail = `What the daemon that was here before had started is alive ${waitMs} ms after SIGKILL: process ${pids.join(', ')}.`
  return new CodedError('DATA_DIR_LOCKED', detail)
}

const unusable = (file: string, expected: string, error: unknown): CodedError =>
  new CodedError('DATA_DIR_UNUSABLE', `${file}: expected ${expected}, got ${(error as Error).message}`, {
    cause: error,
  })
