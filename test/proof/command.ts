/**
 * One command of the proof, run to its end. What it measures must not be the load of the command before it: so one that takes
 * too long, or is interrupted, is told to end and may clean up, and what outlives a command is found by a mark in its
 * environment and killed, whatever group it is in.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'

export interface Ran {
  readonly code: number | null
  readonly seconds: number
  readonly stdout: string
  readonly stderr: string
  /** Processes that it left behind. They are gone. */
  readonly left: number
}

/** Text kept of each output stream, its end; in characters. */
const KEPT = 8 * 1024 * 1024

/** From the order to end until the whole group is killed, ms: hosts and daemons have to be taken down. */
const GRACE_MS = 20_000

/** What belongs to a daemon ends a moment after it. Longer than this, ms, and it has been left behind. */
const LEFT_MS = 3_000
const LOOK_MS = 50

const MARK = 'PROOF_COMMAND'
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Its progress on standard error is shown indented.
 * @param secondsMax then it is told to end
 * @throws when there is no such program; an interrupted proof ends with it
 */
export async function command(file: string, args: readonly string[], secondsMax: number): Promise<Ran> {
  const startedAt = performance.now()
  const mark = `${MARK}=${randomUUID()}`
  const env = { ...process.env, [MARK]: mark.slice(MARK.length + 1) }
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true, env })
  const closed = closedOf(child)
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout = (stdout + chunk).slice(-KEPT)
  })
  createInterface({ input: child.stderr }).on('line', line => {
    stderr = `${stderr}${line}\n`.slice(-KEPT)
    console.error(`    ${line}`)
  })
  const interrupted = await untilExit(child, secondsMax)
  // Who has its output open keeps it from being read to its end: they go first.
  const left = await endMarked(mark)
  const code = await closed
  if (interrupted) process.exit(130)
  if (left > 0) console.error(`    ${left} processes outlived it and were killed`)
  return { code, seconds: (performance.now() - startedAt) / 1_000, stdout, stderr, left }
}

/** Its exit code, once all that it said has been read. */
function closedOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
}

/** Until it has ended, on its own or told to. @returns whether somebody interrupted the proof */
async function untilExit(child: ChildProcess, secondsMax: number): Promise<boolean> {
  let interrupted = false
  const signal = (name: NodeJS.Signals): void => {
    // A leader that was waited for has no group any more, or another one's.
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
      process.kill(-child.pid, name)
  }
  const onInterrupt = (): void => {
    signal(interrupted ? 'SIGKILL' : 'SIGTERM')
    interrupted = true
  }
  const limits = [
    setTimeout(() => signal('SIGTERM'), secondsMax * 1_000),
    setTimeout(() => signal('SIGKILL'), secondsMax * 1_000 + GRACE_MS),
  ]
  for (const name of SIGNALS) process.on(name, onInterrupt)
  try {
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', () => resolve())
    })
  } finally {
    for (const limit of limits) clearTimeout(limit)
    for (const name of SIGNALS) process.off(name, onInterrupt)
  }
  return interrupted
}

/** Waits a moment for all that bear the mark to end, and kills the others. @returns how many those were */
async function endMarked(mark: string): Promise<number> {
  const end = performance.now() + LEFT_MS
  let left = marked(mark)
  while (left.length > 0 && performance.now() < end) {
    await pause(LOOK_MS)
    left = marked(mark)
  }
  const killed = new Set<number>()
  for (; left.length > 0; left = marked(mark)) {
    for (const pid of left) if (kill(pid)) killed.add(pid)
    await pause(LOOK_MS)
  }
  return killed.size
}

/** On Linux; elsewhere nobody can be found so. */
function marked(mark: string): readonly number[] {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number)
    .filter(pid => environmentOf(pid).includes(mark))
}

/** Empty for one that is gone, waits to be reaped, or is another user's. */
function environmentOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(code)) return []
    throw error
  }
}

/** @returns false when it was gone already */
function kill(pid: number): boolean {
  try {
    process.kill(pid, 'SIGKILL')
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw error
  }
}
