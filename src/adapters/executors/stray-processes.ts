/**
 * Finding what left its process group (`setsid`, a daemon's double fork), by a mark in its environment.
 *
 * Every command gets `ROUNDTABLE_TASK_RUN=<mark>` and its descendants inherit it wherever they go. Best effort: a
 * process that clears its environment or changes its user is not found. The sure way, a control group per task, needs
 * rights that a container's main process seldom has. Only Linux shows environments; elsewhere nothing is found.
 *
 * It reads one small file per process of the machine, so it runs only after something was killed or left behind. It
 * reads them without the thread pool: 20 microseconds each instead of 150, and a deadline waits for the end of it.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as pause, setImmediate } from 'node:timers/promises'
import { groupNumberOf } from './process-group.ts'
import { hurry } from './yielding.ts'

/** Name of the environment variable that bears the mark. */
export const MARK_VARIABLE = 'ROUNDTABLE_TASK_RUN'

/** Processes read before others get their turn: about 5 ms. */
const SLICE = 256

/** Between two rounds of looking, in ms: what was killed needs a moment to be gone. */
export const ROUND_MS = 5

export interface Stray {
  readonly pid: number
  /** Which of the marks it bears, or continues after a dot. */
  readonly mark: string
  /** Number of its process group; null when it is gone. */
  readonly group: number | null
}

export interface Sweep {
  /** What was found alive and got SIGKILL. */
  readonly killed: readonly Stray[]
  /** What was alive still when the time was up: only the kernel can keep a killed process (a hung disk). */
  readonly left: readonly number[]
}

/**
 * SIGKILLs all processes that bear one of these marks, or one that continues it after a dot. Resolves once none is
 * alive, whatever they fork meanwhile, or when the time is up.
 *
 * @param waitMs how long to go on, in ms
 */
export async function killStrays(marks: readonly string[], waitMs: number): Promise<Sweep> {
  const deadline = performance.now() + waitMs
  const killed = new Map<number, Stray>()
  for (;;) {
    const found = await killRound(marks, killed)
    if (found.length === 0) return { killed: [...killed.values()], left: [] }
    if (performance.now() >= deadline) {
      return { killed: [...killed.values()], left: found.map(({ pid }) => pid) }
    }
    await pause(ROUND_MS)
  }
}

/**
 * Looks once, and SIGKILLs what it finds.
 *
 * @param killed what the signal reached is added, by its pid
 * @returns all that was found alive
 */
export async function killRound(
  marks: readonly string[],
  killed: Map<number, Stray>,
): Promise<readonly Stray[]> {
  const found = await findMarked(marks)
  for (const stray of found) if (kill(stray.pid)) killed.set(stray.pid, stray)
  return found
}

/** All processes that bear one of these marks, or one that continues it after a dot, in this variable of their environment. */
export async function findMarked(
  marks: readonly string[],
  variable: string = MARK_VARIABLE,
): Promise<readonly Stray[]> {
  const found: Stray[] = []
  let looked = 0
  for (const name of processNames()) {
    const pid = Number(name)
    if (pid === 1 || pid === process.pid) continue
    if (++looked % SLICE === 0) await setImmediate()
    const own = markIn(environmentOf(pid), variable)
    const mark = own && marks.find(known => own === known || own.startsWith(`${known}.`))
    if (mark) found.push({ pid, mark, group: groupNumberOf(pid) })
  }
  return found
}

/** The mark in an environment as the kernel shows it: texts that end with a NUL. */
function markIn(environment: Buffer | undefined, variable: string): string | undefined {
  const text = environment?.toString('latin1') ?? ''
  const from = `\0${text}`.indexOf(`\0${variable}=`)
  if (from === -1) return undefined
  const value = text.slice(from + variable.length + 1)
  return value.slice(0, value.indexOf('\0'))
}

function processNames(): readonly string[] {
  try {
    return readdirSync('/proc').filter(name => /^[0-9]+$/.test(name))
  } catch {
    return [] // No /proc on this system.
  }
}

/** Undefined for a process that is gone or another user's. A zombie's is empty. */
function environmentOf(pid: number): Buffer | undefined {
  try {
    return readFileSync(`/proc/${pid}/environ`)
  } catch {
    return undefined
  }
}

function kill(pid: number): boolean {
  hurry(pid)
  try {
    process.kill(pid, 'SIGKILL')
    return true
  } catch {
    return false // Gone since we read it.
  }
}
