/** A queue under measurement with its eight workers, ours or another one: what the bench asks of each of them. */
import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { treeOf } from '../../faults/started.ts'

export interface Subject {
  readonly name: string
  /** Adds one no-op job; settles when the queue has acknowledged it. */
  add(): Promise<void>
  /** Adds so many in one call, or in as few as it has. @throws when it cannot */
  addBulk(count: number): Promise<void>
  /** Nothing starts from now on, until `release`. */
  hold(): Promise<void>
  release(): Promise<void>
  /** No-op jobs that have ended for good since the start. */
  done(): Promise<number>
  /** Adds one job; from before the call to the start of its work, in ms. Nothing else is to do meanwhile. */
  addToStart(): Promise<number>
  /** Processor seconds that servers and workers have used so far. The one who adds is not among them. */
  cpuSeconds(): number
  /** The worst p99 of the event loops of those who do the work, since the last call, in ms; where it is known. */
  loopDelayP99Ms?(): Promise<number>
  /** Durable copies that an acknowledgement told of, on average; where acknowledgements tell. */
  copiesTold?(): number
  close(): Promise<void>
}

export interface SubjectOptions {
  /** A new one, for its disk. All subjects lie on the same disk. */
  readonly directory: string
  /** Worker processes. */
  readonly workers: number
  /** Jobs that each of them does at one time. */
  readonly concurrency: number
}

/** CLOCK_MONOTONIC in ms: one clock for all processes of the machine. */
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6

/** Linux counts processor time in these, a second. */
const TICKS = 100

/** Processor seconds of these and of everything below them, that has ended and was waited for or not. */
export function cpuSecondsOf(pids: readonly number[]): number {
  const all = new Set(pids.flatMap(pid => treeOf(pid)))
  return [...all].reduce((sum, pid) => sum + ticksOf(pid) / TICKS, 0)
}

function ticksOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return Number(fields[11]) + Number(fields[12]) + Number(fields[13]) + Number(fields[14])
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ESRCH') return 0
    throw error
  }
}

/** Waits for a condition of other processes. @throws when it does not come in time */
export async function until(
  what: string,
  look: () => Promise<boolean> | boolean,
  ms = 60_000,
  everyMs = 5,
): Promise<void> {
  const end = monotonicMs() + ms
  while (!(await look())) {
    if (monotonicMs() > end) throw new Error(`waited ${ms / 1_000} s in vain until ${what}`)
    await pause(everyMs)
  }
}
