/**
 * Finding what left its process group (`setsid`, a daemon's double fork), by a mark in its environment.
 *
 * Every command gets `ROUNDTABLE_TASK_RUN=<mark>` and its descendants inherit it wherever they go. Best effort: a
 * process that clears its environment or changes its user is not found. The sure way, a control group per task, needs
 * rights that a container's main process seldom has. Only Linux shows environments; elsewhere nothing is found.
 *
 * It reads one small file per process of the machine, so it runs only after something was killed or left behind.
 */
import { readdir, readFile } from 'node:fs/promises'

/** Name of the environment variable that bears the mark. */
export const MARK_VARIABLE = 'ROUNDTABLE_TASK_RUN'

/** Rounds of looking: a stray may fork while we look. Each round kills all it sees, so more are needed only by an attack. */
const ROUNDS_MAX = 4

export interface Marked {
  /** Kill what bears this mark, or one that continues it after a dot. */
  readonly mark: string
  /** But not what bears this one or continues it. */
  readonly except?: string
}

/** SIGKILLs all marked processes. Resolves with how many there were. */
export async function killStrays(marked: Marked): Promise<number> {
  const killed = new Set<number>()
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const before = killed.size
    for (const pid of await find(marked)) if (!killed.has(pid) && kill(pid)) killed.add(pid)
    if (killed.size === before) break
  }
  return killed.size
}

async function find(marked: Marked): Promise<readonly number[]> {
  const found: number[] = []
  for (const name of await entriesOf('/proc')) {
    const pid = /^[0-9]+$/.test(name) ? Number(name) : 0
    if (pid > 1 && pid !== process.pid && isMarked(await environmentOf(pid), marked)) found.push(pid)
  }
  return found
}

function isMarked(environment: Buffer | undefined, { mark, except }: Marked): boolean {
  if (environment === undefined) return false
  return bears(environment, mark) && !(except !== undefined && bears(environment, except))
}

const bears = (environment: Buffer, mark: string): boolean =>
  environment.includes(`${MARK_VARIABLE}=${mark}.`) || environment.includes(`${MARK_VARIABLE}=${mark}\0`)

async function entriesOf(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory)
  } catch {
    return [] // No /proc on this system.
  }
}

/** Undefined for a process that is gone or another user's. A zombie's is empty. */
async function environmentOf(pid: number): Promise<Buffer | undefined> {
  try {
    return await readFile(`/proc/${pid}/environ`)
  } catch {
    return undefined
  }
}

function kill(pid: number): boolean {
  try {
    process.kill(pid, 'SIGKILL')
    return true
  } catch {
    return false // Gone since we read it.
  }
}
