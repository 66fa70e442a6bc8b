/** Processes of this run: what they say, when they end, and that none of them outlives it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'

export interface Started {
  readonly pid: number
  readonly child: ChildProcess
  readonly running: boolean
  /** Settles once it is gone and everything it said has been read. */
  readonly ended: Promise<void>
}

export interface StartOptions {
  readonly env?: Readonly<Record<string, string>> | undefined
  /** Everything it says goes there too. */
  readonly log: string
  /** Each line with the time it was read, on the clock of `monotonicMs`. */
  readonly onLine?: (line: string, at: number) => void
}

const running = new Set<ChildProcess>()

/** CLOCK_MONOTONIC in ms: one clock for all processes of a machine. */
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6

/** @throws when there is no such program */
export function start(command: string, args: readonly string[], { env, log, onLine }: StartOptions): Started {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  child.on('error', error => {
    throw error
  })
  running.add(child)
  const file = openSync(log, 'a', 0o600)
  for (const stream of [child.stdout, child.stderr]) {
    let rest = ''
    stream.on('data', (chunk: Buffer) => {
      const at = monotonicMs()
      writeSync(file, chunk)
      const lines = (rest + chunk.toString()).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) onLine?.(line, at)
    })
  }
  const ended = new Promise<void>(resolve => {
    child.on('close', () => {
      running.delete(child)
      closeSync(file)
      resolve()
    })
  })
  return {
    pid: child.pid ?? 0,
    child,
    ended,
    get running() {
      return child.exitCode === null && child.signalCode === null
    },
  }
}

/** Ends what still runs, frozen or not, with everything below it. */
export function endAll(): void {
  for (const child of running) if (child.pid !== undefined) signalTree(child.pid, 'SIGKILL')
}

/** Signals a process and all below it, the lowest first, so that none is missed by a parent that dies. */
export function signalTree(pid: number, signal: NodeJS.Signals): void {
  for (const each of treeOf(pid).toReversed()) {
    try {
      process.kill(each, signal)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}

/** A process and all below it, children of children included; parents come before their children. */
export function treeOf(pid: number): readonly number[] {
  const below = Map.groupBy(
    readdirSync('/proc')
      .filter(name => /^\d+$/.test(name))
      .map(name => ({ pid: Number(name), parent: statOf(Number(name))?.parent })),
    ({ parent }) => parent,
  )
  const tree = [pid]
  for (const each of tree) tree.push(...(below.get(each) ?? []).map(child => child.pid))
  return tree
}

/** Does it run, or could it run on? What waits to be reaped does not. */
export function lives(pid: number): boolean {
  const state = statOf(pid)?.state
  return state !== undefined && state !== 'Z' && state !== 'X'
}

/** Does SIGSTOP hold it? */
export const isStopped = (pid: number): boolean => statOf(pid)?.state === 'T'

/** Undefined when there is no such process (any more). */
function statOf(pid: number): { readonly state: string; readonly parent: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [state = '', parent = ''] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return { state, parent: Number(parent) }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ESRCH') return undefined
    throw error
  }
}

/** Waits for a condition; the time that it took in ms, or null when it did not come true in `ms`. */
export async function until(holds: () => boolean, ms: number, since = monotonicMs()): Promise<number | null> {
  const end = monotonicMs() + ms
  while (!holds()) {
    if (monotonicMs() > end) return null
    await pause(2)
  }
  return monotonicMs() - since
}
